// SPDX-License-Identifier: Apache-2.0
#include "host/method_call.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include <fmt/format.h>

#include "base/call_path.h"
#include "base/copy_words.h"
#include "base/log.h"
#include "runtime/diagnostics/diagnostic.h"
#include "runtime/memory/descriptor_factory.h"
#include "runtime/object/live_objects.h"
#include "runtime/object/object_internals.h"
#include "runtime/service/client_completion.h"

namespace opendext::host {

#pragma clang section text = "opendext_call_driver"

using channel::kMaxScalars;
using channel::kVariableOutput;

namespace {

const CallPathSections g_call_path;

/// Without a call: after some idleness the C library's function is one more page to fetch.
template <typename T>
void ClearInPlace(T &object) {
    static_assert(std::is_trivially_copyable_v<T>);
    __builtin_memset_inline(&object, 0, sizeof(object));
    asm volatile("" ::: "memory");  // or the compiler makes one call of several
}

// Whether somebody else than this call holds the object: the driver kept it, or a mapping of it.
bool IsKept(const OSObject *object) {
    return object != nullptr && object::ObjectInternals::References(object) > 1;
}

}  // namespace

MethodCall::MethodCall(const channel::CallRequest &request, channel::CallReply &reply)
    : request_(request), reply_(reply), input_asker_(request.structure_owner) {
    ClearInPlace(input_);
    ClearInPlace(output_);
    ClearInPlace(arguments_);
}

void MethodCall::SetScalars() {
    const size_t num_inputs = std::min<size_t>(request_.scalars.size(), kMaxScalars);
    CopyFewWords(request_.scalars.data(), num_inputs, input_.data());
    arguments_.version = kIOUserClientMethodArgumentsCurrentVersion;
    arguments_.selector = request_.selector;
    arguments_.scalarInput = input_.data();
    arguments_.scalarInputCount = static_cast<uint32_t>(num_inputs);
    arguments_.scalarOutput = output_.data();
    arguments_.scalarOutputCount = std::min(request_.scalar_output_capacity, kMaxScalars);
}

bool MethodCall::SetStructures() {
    if (!request_.structure.empty()) {
        structure_.reset(OSData::withBytes(request_.structure.data(), request_.structure.size()));
        arguments_.structureInput = structure_.get();
    }
    arguments_.structureOutputMaximumSize = request_.structure_output_capacity == kVariableOutput
                                                ? uint64_t{kIOUserClientVariableStructureSize}
                                                : request_.structure_output_capacity;
    const bool has_slices =
        request_.structure_slice != nullptr || request_.structure_output_slice != nullptr;
    return (request_.structure.empty() || structure_ != nullptr) &&
           (!has_slices || SetDescriptors());
}

#pragma clang section text = ""

[[gnu::noinline]] bool MethodCall::SetDescriptors() {
    if (const SharedSlice *slice = request_.structure_slice) {
        auto pages = std::make_shared<memory::InputPages>(&input_asker_);
        input_pages_ = pages;
        input_descriptor_ = memory::DescriptorFromInput(*slice, std::move(pages));
        arguments_.structureInputDescriptor = input_descriptor_.get();
    }
    if (const SharedSlice *slice = request_.structure_output_slice) {
        output_descriptor_ =
            memory::DescriptorFromSlice(*slice, kIOMemoryDirectionIn, slice->length);
        arguments_.structureOutputDescriptor = output_descriptor_.get();
        arguments_.structureOutputMaximumSize = slice->length;
    }
    return (request_.structure_slice == nullptr || input_descriptor_ != nullptr) &&
           (request_.structure_output_slice == nullptr || output_descriptor_ != nullptr);
}

[[gnu::noinline]] bool MethodCall::SetCompletion(const std::shared_ptr<CompletionGate> &gate,
                                                 const channel::AsyncTarget &target) {
    is_revoked_ = std::make_shared<std::atomic<bool>>(false);
    completion_.reset(service::MakeCompletionAction(MakeReceiver(gate, target, is_revoked_)));
    arguments_.completion = completion_.get();
    return completion_ != nullptr;
}

#pragma clang section text = "opendext_call_driver"

kern_return_t MethodCall::Prepare(const std::shared_ptr<CompletionGate> &gate) {
    SetScalars();
    const channel::AsyncTarget *target = request_.async;
    return SetStructures() && (target == nullptr || SetCompletion(gate, *target))
               ? kIOReturnSuccess
               : kIOReturnNoMemory;
}

#pragma clang section text = ""

[[gnu::noinline]] channel::Kept MethodCall::EndInput() {
    const bool is_kept = IsKept(input_descriptor_.get());
    if (const auto pages = input_pages_.lock()) {
        if (is_kept) {
            pages->Fetch();  // it may be prepared later
        }
        pages->Close();
    }
    if (!is_kept) {
        return channel::Kept::kNothing;
    }
    return memory::IsPreparedForDma(input_pages_) ? channel::Kept::kPages : channel::Kept::kBytes;
}

[[gnu::noinline]] kern_return_t MethodCall::TakeVariable(const OSData *output) {
    if (output == nullptr) {
        return kIOReturnUnderrun;
    }
    const size_t length = output->getLength();
    reply_.num_structure_bytes = length;
    if (length <= reply_.structure.size()) {
        if (length != 0) {
            std::memcpy(reply_.structure.data(), output->getBytesNoCopy(), length);
        }
        return kIOReturnSuccess;
    }
    auto region = SharedRegion::Create(length, "opendext-output");
    std::byte *bytes = region ? (*region)->Writable() : nullptr;
    if (bytes == nullptr) {
        return kIOReturnNoMemory;
    }
    std::memcpy(bytes, output->getBytesNoCopy(), length);
    reply_.variable_output = {.region = std::move(*region), .offset = 0, .length = length};
    return kIOReturnSuccess;
}

// semantics.md 2.5.
[[gnu::noinline]] void MethodCall::TellOfTooMuch(const OSData *output, uint64_t capacity) const {
    if (request_.structure_output_slice == nullptr) {
        LogWarning(
            "ExternalMethod selector {}: structureOutput has {} bytes, the application has room "
            "for {}: it gets kIOReturnBadArgument",
            request_.selector, output->getLength(), capacity);
        return;
    }
    const std::string method = fmt::format("ExternalMethod, selector {}", request_.selector);
    const diagnostics::Occurrence occurrence{.id = diagnostics::DiagnosticId::kTwoStructureOutputs,
                                             .class_name = client_->getMetaClass()->getClassName(),
                                             .object = client_,
                                             .method = method,
                                             .place = object::MadeAt(output),
                                             .place_word = "made in"};
    if (diagnostics::IsFirst(occurrence)) {
        diagnostics::Report(
            occurrence,
            fmt::format("it gives a structureOutput of {} bytes beside its "
                        "structureOutputDescriptor of {}: the application gets "
                        "kIOReturnBadArgument and nothing else",
                        output->getLength(), request_.structure_output_slice->length),
            "write through the descriptor when there is one, and leave structureOutput NULL");
    }
}

#pragma clang section text = "opendext_call_driver"

kern_return_t MethodCall::TakeStructure(const OSData *output) {
    if (request_.structure_output_capacity == kVariableOutput) {
        return TakeVariable(output);
    }
    const uint64_t capacity =
        request_.structure_output_slice != nullptr
            ? 0
            : std::min<uint64_t>(request_.structure_output_capacity, reply_.structure.size());
    if (output == nullptr) {
        // The application's count stays what it was; what it gets is not somebody else's old bytes.
        if (capacity != 0) {
            std::memset(reply_.structure.data(), 0, capacity);
        }
        reply_.num_structure_bytes = request_.structure_output_slice != nullptr
                                         ? request_.structure_output_slice->length
                                         : capacity;
        return kIOReturnSuccess;
    }
    const size_t length = output->getLength();
    if (length > capacity) {
        TellOfTooMuch(output, capacity);
        return kIOReturnBadArgument;
    }
    if (length != 0) {
        std::memcpy(reply_.structure.data(), output->getBytesNoCopy(), length);
    }
    reply_.num_structure_bytes = request_.structure_output_slice != nullptr
                                     ? request_.structure_output_slice->length
                                     : length;
    return kIOReturnSuccess;
}

void MethodCall::Finish() {
    OSObject *given = arguments_.structureOutput;
    if (status_ == kIOReturnSuccess) {
        const OSData *output = OSDynamicCast(OSData, given);
        status_ =
            given != nullptr && output == nullptr ? kIOReturnBadArgument : TakeStructure(output);
    }
    if (status_ == kIOReturnSuccess) {
        reply_.num_scalars =
            std::min({arguments_.scalarOutputCount, request_.scalar_output_capacity,
                      static_cast<uint32_t>(reply_.scalars.size())});
        CopyFewWords(output_.data(), reply_.num_scalars, reply_.scalars.data());
    }
    OSSafeReleaseNULL(given);
    if (status_ != kIOReturnSuccess && is_revoked_ != nullptr) {
        is_revoked_->store(true, std::memory_order_release);
    }
    reply_.result = status_;
    if (input_descriptor_ != nullptr) {
        reply_.kept_structure_slice = EndInput();
    }
    reply_.kept_structure_output_slice =
        IsKept(output_descriptor_.get()) ? channel::Kept::kPages : channel::Kept::kNothing;
}

#pragma clang section text = ""

}  // namespace opendext::host
