// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/life_checks.h"

#include <algorithm>

#include <DriverKit/IODMACommand.h>
#include <DriverKit/IODispatchQueue.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/io_result_name.h"
#include "runtime/diagnostics/diagnostic.h"
#include "runtime/dispatch/queue_table.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/dispatch/source_gate.h"
#include "runtime/memory/dma_preparation.h"
#include "runtime/object/live_objects.h"
#include "runtime/service/service_state.h"

namespace opendext::service {

using diagnostics::CallSite;
using diagnostics::DiagnosticId;
using diagnostics::Occurrence;
using dispatch::SourceGate;
using object::LiveObject;

namespace {

Occurrence StopOf(IOService *service) {
    return {.id = DiagnosticId::kNotCancelled,
            .class_name = service->getMetaClass()->getClassName(),
            .object = service,
            .method = "Stop",
            .place = CallSite::OfDriver()};
}

void ReportSource(IOService *service, const SourceGate::Uncancelled &source) {
    Occurrence occurrence = StopOf(service);
    const std::string method = fmt::format("Stop, {}", source.class_name);
    occurrence.method = method;
    if (!diagnostics::IsFirst(occurrence)) {
        return;
    }
    occurrence.method = "Stop";
    const std::string made_at = source.made_at.DescribeWithLines();
    diagnostics::Report(
        occurrence,
        fmt::format("the base class's Stop runs while {} at {}{}{} delivers to the service and is "
                    "not cancelled",
                    source.class_name, source.source, made_at.empty() ? "" : ", made in ", made_at),
        "call its Cancel in Stop, and Stop(provider, SUPERDISPATCH) in Cancel's handler");
}

void CheckQueue(IOService *service, IODispatchQueue *queue) {
    dispatch::SerialQueue *inner = dispatch::InnerQueue(queue);
    const auto unfinished = inner->FindUnfinished();
    if (inner->IsCancelled() || (unfinished.num_blocks == 0 && !unfinished.has_sleepers)) {
        return;
    }
    Occurrence occurrence = StopOf(service);
    const std::string method = fmt::format("Stop, queue {}", inner->name());
    occurrence.method = method;
    if (!diagnostics::IsFirst(occurrence)) {
        return;
    }
    occurrence.method = "Stop";
    const std::string left = unfinished.has_sleepers
                                 ? "work that sleeps"
                                 : fmt::format("{} blocks that wait", unfinished.num_blocks);
    diagnostics::Report(
        occurrence,
        fmt::format("the base class's Stop runs while the queue \"{}\" is not cancelled and has {}",
                    inner->name(), left),
        "call the queue's Cancel in Stop, and Stop(provider, SUPERDISPATCH) in Cancel's handler");
}

bool IsOfStart(const FailedStart &start, const LiveObject &live) {
    return live.thread == start.thread && live.sequence > start.first_sequence &&
           live.sequence <= start.last_sequence && live.object != start.service &&
           live.made_at.is_known();
}

bool ProviderIsOpen(const FailedStart &start) {
    ProviderHooks *hooks = start.provider != nullptr ? HooksOf(start.provider.get()) : nullptr;
    return hooks != nullptr && hooks->IsOpenFor(start.service);
}

std::vector<LiveObject> ObjectsOf(const FailedStart &start) {
    return object::FindLiveObjects([&](const LiveObject &live) { return IsOfStart(start, live); });
}

// Asks the commands of the Start that are still there.
size_t NumPreparedIn(const FailedStart &start) {
    const std::vector<LiveObject> objects = ObjectsOf(start);
    size_t count = 0;
    for (OSObject *object : object::CopyLiveObjects(OSTypeID(IODMACommand))) {
        const bool is_of_start =
            std::ranges::find(objects, object, &LiveObject::object) != objects.end();
        count += is_of_start && memory::IsPrepared(*static_cast<IODMACommand *>(object)) ? 1 : 0;
        object->release();
    }
    return count;
}

std::vector<std::string> LeftoversOf(const FailedStart &start) {
    std::vector<std::string> left;
    if (ProviderIsOpen(start)) {
        left.push_back(fmt::format("its provider, {}, is open",
                                   start.provider->getMetaClass()->getClassName()));
    }
    for (const SourceGate::Uncancelled &source : SourceGate::FindUncancelled(start.service)) {
        left.push_back(fmt::format("{} made in {} is not cancelled", source.class_name,
                                   source.made_at.DescribeWithLines()));
    }
    if (const size_t count = NumPreparedIn(start); count != 0) {
        left.push_back(fmt::format("{} DMA preparation{}", count, count == 1 ? "" : "s"));
    }
    for (const LiveObject &live : ObjectsOf(start)) {
        constexpr size_t kMostListed = 8;
        if (left.size() == kMostListed) {
            left.emplace_back("more");
            break;
        }
        left.push_back(fmt::format("{} made in {}", live.meta_class->getClassName(),
                                   live.made_at.DescribeWithLines()));
    }
    return left;
}

}  // namespace

void CheckAtStop(IOService *service) {
    for (const SourceGate::Uncancelled &source : SourceGate::FindUncancelled(service)) {
        ReportSource(service, source);
    }
    for (IODispatchQueue *queue : dispatch::QueueTable::CopyAll(service)) {
        CheckQueue(service, queue);
        queue->release();
    }
}

bool HasLeftovers(const FailedStart &start) {
    return ProviderIsOpen(start) || !SourceGate::FindUncancelled(start.service).empty() ||
           !ObjectsOf(start).empty();
}

void ReportLeftovers(const FailedStart &start) {
    const Occurrence occurrence{.id = DiagnosticId::kStartNotUndone,
                                .class_name = start.class_name,
                                .object = nullptr,
                                .method = "Start",
                                .place = {}};
    if (!HasLeftovers(start) || !diagnostics::IsFirst(occurrence)) {
        return;
    }
    const std::vector<std::string> left = LeftoversOf(start);
    diagnostics::Report(
        occurrence,
        fmt::format("it returned {} and has left: {}", DescribeIoResult(start.status),
                    fmt::join(left, ", ")),
        "no Stop follows a Start that fails: close, cancel, complete and release there what it has "
        "opened and made");
}

}  // namespace opendext::service
