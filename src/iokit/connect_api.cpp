// SPDX-License-Identifier: Apache-2.0
// The C functions on open connections.
#include <memory>
#include <utility>

#include <IOKit/IOKitLib.h>

#include "base/call_path.h"
#include "channel/wire/call.h"
#include "iokit/entry_access.h"
#include "iokit/registry_object.h"
#include "iokit/session.h"

namespace {

using namespace opendext;         // NOLINT(google-build-using-namespace)
using namespace opendext::iokit;  // NOLINT(google-build-using-namespace)

const CallPathSections g_call_path;

#pragma clang section text = "opendext_call_app"

/// The connection that a thread called on last: most call on one, again and again, and then neither the table nor its lock
/// is touched. It holds nothing: what has lost its name is not found, and may go.
class LastConnection {
public:
    ~LastConnection() { is_over_ = true; }

    /// Of the calling thread. NULL: it ends, and what it still calls comes from the destructors of its other data.
    static LastConnection *OfThisThread() {
        [[gnu::tls_model("initial-exec")]] static thread_local LastConnection last;
        return is_over_ ? nullptr : &last;
    }

    [[nodiscard]] std::shared_ptr<ConnectionObject> Find(const Session &session,
                                                         io_connect_t name) const {
        if (name != name_ || &session != session_) {
            return nullptr;
        }
        auto connection = connection_.lock();
        return connection && connection->has_name() ? connection : nullptr;
    }

    void Set(const Session &session, io_connect_t name,
             const std::shared_ptr<ConnectionObject> &connection) {
        session_ = &session;
        name_ = name;
        connection_ = connection;
    }

private:
    [[gnu::tls_model("initial-exec")]] static thread_local constinit bool is_over_;

    const Session *session_ = nullptr;  // names of another one, after a fork, mean others
    io_connect_t name_ = IO_OBJECT_NULL;
    std::weak_ptr<ConnectionObject> connection_;
};

thread_local constinit bool LastConnection::is_over_ = false;

#pragma clang section text = ""

[[gnu::noinline]] std::shared_ptr<ConnectionObject> LookUpConnection(Session &session,
                                                                     LastConnection *last,
                                                                     io_connect_t connect) {
    auto found = session.objects().Find<ConnectionObject>(connect);
    if (found && last != nullptr) {
        last->Set(session, connect, found);
    }
    return found;
}

#pragma clang section text = "opendext_call_app"

std::shared_ptr<ConnectionObject> FindConnection(io_connect_t connect) {
    Session &session = Session::Current();
    LastConnection *const last = LastConnection::OfThisThread();
    if (last != nullptr) {
        if (auto connection = last->Find(session, connect)) {
            return connection;
        }
    }
    return LookUpConnection(session, last, connect);
}

// One call; `async` is NULL for a synchronous one. A dead name is as a dead port is.
kern_return_t CallMethod(mach_port_t name, channel::ClientCall &call, size_t *num_structure_output,
                         void *structure_output) {
    const auto connection = FindConnection(name);
    if (!connection) {
        return channel::kMachSendInvalidDest;
    }
    static_assert(sizeof(size_t) == sizeof(uint64_t));
    uint64_t num_bytes = num_structure_output == nullptr ? 0 : *num_structure_output;
    call.num_structure_output = num_structure_output == nullptr ? nullptr : &num_bytes;
    if (num_structure_output != nullptr &&
        num_bytes == static_cast<size_t>(kIOConnectMethodVarOutputSize)) {
        num_bytes = channel::kVariableOutput;
        call.variable_output = static_cast<void **>(structure_output);
    } else {
        call.structure_output = structure_output;
    }
    const kern_return_t result = connection->connection().Call(call);
    if (num_structure_output != nullptr) {
        *num_structure_output = num_bytes;
    }
    return result;
}

#pragma clang section text = ""

std::expected<channel::AsyncTarget, kern_return_t> MakeTarget(mach_port_t wakePort,
                                                              const uint64_t *reference,
                                                              uint32_t referenceCnt) {
    channel::AsyncTarget target;
    target.port = wakePort;
    if (reference == nullptr && referenceCnt == 0) {
        target.num_references = 1;  // stands for one zero word (semantics.md 2.7)
        return target;
    }
    if (reference == nullptr || referenceCnt == 0) {
        return std::unexpected(kIOReturnBadArgument);
    }
    if (referenceCnt > channel::kMaxAsyncReferences) {
        return std::unexpected(channel::kMigArrayTooLarge);
    }
    target.num_references = referenceCnt;
    for (uint32_t i = 0; i < referenceCnt; ++i) {
        target.references[i] = reference[i];
    }
    return target;
}

}  // namespace

