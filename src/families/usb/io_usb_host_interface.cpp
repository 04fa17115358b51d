// SPDX-License-Identifier: Apache-2.0
// IOUSBHostInterface: the session, settings, pipes and requests (semantics.md 8).
#include <new>
#include <string>
#include <utility>

#include <USBDriverKit/AppleUSBDescriptorParsing.h>
#include <USBDriverKit/USBDriverKitDefs.h>

#include "base/log.h"
#include "base/once_per_key.h"
#include "families/usb/descriptor_copies.h"
#include "families/usb/device_queries.h"
#include "families/usb/entry_objects.h"
#include "families/usb/io_buffer.h"
#include "families/usb/usb_interface_state.h"
#include "families/usb/usb_pipe_state.h"
#include "families/usb/usb_request.h"
#include "families/usb/usb_results.h"

using opendext::backends::UsbBackend;
using opendext::backends::UsbConfiguration;
using opendext::backends::UsbEndpointAddress;
using opendext::backends::UsbInterfaceSetting;
using opendext::usb::EndpointRequests;
using opendext::usb::InterfaceSession;
using opendext::usb::PipesByAddress;
using opendext::usb::RequestEnd;

namespace opendext::usb {

void AttachSession(IOUSBHostInterface *interface, std::shared_ptr<UsbBackend> backend,
                   uint8_t number) {
    IOUSBHostInterface_IVars &state = *interface->ivars;
    state.control = std::make_shared<EndpointRequests>(backend, UsbEndpointAddress{},
                                                       backends::UsbTransferType::kControl);
    state.session = std::make_shared<InterfaceSession>(std::move(backend), number);
    service::SetProviderHooks(interface, &state);
}

namespace {

// Option bit of Open: `arg` is an alternate setting.
constexpr IOOptionBits kOpenSelectsAlternateSetting = 1 << 16;

UsbBackend *BackendOf(const IOUSBHostInterface_IVars &state) {
    return state.session != nullptr ? state.session->backend().get() : nullptr;
}

std::string EndpointsOf(const UsbInterfaceSetting &setting) {
    std::string text;
    for (const backends::UsbEndpoint &endpoint : setting.endpoints) {
        text += fmt::format("{}{:#04x}", text.empty() ? "" : ", ", endpoint.address.value);
    }
    return text.empty() ? "none" : text;
}

void WarnOfEndpoint(const InterfaceSession &session, const UsbInterfaceSetting *setting,
                    uint8_t address) {
    if (setting == nullptr) {
        LogWarning("USB interface {}: CopyPipe: it is not in the configuration in effect",
                   session.number());
        return;
    }
    // Once: drivers look for their endpoints by asking for each.
    static OncePerKey told;
    if (!told.IsFirst(fmt::format("{}:{}", session.number(), setting->alternate))) {
        return;
    }
    LogWarning(
        "USB interface {}: CopyPipe({:#04x}): setting {} has no such endpoint, but {}; walk over "
        "the descriptors, or select the setting that has it",
        session.number(), address, setting->alternate, EndpointsOf(*setting));
}

// With change_mutex held and the interface claimed: another setting, and pipes of their own for it.
kern_return_t SelectSetting(IOUSBHostInterface_IVars &state, uint8_t alternate) {
    UsbBackend &backend = *state.session->backend();
    const UsbConfiguration *configuration =
        backend.Descriptors().FindConfiguration(backend.Configuration());
    if (configuration == nullptr ||
        configuration->Find(state.session->number(), alternate) == nullptr) {
        return backend.IsPresent() ? kIOReturnNotFound : kIOReturnNoDevice;
    }
    state.session->End();
    const PipesByAddress dead = state.TakePipes();
    const auto done = backend.SetAlternateSetting(state.session->number(), alternate);
    state.session->Begin();
    if (!done) {
        LogWarning("USB interface {}: setting {} was not selected: {}", state.session->number(),
                   alternate, done.error().message);
        return ResultOf(done.error());
    }
    return kIOReturnSuccess;
}

}  // namespace
}  // namespace opendext::usb

PipesByAddress IOUSBHostInterface_IVars::TakePipes() {
    const std::scoped_lock lock(mutex);
    return std::exchange(pipes, {});
}

kern_return_t IOUSBHostInterface_IVars::CheckOpen() {
    const UsbBackend *backend = opendext::usb::BackendOf(*this);
    if (backend == nullptr || !backend->IsPresent()) {
        return kIOReturnNoDevice;
    }
    return session->current() != opendext::usb::PipeGeneration::kNone ? kIOReturnSuccess
                                                                      : kIOReturnNotOpen;
}

