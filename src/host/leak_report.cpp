// SPDX-License-Identifier: Apache-2.0
#include "host/leak_report.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <DriverKit/IOService.h>
#include <DriverKit/OSAction.h>
#include <fmt/format.h>

#include "runtime/diagnostics/diagnostic.h"
#include "runtime/diagnostics/driver_images.h"
#include "runtime/dispatch/action_call.h"
#include "runtime/object/class_registry.h"
#include "runtime/object/live_objects.h"
#include "runtime/object/object_internals.h"

namespace opendext::host {

using diagnostics::CallSite;
using diagnostics::CodeRange;
using diagnostics::DiagnosticId;
using diagnostics::Occurrence;
using object::LiveObject;

namespace {

/// A driver that leaks in more places is told of these.
constexpr size_t kMostLines = 20;

constexpr std::chrono::milliseconds kLongestPause{64};

bool IsOfClassOf(const LiveObject &live, const void *image_start) {
    return object::MetaClassInternals::Image(live.meta_class) == image_start;
}

// A provider is the system's, however often the driver has retained it.
bool IsLeakOf(const LiveObject &live, const void *image_start, const CodeRange &code) {
    if (IsOfClassOf(live, image_start) || code.Holds(live.made_at.frames[0])) {
        return true;
    }
    return !live.made_at.is_known() && !live.meta_class->isDerivedFrom(OSTypeID(IOService)) &&
           std::ranges::any_of(live.retained_at, [&](const object::RetainedAt &retain) {
               return code.Holds(retain.place.frames[0]);
           });
}

std::vector<LiveObject> LeaksOf(const void *image, uint64_t first_sequence,
                                uint64_t last_sequence) {
    const void *start = object::ImageStart(image);
    const CodeRange code = diagnostics::CodeOfImage(image);
    std::vector<LiveObject> all = object::FindLiveObjects([=](const LiveObject &live) {
        return live.sequence > first_sequence && live.sequence <= last_sequence;
    });
    std::erase_if(all, [&](const LiveObject &live) { return !IsLeakOf(live, start, code); });
    // Those of the driver's own classes first: they may hold the others.
    std::ranges::sort(all, {}, [start](const LiveObject &live) {
        return std::pair(!IsOfClassOf(live, start), live.sequence);
    });
    return all;
}

std::vector<LiveObject> LastingLeaksOf(const void *image, uint64_t first_sequence,
                                       uint64_t last_sequence, std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::vector<LiveObject> leaks = LeaksOf(image, first_sequence, last_sequence);
    for (std::chrono::milliseconds pause{1};
         !leaks.empty() && std::chrono::steady_clock::now() < deadline;
         pause = std::min(pause * 2, kLongestPause)) {
        std::this_thread::sleep_for(pause);
        leaks = LeaksOf(image, first_sequence, last_sequence);
    }
    return leaks;
}

void ReportAction(OSAction *action, const OSObject *target) {
    const std::string method = dispatch::TargetMethodName(action);
    const Occurrence occurrence{.id = DiagnosticId::kNotCancelled,
                                .class_name = target->getMetaClass()->getClassName(),
                                .object = action,
                                .method = method,
                                .place = object::MadeAt(action),
                                .place_word = "made in"};
    if (diagnostics::IsFirst(occurrence)) {
        diagnostics::Report(
            occurrence,
            fmt::format("the {} for it is left when the driver has ended, is not cancelled, and "
                        "holds its target, which is therefore never freed",
                        action->getMetaClass()->getClassName()),
            "call the action's Cancel in Stop, and release it");
    }
}

// @return the actions that were reported, and their targets.
std::set<const OSObject *> ReportActions(const std::vector<LiveObject> &leaks) {
    std::set<const OSObject *> told;
    const auto is_leak = [&](const OSObject *object) {
        return object != nullptr &&
               std::ranges::find(leaks, object, &LiveObject::object) != leaks.end();
    };
    for (OSObject *object : object::CopyLiveObjects(OSTypeID(OSAction))) {
        auto *action = static_cast<OSAction *>(object);
        const OSObject *target = dispatch::TargetOf(action);
        if (is_leak(action) && is_leak(target) && !dispatch::IsCancelled(action)) {
            ReportAction(action, target);
            told.insert({action, target});
        }
        object->release();
    }
    return told;
}

std::string RetainsOf(const LiveObject &leak) {
    std::string text;
    for (const object::RetainedAt &retain : leak.retained_at) {
        text += fmt::format("{}{} times in {}", text.empty() ? "; retained " : ", ", retain.count,
                            retain.place.DescribeWithLines());
    }
    return text;
}

using Place = decltype(CallSite::frames);

/// Objects of one class from one place.
struct Group {
    const LiveObject *first = nullptr;
    size_t count = 0;
};

void ReportGroup(const Group &group) {
    const LiveObject &leak = *group.first;
    const Occurrence occurrence{.id = DiagnosticId::kLeakedObject,
                                .class_name = leak.meta_class->getClassName(),
                                .object = leak.object,
                                .method = {},
                                .place = leak.made_at,
                                .place_word = "made in"};
    if (!diagnostics::IsFirst(occurrence)) {
        return;
    }
    const std::string number =
        group.count == 1 ? "it is" : fmt::format("it and {} more are", group.count - 1);
    diagnostics::Report(
        occurrence,
        fmt::format("{} left when the driver has ended, with {} reference{}{}", number,
                    leak.references, leak.references == 1 ? "" : "s", RetainsOf(leak)),
        "release each reference that you make, retain or are given (+1), and end free() with "
        "super::free()");
}

}  // namespace

void ReportLeaks(const void *image, uint64_t first_sequence, uint64_t last_sequence,
                 std::chrono::milliseconds patience) {
    const std::vector<LiveObject> leaks =
        LastingLeaksOf(image, first_sequence, last_sequence, patience);
    if (leaks.empty()) {
        return;
    }
    const std::set<const OSObject *> told = ReportActions(leaks);
    std::map<std::pair<const OSMetaClass *, Place>, Group> groups;
    std::vector<const Group *> in_order;
    for (const LiveObject &leak : leaks) {
        if (told.contains(leak.object)) {
            continue;
        }
        Group &group = groups[{leak.meta_class, leak.made_at.frames}];
        if (group.count++ == 0) {
            group.first = &leak;
            in_order.push_back(&group);
        }
    }
    in_order.resize(std::min(in_order.size(), kMostLines));
    std::ranges::for_each(in_order, [](const Group *group) { ReportGroup(*group); });
}

}  // namespace opendext::host
