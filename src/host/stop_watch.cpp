// SPDX-License-Identifier: Apache-2.0
#include "host/stop_watch.h"

#include <dlfcn.h>

#include <cstring>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "runtime/diagnostics/diagnostic.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/dispatch/timer_service.h"
#include "runtime/object/object_internals.h"

namespace opendext::host {

namespace {

// The driver's CLASS::Stop_Impl(IOService *), of the object's class or the nearest base that has one.
const void *FindStopOf(const IOService *service) {
    Dl_info info = {};
    const OSMetaClass *meta_class = service->getMetaClass();
    if (dladdr(object::MetaClassInternals::Image(meta_class), &info) == 0) {
        return nullptr;
    }
    void *image = dlopen(info.dli_fname, RTLD_NOLOAD | RTLD_LAZY);
    const void *function = nullptr;
    while (image != nullptr && function == nullptr && meta_class != OSTypeID(IOService)) {
        const char *name = meta_class->getClassName();
        function = dlsym(
            image, fmt::format("_ZN{}{}9Stop_ImplEP9IOService", std::strlen(name), name).c_str());
        meta_class = meta_class->getSuperClass();
    }
    if (image != nullptr) {
        dlclose(image);
    }
    return function;
}

}  // namespace

void ReportStopWithoutSuper(IOService *service) {
    const diagnostics::Occurrence occurrence{
        .id = diagnostics::DiagnosticId::kStopWithoutSuper,
        .class_name = service->getMetaClass()->getClassName(),
        .object = service,
        .method = "Stop",
        .place = diagnostics::CallSite::AtFunction(FindStopOf(service))};
    if (diagnostics::IsFirst(occurrence)) {
        diagnostics::Report(
            occurrence,
            "it has returned success and the base class's Stop has not run, so that the service is "
            "not stopped and nothing of it is freed",
            "call Stop(provider, SUPERDISPATCH) when everything is cancelled");
    }
}

void WarnUnlessStopped(const std::shared_ptr<HostedServices> &services, EntryId entry,
                       std::chrono::milliseconds time) {
    if (!services->NoteStopReturned(entry)) {
        return;
    }
    const auto delay = static_cast<uint64_t>(std::chrono::nanoseconds(time).count());
    const std::weak_ptr<HostedServices> watched = services;
    dispatch::TimerService::Instance().Schedule(
        ClockDomain::kUptime, NowNanoseconds(ClockDomain::kUptime) + delay, [watched, entry] {
            dispatch::RunOnWorker([watched, entry] {
                const std::shared_ptr<HostedServices> alive = watched.lock();
                if (const auto service = alive != nullptr ? alive->Find(entry) : nullptr) {
                    ReportStopWithoutSuper(service.get());
                }
            });
        });
}

}  // namespace opendext::host
