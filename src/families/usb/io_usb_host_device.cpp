// SPDX-License-Identifier: Apache-2.0
// IOUSBHostDevice: the session, requests, configurations and interfaces (semantics.md 8).
#include <new>
#include <utility>

#include <USBDriverKit/IOUSBHostFamilyDefinitions.h>
#include <USBDriverKit/IOUSBHostInterface.h>
#include <USBDriverKit/USBDriverKitDefs.h>

#include "base/log.h"
#include "families/usb/entry_objects.h"
#include "families/usb/io_buffer.h"
#include "families/usb/usb_device_state.h"
#include "families/usb/usb_request.h"
#include "families/usb/usb_results.h"

using opendext::backends::UsbBackend;
using opendext::usb::EndpointRequests;
using opendext::usb::RequestEnd;

namespace opendext::usb {

void AttachSession(IOUSBHostDevice *device, std::shared_ptr<UsbBackend> backend) {
    IOUSBHostDevice_IVars &state = *device->ivars;
    state.control = std::make_shared<EndpointRequests>(backend, backends::UsbEndpointAddress{},
                                                       backends::UsbTransferType::kControl);
    state.backend = std::move(backend);
    service::SetProviderHooks(device, &state);
}

namespace {

// Whether `client` may send requests.
kern_return_t CheckClient(IOUSBHostDevice_IVars &state, const IOService *client) {
    if (client == nullptr) {
        return kIOReturnBadArgument;
    }
    if (state.backend == nullptr || !state.backend->IsPresent()) {
        return kIOReturnNoDevice;
    }
    const std::scoped_lock lock(state.mutex);
    return state.client == client ? kIOReturnSuccess : kIOReturnNotOpen;
}

}  // namespace
}  // namespace opendext::usb

bool IOUSBHostDevice_IVars::EndSession(IOService *of) {
    {
        const std::scoped_lock change(change_mutex);
        {
            const std::scoped_lock lock(mutex);
            if (of == nullptr || client != of) {
                return false;
            }
            client = nullptr;
        }
        backend->Release(std::nullopt);
    }
    of->release();
    return true;
}

void IOUSBHostDevice_IVars::ClientStopped(IOService *stopped) {
    if (EndSession(stopped)) {
        opendext::LogInfo("USB device: closed for {}, which stopped with the device open",
                          stopped->getMetaClass()->getClassName());
    }
}

bool IOUSBHostDevice::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOUSBHostDevice_IVars;
    return ivars != nullptr;
}

void IOUSBHostDevice::free() {
    opendext::usb::ForgetObject(this);
    if (ivars != nullptr) {
        ivars->EndSession(ivars->client);
        delete std::exchange(ivars, nullptr);
    }
    super::free();
}

kern_return_t IMPL(IOUSBHostDevice, Open) {
    static_cast<void>(options);
    static_cast<void>(arg);
    if (forClient == nullptr || opendext::service::IsStopped(forClient)) {
        return kIOReturnBadArgument;
    }
    if (ivars->backend == nullptr) {
        return kIOReturnNoDevice;
    }
    const std::scoped_lock change(ivars->change_mutex);
    if (ivars->client != nullptr) {
        return kIOReturnExclusiveAccess;
    }
    // Somebody in another process may have it.
    if (const auto claimed = ivars->backend->Claim(std::nullopt); !claimed) {
        return opendext::usb::ResultOf(claimed.error());
    }
    const std::scoped_lock lock(ivars->mutex);
    forClient->retain();
    ivars->client = forClient;
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostDevice, Close) {
    static_cast<void>(options);
    return ivars->EndSession(forClient) ? kIOReturnSuccess : kIOReturnNotOpen;
}

kern_return_t IMPL(IOUSBHostDevice, CreateIOBuffer) {
    return opendext::usb::CreateIOBuffer(options, capacity, buffer);
}