kern_return_t IOServiceOpen(io_service_t service, task_port_t owningTask, uint32_t type,
                            io_connect_t *connect) {
    if (connect == nullptr) {
        return kIOReturnBadArgument;
    }
    *connect = IO_OBJECT_NULL;
    if (owningTask != mach_task_self()) {
        return kIOReturnBadArgument;
    }
    const auto access = FindEntry(service);
    if (!access) {
        return access.error();
    }
    Session &session = Session::Current();
    auto connection = access->directory->Open(access->entry, type, &session.router());
    if (!connection) {
        return connection.error();
    }
    *connect = session.objects().Insert(std::make_shared<ConnectionObject>(*std::move(connection)));
    return kIOReturnSuccess;
}

kern_return_t IOServiceClose(io_connect_t connect) {
    const auto connection = FindConnection(connect);
    if (!connection) {
        return kIOReturnBadArgument;
    }
    Session::Current().objects().Remove(connect);
    connection->connection().Close();
    return kIOReturnSuccess;
}

kern_return_t IOConnectAddRef(io_connect_t connect) {
    return IOObjectRetain(connect);
}

kern_return_t IOConnectRelease(io_connect_t connect) {
    return IOObjectRelease(connect);
}

kern_return_t IOConnectGetService(io_connect_t connect, io_service_t *service) {
    if (!FindConnection(connect) || service == nullptr) {
        return kIOReturnBadArgument;
    }
    *service = IO_OBJECT_NULL;
    return kIOReturnUnsupported;
}

kern_return_t IOConnectSetNotificationPort(io_connect_t connect, uint32_t /*type*/,
                                           mach_port_t /*port*/, uintptr_t /*reference*/) {
    return FindConnection(connect) ? kIOReturnUnsupported : kIOReturnBadArgument;
}

kern_return_t IOConnectAddClient(io_connect_t connect, io_connect_t client) {
    return FindConnection(connect) && FindConnection(client) ? kIOReturnUnsupported
                                                             : kIOReturnBadArgument;
}

kern_return_t IOConnectSetCFProperties(io_connect_t connect, CFTypeRef /*properties*/) {
    return FindConnection(connect) ? kIOReturnUnsupported : kIOReturnBadArgument;
}

kern_return_t IOConnectSetCFProperty(io_connect_t connect, CFStringRef /*propertyName*/,
                                     CFTypeRef property) {
    return IOConnectSetCFProperties(connect, property);
}

kern_return_t IOConnectMapMemory64(io_connect_t connect, uint32_t memoryType, task_port_t intoTask,
                                   mach_vm_address_t *atAddress, mach_vm_size_t *ofSize,
                                   IOOptionBits options) {
    const auto connection = FindConnection(connect);
    if (!connection || intoTask != mach_task_self() || atAddress == nullptr || ofSize == nullptr) {
        return kIOReturnBadArgument;
    }
    const bool anywhere = (options & kIOMapAnywhere) != 0;
    auto *fixed = anywhere ? nullptr : reinterpret_cast<std::byte *>(*atAddress);
    if (!anywhere && fixed == nullptr) {
        return kIOReturnBadArgument;
    }
    const auto mapping = connection->connection().MapMemory(memoryType, fixed);
    if (!mapping) {
        return mapping.error();
    }
    *atAddress = reinterpret_cast<mach_vm_address_t>(mapping->address);
    *ofSize = mapping->length;
    return kIOReturnSuccess;
}

kern_return_t IOConnectMapMemory(io_connect_t connect, uint32_t memoryType, task_port_t intoTask,
                                 mach_vm_address_t *atAddress, mach_vm_size_t *ofSize,
                                 IOOptionBits options) {
    return IOConnectMapMemory64(connect, memoryType, intoTask, atAddress, ofSize, options);
}

