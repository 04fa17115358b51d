// SPDX-License-Identifier: Apache-2.0
#include <new>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSDictionary.h>

#include "base/io_result_name.h"
#include "base/log.h"
#include "base/once_per_key.h"
#include "runtime/diagnostics/diagnostic.h"
#include "runtime/service/client_queue.h"
#include "runtime/service/property_objects.h"
#include "runtime/service/user_client_state.h"

namespace opendext::service {

void SetClientEntitlements(IOUserClient *client, PropertyValue entitlements) {
    if (client->ivars == nullptr) {
        LogError("{}: its init does not call super::init(); it has no entitlements to copy",
                 client->getMetaClass()->getClassName());
        return;
    }
    const std::scoped_lock lock(client->ivars->mutex);
    client->ivars->entitlements = std::move(entitlements);
}

}  // namespace opendext::service

namespace {

constexpr uint32_t kAny = kIOUserClientVariableStructureSize;

bool Fits(uint32_t wanted, uint64_t actual) {
    return wanted == kAny || wanted == actual;
}

uint64_t StructureInputSize(const IOUserClientMethodArguments &arguments) {
    if (arguments.structureInput != nullptr) {
        return arguments.structureInput->getLength();
    }
    uint64_t length = 0;
    if (arguments.structureInputDescriptor != nullptr &&
        arguments.structureInputDescriptor->GetLength(&length) == kIOReturnSuccess) {
        return length;
    }
    return 0;
}

// What a call does not satisfy of its table entry.
struct Misfit {
    const char *what;
    const char *unit;
    uint64_t actual;
    uint32_t wanted;
};

// semantics.md 2.6.
std::optional<Misfit> FindMisfit(const IOUserClientMethodDispatch &dispatch,
                                 const IOUserClientMethodArguments &arguments) {
    if (!Fits(dispatch.checkCompletionExists, arguments.completion != nullptr ? 1 : 0)) {
        return Misfit{"completion", "", arguments.completion != nullptr ? 1U : 0U,
                      dispatch.checkCompletionExists};
    }
    if (!Fits(dispatch.checkScalarInputCount, arguments.scalarInputCount)) {
        return Misfit{"scalar input", "values", arguments.scalarInputCount,
                      dispatch.checkScalarInputCount};
    }
    if (!Fits(dispatch.checkScalarOutputCount, arguments.scalarOutputCount)) {
        return Misfit{"scalar output", "values", arguments.scalarOutputCount,
                      dispatch.checkScalarOutputCount};
    }
    if (!Fits(dispatch.checkStructureOutputSize, arguments.structureOutputMaximumSize)) {
        return Misfit{"structure output", "bytes", arguments.structureOutputMaximumSize,
                      dispatch.checkStructureOutputSize};
    }
    // The only one that may cost something to find out.
    if (dispatch.checkStructureInputSize == kAny) {
        return std::nullopt;
    }
    const uint64_t size = StructureInputSize(arguments);
    return size == dispatch.checkStructureInputSize
               ? std::nullopt
               : std::optional(
                     Misfit{"structure input", "bytes", size, dispatch.checkStructureInputSize});
}

std::string Describe(const Misfit &misfit) {
    if (*misfit.unit == '\0') {
        return misfit.actual != 0
                   ? "called asynchronously, and the table wants a synchronous call"
                   : "called synchronously, and the table wants an asynchronous call";
    }
    return fmt::format("{} is {} {}, the table wants {}", misfit.what, misfit.actual, misfit.unit,
                       misfit.wanted);
}

// Once for each selector and reason: an application may try for ever.
[[gnu::cold, gnu::noinline]] void WarnOfMisfit(const IOUserClient *client, uint64_t selector,
                                               const Misfit &misfit) {
    static opendext::OncePerKey told;
    const char *name = client->getMetaClass()->getClassName();
    if (told.IsFirst(fmt::format("{}:{}:{}", name, selector, misfit.what))) {
        opendext::LogWarning("{}: selector {}: {}; the application gets {}", name, selector,
                             Describe(misfit), opendext::DescribeIoResult(kIOReturnBadArgument));
    }
}

[[gnu::cold, gnu::noinline]] void TellOfWrongQueue(const IOUserClient *client, uint64_t selector) {
    const opendext::diagnostics::Occurrence occurrence{
        .id = opendext::diagnostics::DiagnosticId::kWrongQueue,
        .class_name = client->getMetaClass()->getClassName(),
        .object = client,
        .method = "ExternalMethod",
        .place = opendext::diagnostics::CallSite::OfDriver()};
    if (opendext::diagnostics::IsFirst(occurrence)) {
        opendext::diagnostics::Report(
            occurrence,
            fmt::format(
                "selector {} runs on a thread that is not on the client's queue, beside its "
                "other calls and perhaps after the arguments are gone",
                selector),
            "call super::ExternalMethod before ExternalMethod returns, and set a queue for it with "
            "SetDispatchQueue(kIOUserClientQueueNameExternalMethod, queue)");
    }
}

}  // namespace

bool IOUserClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOUserClient_IVars;
    return ivars != nullptr;
}

void IOUserClient::free() {
    delete std::exchange(ivars, nullptr);
    super::free();
}

#pragma clang section text = "opendext_call_driver"
kern_return_t IOUserClient::ExternalMethod(uint64_t selector,
                                           IOUserClientMethodArguments *arguments,
                                           const IOUserClientMethodDispatch *dispatch,
                                           OSObject *target, void *reference) {
    if (dispatch == nullptr) {
        return kIOReturnUnsupported;
    }
    if (arguments == nullptr) {
        return kIOReturnBadArgument;
    }
    if (const std::optional<Misfit> misfit = FindMisfit(*dispatch, *arguments)) {
        WarnOfMisfit(this, selector, *misfit);
        return kIOReturnBadArgument;
    }
    if (dispatch->function == nullptr) {
        return kIOReturnNoCompletion;
    }
    if (!opendext::service::IsOnExternalMethodQueue(this)) {
        TellOfWrongQueue(this, selector);
    }
    return dispatch->function(target, reference, arguments);
}
#pragma clang section text = ""

kern_return_t IOUserClient::_ExternalMethod_Impl(IOUserClientMethodArguments *arguments) {
    return arguments != nullptr
               ? ExternalMethod(arguments->selector, arguments, nullptr, nullptr, nullptr)
               : kIOReturnBadArgument;
}

kern_return_t IOUserClient::CopyClientEntitlements_Impl(OSDictionary **entitlements) {
    if (entitlements == nullptr) {
        return kIOReturnBadArgument;
    }
    *entitlements = nullptr;
    if (ivars == nullptr) {
        return kIOReturnNotReady;
    }
    const std::scoped_lock lock(ivars->mutex);
    if (!ivars->entitlements) {
        return kIOReturnNotReady;
    }
    OSObject *object = opendext::service::ToObject(*ivars->entitlements);
    *entitlements = OSDynamicCast(OSDictionary, object);
    if (*entitlements == nullptr) {
        OSSafeReleaseNULL(object);
        return kIOReturnNoMemory;
    }
    return kIOReturnSuccess;
}