kern_return_t IMPL(IOUSBHostDevice, AsyncDeviceRequest) {
    const kern_return_t result = opendext::usb::CheckClient(*ivars, forClient);
    return result != kIOReturnSuccess
               ? result
               : opendext::usb::StartControl(
                     ivars->control,
                     {.setup = {bmRequestType, bRequest, wValue, wIndex, wLength},
                      .memory = dataBuffer,
                      .timeout_ms = completionTimeoutMs},
                     completion);
}

kern_return_t IMPL(IOUSBHostDevice, DeviceRequest) {
    if (bytesTransferred != nullptr) {
        *bytesTransferred = 0;
    }
    if (const kern_return_t result = opendext::usb::CheckClient(*ivars, forClient);
        result != kIOReturnSuccess) {
        return result;
    }
    const RequestEnd end = opendext::usb::CallControl(
        ivars->control, {.setup = {bmRequestType, bRequest, wValue, wIndex, wLength},
                         .memory = dataBuffer,
                         .timeout_ms = completionTimeoutMs});
    if (bytesTransferred != nullptr) {
        *bytesTransferred = static_cast<uint16_t>(end.num_bytes);
    }
    return end.result;
}

kern_return_t IMPL(IOUSBHostDevice, AbortDeviceRequests) {
    const kern_return_t result = opendext::usb::CheckClient(*ivars, forClient);
    if (result == kIOReturnSuccess) {
        ivars->control->Abort(withError, (options & kIOUSBAbortSynchronous) != 0);
    }
    return result;
}

kern_return_t IMPL(IOUSBHostDevice, SetConfiguration) {
    if (ivars->backend == nullptr) {
        return kIOReturnNoDevice;
    }
    const auto done = ivars->backend->SetConfiguration(bConfigurationValue, matchInterfaces);
    if (!done) {
        opendext::LogWarning("USB device: configuration {} was not set: {}", bConfigurationValue,
                             done.error().message);
        return opendext::usb::ResultOf(done.error());
    }
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostDevice, Reset) {
    if (ivars->backend == nullptr) {
        return kIOReturnNoDevice;
    }
    const auto done = ivars->backend->Reset();
    if (!done) {
        opendext::LogWarning("USB device: not reset: {}", done.error().message);
        return done.error().code == opendext::backends::BackendErrorCode::kUnsupported
                   ? kIOReturnUnsupported
                   : opendext::usb::ResultOf(done.error());
    }
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostDevice, CreateInterfaceIterator) {
    if (ref == nullptr) {
        return kIOReturnBadArgument;
    }
    *ref = 0;
    const std::shared_ptr<opendext::service::ServiceContext> context = IOService::ivars->context;
    if (context == nullptr || ivars->backend == nullptr) {
        return kIOReturnNotAttached;
    }
    auto children = context->registry->CopyChildren(IOService::ivars->entry);
    if (!children) {
        return children.error();
    }
    std::erase_if(*children, [](const opendext::RelatedEntry &child) {
        return child.class_name != kIOUSBHostInterfaceClassName;
    });
    const std::scoped_lock lock(ivars->mutex);
    *ref = ++ivars->last_walk;
    ivars->walks[*ref].interfaces = std::move(*children);
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostDevice, DestroyInterfaceIterator) {
    const std::scoped_lock lock(ivars->mutex);
    return ivars->walks.erase(ref) != 0 ? kIOReturnSuccess : kIOReturnBadArgument;
}

kern_return_t IMPL(IOUSBHostDevice, CopyInterface) {
    *interface = nullptr;
    opendext::RelatedEntry next;
    {
        const std::scoped_lock lock(ivars->mutex);
        const auto found = ivars->walks.find(ref);
        if (found == ivars->walks.end()) {
            return kIOReturnBadArgument;
        }
        opendext::usb::InterfaceWalk &walk = found->second;
        if (walk.num_done == walk.interfaces.size()) {
            return kIOReturnSuccess;
        }
        next = walk.interfaces[walk.num_done++];
    }
    auto object = opendext::usb::ObjectOfNeighbour(this, next, *ivars->backend);
    if (!object) {
        return object.error();
    }
    *interface = OSDynamicCast(IOUSBHostInterface, object->release());
    return kIOReturnSuccess;
}