bool IOUSBHostInterface_IVars::EndSession(IOService *of) {
    PipesByAddress dead;
    {
        const std::scoped_lock change(change_mutex);
        {
            const std::scoped_lock lock(mutex);
            if (of == nullptr || client != of) {
                return false;
            }
            client = nullptr;
        }
        session->End();
        dead = TakePipes();
        session->backend()->Release(session->number());
        control->Abort(kIOReturnAborted, false);
    }
    dead.clear();
    of->release();
    return true;
}

void IOUSBHostInterface_IVars::ClientStopped(IOService *stopped) {
    if (EndSession(stopped)) {
        opendext::LogInfo("USB interface {}: closed for {}, which stopped with the interface open",
                          session->number(), stopped->getMetaClass()->getClassName());
    }
}

bool IOUSBHostInterface::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOUSBHostInterface_IVars;
    return ivars != nullptr;
}

void IOUSBHostInterface::free() {
    opendext::usb::ForgetObject(this);
    if (ivars != nullptr) {
        ivars->EndSession(ivars->client);
        delete std::exchange(ivars, nullptr);
    }
    super::free();
}

kern_return_t IMPL(IOUSBHostInterface, Open) {
    if (forClient == nullptr || opendext::service::IsStopped(forClient)) {
        return kIOReturnBadArgument;
    }
    UsbBackend *backend = opendext::usb::BackendOf(*ivars);
    if (backend == nullptr || !backend->IsPresent()) {
        return kIOReturnNoDevice;
    }
    const std::scoped_lock change(ivars->change_mutex);
    if (ivars->client != nullptr) {
        return kIOReturnExclusiveAccess;
    }
    // Somebody in another process may have it.
    if (const auto claimed = backend->Claim(ivars->session->number()); !claimed) {
        return opendext::usb::ResultOf(claimed.error());
    }
    ivars->session->Begin();
    if ((options & opendext::usb::kOpenSelectsAlternateSetting) != 0) {
        const auto alternate = static_cast<uint8_t>(reinterpret_cast<uintptr_t>(arg));
        const kern_return_t result = opendext::usb::SelectSetting(*ivars, alternate);
        if (result != kIOReturnSuccess) {
            ivars->session->End();
            backend->Release(ivars->session->number());
            return result;
        }
    }
    const std::scoped_lock lock(ivars->mutex);
    forClient->retain();
    ivars->client = forClient;
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostInterface, Close) {
    static_cast<void>(options);
    return ivars->EndSession(forClient) ? kIOReturnSuccess : kIOReturnNotOpen;
}

kern_return_t IMPL(IOUSBHostInterface, GetFrameNumber) {
    return opendext::usb::GetFrameNumber(opendext::usb::BackendOf(*ivars), frameNumber, theTime);
}

kern_return_t IMPL(IOUSBHostInterface, GetPortStatus) {
    return opendext::usb::GetPortStatus(opendext::usb::BackendOf(*ivars), portStatus);
}

kern_return_t IMPL(IOUSBHostInterface, SetIdlePolicy) {
    ivars->idle_timeout_ms = deviceIdleTimeout;
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostInterface, GetIdlePolicy) {
    if (deviceIdleTimeout == nullptr) {
        return kIOReturnBadArgument;
    }
    *deviceIdleTimeout = ivars->idle_timeout_ms;
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostInterface, CopyPipe) {
    *pipe = nullptr;
    if (const kern_return_t result = ivars->CheckOpen(); result != kIOReturnSuccess) {
        return result;
    }
    const std::scoped_lock change(ivars->change_mutex);
    const InterfaceSession &session = *ivars->session;
    const UsbInterfaceSetting *setting = session.Setting();
    const auto *endpoint =
        setting != nullptr ? setting->Find(UsbEndpointAddress{address}) : nullptr;
    if (endpoint == nullptr) {
        opendext::usb::WarnOfEndpoint(session, setting, address);
        return kIOReturnError;
    }
    const std::scoped_lock lock(ivars->mutex);
    opendext::memory::Retained<IOUSBHostPipe> &known = ivars->pipes[address];
    if (known == nullptr) {
        known = opendext::usb::MakePipe(ivars->session, *endpoint);
    }
    *pipe = opendext::memory::Retain(known.get()).release();
    return *pipe != nullptr ? kIOReturnSuccess : kIOReturnNoMemory;
}

kern_return_t IMPL(IOUSBHostInterface, SelectAlternateSetting) {
    const std::scoped_lock change(ivars->change_mutex);
    const kern_return_t result = ivars->CheckOpen();
    return result != kIOReturnSuccess ? result
                                      : opendext::usb::SelectSetting(*ivars, bAlternateSetting);
}