kern_return_t IOConnectUnmapMemory64(io_connect_t connect, uint32_t memoryType,
                                     task_port_t fromTask, mach_vm_address_t /*atAddress*/) {
    const auto connection = FindConnection(connect);
    if (!connection || fromTask != mach_task_self()) {
        return kIOReturnBadArgument;
    }
    return connection->connection().UnmapMemory(memoryType);
}

kern_return_t IOConnectUnmapMemory(io_connect_t connect, uint32_t memoryType, task_port_t fromTask,
                                   mach_vm_address_t atAddress) {
    return IOConnectUnmapMemory64(connect, memoryType, fromTask, atAddress);
}

#pragma clang section text = "opendext_call_app"

kern_return_t IOConnectCallMethod(mach_port_t connection, uint32_t selector, const uint64_t *input,
                                  uint32_t inputCnt, const void *inputStruct, size_t inputStructCnt,
                                  uint64_t *output, uint32_t *outputCnt, void *outputStruct,
                                  size_t *outputStructCnt) {
    channel::ClientCall call;
    call.selector = selector;
    call.scalars = input;
    call.num_scalars = inputCnt;
    call.structure = inputStruct;
    call.num_structure_bytes = inputStructCnt;
    call.scalar_output = output;
    call.num_scalar_output = outputCnt;
    return CallMethod(connection, call, outputStructCnt, outputStruct);
}

// NOLINTNEXTLINE(readability-function-size): its parameters are the original's
kern_return_t IOConnectCallAsyncMethod(mach_port_t connection, uint32_t selector,
                                       mach_port_t wakePort, uint64_t *reference,
                                       uint32_t referenceCnt, const uint64_t *input,
                                       uint32_t inputCnt, const void *inputStruct,
                                       size_t inputStructCnt, uint64_t *output, uint32_t *outputCnt,
                                       void *outputStruct, size_t *outputStructCnt) {
    const auto target = MakeTarget(wakePort, reference, referenceCnt);
    if (!target) {
        return target.error();
    }
    channel::ClientCall call;
    call.selector = selector;
    call.scalars = input;
    call.num_scalars = inputCnt;
    call.structure = inputStruct;
    call.num_structure_bytes = inputStructCnt;
    call.scalar_output = output;
    call.num_scalar_output = outputCnt;
    call.async = &*target;
    return CallMethod(connection, call, outputStructCnt, outputStruct);
}

kern_return_t IOConnectCallStructMethod(mach_port_t connection, uint32_t selector,
                                        const void *inputStruct, size_t inputStructCnt,
                                        void *outputStruct, size_t *outputStructCnt) {
    return IOConnectCallMethod(connection, selector, nullptr, 0, inputStruct, inputStructCnt,
                               nullptr, nullptr, outputStruct, outputStructCnt);
}

kern_return_t IOConnectCallAsyncStructMethod(mach_port_t connection, uint32_t selector,
                                             mach_port_t wakePort, uint64_t *reference,
                                             uint32_t referenceCnt, const void *inputStruct,
                                             size_t inputStructCnt, void *outputStruct,
                                             size_t *outputStructCnt) {
    return IOConnectCallAsyncMethod(connection, selector, wakePort, reference, referenceCnt,
                                    nullptr, 0, inputStruct, inputStructCnt, nullptr, nullptr,
                                    outputStruct, outputStructCnt);
}

kern_return_t IOConnectCallScalarMethod(mach_port_t connection, uint32_t selector,
                                        const uint64_t *input, uint32_t inputCnt, uint64_t *output,
                                        uint32_t *outputCnt) {
    return IOConnectCallMethod(connection, selector, input, inputCnt, nullptr, 0, output, outputCnt,
                               nullptr, nullptr);
}

kern_return_t IOConnectCallAsyncScalarMethod(mach_port_t connection, uint32_t selector,
                                             mach_port_t wakePort, uint64_t *reference,
                                             uint32_t referenceCnt, const uint64_t *input,
                                             uint32_t inputCnt, uint64_t *output,
                                             uint32_t *outputCnt) {
    return IOConnectCallAsyncMethod(connection, selector, wakePort, reference, referenceCnt, input,
                                    inputCnt, nullptr, 0, output, outputCnt, nullptr, nullptr);
}

#pragma clang section text = ""
