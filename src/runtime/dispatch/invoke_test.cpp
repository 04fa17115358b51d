// SPDX-License-Identifier: Apache-2.0
// semantics.md 3.10, 4.7
#include <gtest/gtest.h>

#include <string>

#include <DriverKit/OSData.h>

#include "runtime/dispatch/queue_table.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/dispatch/testing/dispatch_probe.h"
#include "runtime/object/object_census.h"
#include "runtime/object/object_internals.h"

namespace opendext::dispatch {
namespace {

TEST(Invoke, SyncCall_RunsOnTheDefaultQueue) {
    const auto queue = MakeQueue("default");
    const auto probe = MakeProbeOn(queue);
    bool was_on_queue = false;
    probe->ivars->on_call = [&] { was_on_queue = queue->OnQueue(); };
    uint64_t sum = 0;
    EXPECT_EQ(probe->Add(2, 3, &sum), kIOReturnSuccess);
    EXPECT_EQ(sum, 5u);
    EXPECT_TRUE(was_on_queue);
}

TEST(Invoke, CallWithoutAnyQueue_RunsOnTheCaller) {
    const auto probe = MakeProbe();
    probe->Note(7);
    EXPECT_EQ(probe->ivars->Notes(), std::vector<uint64_t>{7});
    EXPECT_EQ(probe->ivars->note_threads.front(), std::this_thread::get_id());
}

TEST(Invoke, NamedQueue_IsUsedOnceItIsSet) {
    const auto queue = MakeQueue("default");
    const auto aux = MakeQueue("aux");
    const auto probe = MakeProbeOn(queue);
    std::string ran_on;
    probe->ivars->on_call = [&] {
        ran_on = aux->OnQueue() ? "aux" : queue->OnQueue() ? "default" : "none";
    };
    uint64_t sum = 0;
    // A declared name without a queue means the default queue.
    EXPECT_EQ(probe->AddOnAux(1, 1, &sum), kIOReturnSuccess);
    EXPECT_EQ(ran_on, "default");
    EXPECT_EQ(probe->SetDispatchQueue("Aux", aux.get()), kIOReturnSuccess);
    EXPECT_EQ(probe->AddOnAux(1, 1, &sum), kIOReturnSuccess);
    EXPECT_EQ(ran_on, "aux");
}

TEST(Invoke, OneWayCalls_ArriveInOrderAndNotInside) {
    const auto queue = MakeQueue("default");
    const auto probe = MakeProbeOn(queue);
    RunSync(queue.get(), [&] {
        for (uint64_t i = 0; i < 10; ++i) {
            probe->Note(i);
        }
        EXPECT_TRUE(probe->ivars->Notes().empty());
    });
    ASSERT_TRUE(probe->ivars->noted.Wait(10));
    EXPECT_EQ(probe->ivars->Notes(), (std::vector<uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(Invoke, OneWayArguments_AreCopiedAndKept) {
    const auto queue = MakeQueue("default");
    const auto probe = MakeProbeOn(queue);
    const int64_t data_before = object::LiveObjects("OSData");
    Event release;
    RunAsync(queue.get(), [&] { EXPECT_TRUE(release.Wait()); });
    {
        OSSharedPtr<OSData> data(OSData::withCapacity(1), OSNoRetain);
        uint64_t values[4] = {1, 2, 3, 4};
        probe->Keep(data.get(), values, 3);
        values[0] = 99;
    }
    EXPECT_EQ(object::LiveObjects("OSData"), data_before + 1);
    release.Set();
    ASSERT_TRUE(probe->ivars->noted.Wait(3));
    RunSync(queue.get(), [] {});
    EXPECT_EQ(probe->ivars->Notes(), (std::vector<uint64_t>{1, 2, 3}));
    EXPECT_EQ(object::LiveObjects("OSData"), data_before);
}

TEST(Invoke, CallToCancelledQueue_IsAbortedOrDropped) {
    const auto queue = MakeQueue("default");
    const auto probe = MakeProbeOn(queue);
    queue->Cancel(nullptr);
    uint64_t sum = 0;
    EXPECT_EQ(probe->Add(1, 2, &sum), kIOReturnAborted);
    probe->Note(1);
    EXPECT_TRUE(probe->ivars->Notes().empty());
}

TEST(Invoke, CallBackIntoAnOuterQueue_DoesNotDeadlock) {
    const auto first_queue = MakeQueue("first");
    const auto second_queue = MakeQueue("second");
    const auto first = MakeProbeOn(first_queue);
    const auto second = MakeProbeOn(second_queue);
    uint64_t sum = 0;
    second->ivars->on_call = [&] {
        uint64_t inner = 0;
        EXPECT_EQ(first->Add(1, 1, &inner), kIOReturnSuccess);
    };
    RunSync(first_queue.get(), [&] { EXPECT_EQ(second->Add(2, 2, &sum), kIOReturnSuccess); });
    EXPECT_EQ(sum, 4u);
}

TEST(Invoke, UnsynchronizedQueue_LetsMethodsRunAside) {
    const auto queue = MakeQueue("aside", kIODispatchQueueMethodsNotSynchronized);
    const auto probe = MakeProbeOn(queue);
    Event release;
    RunAsync(queue.get(), [&] { EXPECT_TRUE(release.Wait()); });
    uint64_t sum = 0;
    EXPECT_EQ(probe->Add(2, 3, &sum), kIOReturnSuccess);
    probe->Note(5);
    EXPECT_TRUE(probe->ivars->noted.Wait(2));
    release.Set();
    RunSync(queue.get(), [] {});
}

TEST(QueueTable, Names_AreDefaultOrDeclared) {
    const auto queue = MakeQueue("q");
    const auto probe = MakeProbe();
    EXPECT_EQ(probe->SetDispatchQueue("Default", queue.get()), kIOReturnSuccess);
    EXPECT_EQ(probe->SetDispatchQueue("Aux", queue.get()), kIOReturnSuccess);
    EXPECT_EQ(probe->SetDispatchQueue("Other", queue.get()), kIOReturnBadArgument);
    EXPECT_EQ(probe->SetDispatchQueue("Aux", nullptr), kIOReturnBadArgument);
    EXPECT_EQ(QueueTable::Set(probe.get(), std::string(300, 'x').c_str(), queue.get()),
              kIOReturnBadArgument);
}

TEST(QueueTable, Copy_RetainsAndUnsetNamesAreNotFound) {
    const auto queue = MakeQueue("q");
    const auto probe = MakeProbeOn(queue);
    OSSharedPtr<IODispatchQueue> copy;
    EXPECT_EQ(probe->CopyDispatchQueue("Default", copy.attach()), kIOReturnSuccess);
    EXPECT_EQ(copy.get(), queue.get());
    EXPECT_EQ(probe->CopyDispatchQueue("Aux", copy.attach()), kIOReturnNotFound);
    EXPECT_FALSE(copy);
}

TEST(QueueTable, FreedObject_ReleasesItsQueues) {
    const auto first = MakeQueue("first");
    const auto second = MakeQueue("second");
    {
        const auto probe = MakeProbeOn(first);
        probe->SetDispatchQueue("Default", second.get());
        EXPECT_EQ(object::ObjectInternals::References(first.get()), 2u);
    }
    EXPECT_EQ(object::ObjectInternals::References(first.get()), 1u);
    EXPECT_EQ(object::ObjectInternals::References(second.get()), 1u);
}

TEST(QueueTable, ObjectFreedOnItsOwnQueue_IsSafe) {
    for (int i = 0; i < 50; ++i) {
        auto queue = MakeQueue("own");
        DispatchProbe *probe = MakeProbeOn(queue).detach();
        IODispatchQueue *raw = queue.detach();
        RunSync(raw, [&] {
            raw->release();
            probe->release();
        });
    }
}

}  // namespace
}  // namespace opendext::dispatch