kern_return_t IMPL(IOUSBHostInterface, CopyDevice) {
    *device = nullptr;
    const std::shared_ptr<opendext::service::ServiceContext> context = IOService::ivars->context;
    if (context == nullptr || ivars->session == nullptr) {
        return kIOReturnNotAttached;
    }
    const auto parent = context->registry->CopyParent(IOService::ivars->entry);
    if (!parent) {
        return parent.error();
    }
    auto object = opendext::usb::ObjectOfNeighbour(this, *parent, *ivars->session->backend());
    if (!object) {
        return object.error();
    }
    *device = OSDynamicCast(IOUSBHostDevice, object->release());
    return kIOReturnSuccess;
}

const IOUSBConfigurationDescriptor *IOUSBHostInterface::CopyConfigurationDescriptor() {
    const UsbBackend *backend = opendext::usb::BackendOf(*ivars);
    if (backend == nullptr || !backend->IsPresent()) {
        return nullptr;
    }
    return opendext::usb::CopyForDriver<IOUSBConfigurationDescriptor>(
        opendext::usb::BytesOf(backend->Descriptors().FindConfiguration(backend->Configuration())));
}

const IOUSBInterfaceDescriptor *IOUSBHostInterface::GetInterfaceDescriptor(
    const IOUSBConfigurationDescriptor *configurationDescriptor) {
    const UsbBackend *backend = opendext::usb::BackendOf(*ivars);
    if (backend == nullptr) {
        return nullptr;
    }
    const uint8_t number = ivars->session->number();
    const uint8_t alternate = backend->AlternateSetting(number);
    const IOUSBInterfaceDescriptor *found = nullptr;
    do {
        found = IOUSBGetNextInterfaceDescriptor(
            configurationDescriptor, reinterpret_cast<const IOUSBDescriptorHeader *>(found));
    } while (found != nullptr &&
             (found->bInterfaceNumber != number || found->bAlternateSetting != alternate));
    return found;
}

const IOUSBStringDescriptor *IOUSBHostInterface::CopyStringDescriptor(uint8_t index,
                                                                      uint16_t languageID) {
    const UsbBackend *backend = opendext::usb::BackendOf(*ivars);
    return backend != nullptr && backend->IsPresent()
               ? opendext::usb::FetchString(ivars->control, index, languageID)
               : nullptr;
}

const IOUSBStringDescriptor *IOUSBHostInterface::CopyStringDescriptor(uint8_t index) {
    return CopyStringDescriptor(index, kIOUSBLanguageIDEnglishUS);
}

kern_return_t IOUSBHostInterface::CreateIOBuffer(IOOptionBits options, uint64_t capacity,
                                                 IOBufferMemoryDescriptor **buffer) {
    return opendext::usb::CreateIOBuffer(options, capacity, buffer);
}

kern_return_t IOUSBHostInterface::AsyncDeviceRequest(
    uint8_t bmRequestType, uint8_t bRequest, uint16_t wValue, uint16_t wIndex, uint16_t wLength,
    IOMemoryDescriptor *dataBuffer, OSAction *completion, uint32_t completionTimeoutMs) {
    const kern_return_t result = ivars->CheckOpen();
    return result != kIOReturnSuccess
               ? result
               : opendext::usb::StartControl(
                     ivars->control,
                     {.setup = {bmRequestType, bRequest, wValue, wIndex, wLength},
                      .memory = dataBuffer,
                      .timeout_ms = completionTimeoutMs},
                     completion);
}

kern_return_t IOUSBHostInterface::DeviceRequest(uint8_t bmRequestType, uint8_t bRequest,
                                                uint16_t wValue, uint16_t wIndex, uint16_t wLength,
                                                IOMemoryDescriptor *dataBuffer,
                                                uint16_t *bytesTransferred,
                                                uint32_t completionTimeoutMs) {
    RequestEnd end{.result = ivars->CheckOpen()};
    if (end.result == kIOReturnSuccess) {
        end = opendext::usb::CallControl(
            ivars->control, {.setup = {bmRequestType, bRequest, wValue, wIndex, wLength},
                             .memory = dataBuffer,
                             .timeout_ms = completionTimeoutMs});
    }
    if (bytesTransferred != nullptr) {
        *bytesTransferred = static_cast<uint16_t>(end.num_bytes);
    }
    return end.result;
}

kern_return_t IOUSBHostInterface::AbortDeviceRequests(IOOptionBits options, IOReturn withError) {
    const kern_return_t result = ivars->CheckOpen();
    if (result == kIOReturnSuccess) {
        ivars->control->Abort(withError, (options & kIOUSBAbortSynchronous) != 0);
    }
    return result;
}
