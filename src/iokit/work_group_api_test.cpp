// SPDX-License-Identifier: Apache-2.0
// <os/workgroup.h> and <os/eventlink_private.h> within one process.
#include <os/eventlink_private.h>
#include <os/workgroup.h>

#include <cerrno>
#include <cstdint>
#include <thread>

#include <IOKit/IOKitLib.h>
#include <gtest/gtest.h>
#include <mach/mach_time.h>

namespace opendext::iokit {
namespace {

struct Group {
    os_workgroup_t group = os_workgroup_parallel_create("test", nullptr);
    ~Group() { os_release(group); }
};

TEST(WorkGroup, Thread_JoinsOneGroupAtATime) {
    const Group first;
    const Group second;
    os_workgroup_join_token_s token = {};
    os_workgroup_join_token_s other = {};
    EXPECT_EQ(os_workgroup_join(first.group, &token), 0);
    EXPECT_EQ(os_workgroup_join(first.group, &other), EALREADY);
    EXPECT_EQ(os_workgroup_join(second.group, &other), EALREADY);
    os_workgroup_leave(first.group, &token);
    EXPECT_EQ(os_workgroup_join(second.group, &other), 0);
    os_workgroup_leave(second.group, &other);
}

TEST(WorkGroup, CancelledGroup_IsNotJoined) {
    const Group made;
    mach_port_t port = 0;
    ASSERT_EQ(os_workgroup_copy_port(made.group, &port), 0);
    os_workgroup_t named = os_workgroup_create_with_port("named", port);
    os_workgroup_t same = os_workgroup_create_with_workgroup("same", made.group);
    ASSERT_NE(named, nullptr);
    ASSERT_NE(same, nullptr);
    EXPECT_FALSE(os_workgroup_testcancel(named));
    os_workgroup_cancel(made.group);
    EXPECT_TRUE(os_workgroup_testcancel(named));
    EXPECT_TRUE(os_workgroup_testcancel(same));
    os_workgroup_join_token_s token = {};
    EXPECT_EQ(os_workgroup_join(named, &token), EINVAL);
    EXPECT_EQ(os_eventlink_create_with_port("none", port), nullptr) << "another kind of port";
    os_release(named);
    os_release(same);
    IOObjectRelease(port);
    EXPECT_EQ(os_workgroup_create_with_port("gone", port), nullptr);
}

TEST(WorkGroup, Members_HavePartsOfTheArenaOfTheirOwn) {
    static int num_destroyed;
    num_destroyed = 0;
    int arena = 0;
    {
        const Group made;
        const auto destroy = [](void *) { ++num_destroyed; };
        ASSERT_EQ(os_workgroup_set_working_arena(made.group, &arena, 2, destroy), 0);
        os_workgroup_join_token_s token = {};
        os_workgroup_index index = 9;
        EXPECT_EQ(os_workgroup_get_working_arena(made.group, &index), nullptr) << "no member";
        ASSERT_EQ(os_workgroup_join(made.group, &token), 0);
        EXPECT_EQ(os_workgroup_get_working_arena(made.group, &index), &arena);
        std::thread([&] {
            os_workgroup_join_token_s of_thread = {};
            os_workgroup_index other = 9;
            EXPECT_EQ(os_workgroup_join(made.group, &of_thread), 0);
            EXPECT_EQ(os_workgroup_get_working_arena(made.group, &other), &arena);
            EXPECT_EQ(index + other, 1u);
            os_workgroup_leave(made.group, &of_thread);
        }).join();
        EXPECT_EQ(os_workgroup_set_working_arena(made.group, nullptr, 0, nullptr), EBUSY);
        os_workgroup_leave(made.group, &token);
        EXPECT_EQ(os_workgroup_set_working_arena(made.group, &arena, 1, destroy), 0);
        EXPECT_EQ(num_destroyed, 1);
    }
    EXPECT_EQ(num_destroyed, 2);
}

TEST(WorkGroupDeathTest, WrongToken_EndsTheProcess) {
    const Group made;
    os_workgroup_join_token_s token = {};
    EXPECT_DEATH(os_workgroup_leave(made.group, &token), "has not joined that work group");
}

TEST(WorkGroup, ParallelThreads_AreTheProcessors) {
    const Group made;
    EXPECT_GE(os_workgroup_max_parallel_threads(made.group, nullptr), 1);
    os_workgroup_attr_s attributes = {};
    EXPECT_EQ(os_workgroup_parallel_create("bad", &attributes), nullptr);
    attributes = OS_WORKGROUP_ATTR_INITIALIZER_DEFAULT;
    os_workgroup_t group = os_workgroup_parallel_create("good", &attributes);
    EXPECT_NE(group, nullptr);
    os_release(group);
}

struct OsEventLinkTest : testing::Test {
    ~OsEventLinkTest() override {
        os_release(first);
        os_release(second);
    }
    os_eventlink_t first = os_eventlink_create("first");
    os_eventlink_t second = os_eventlink_create_remote_with_eventlink("second", first);
    uint64_t signals = 0;
};

TEST_F(OsEventLinkTest, Ends_AreUsedOnceActive) {
    EXPECT_EQ(os_eventlink_signal(first), EINVAL);
    EXPECT_EQ(os_eventlink_associate(second, OS_EVENTLINK_ASSOCIATE_CURRENT_THREAD), EINVAL);
    ASSERT_EQ(os_eventlink_activate(first), 0);
    ASSERT_EQ(os_eventlink_activate(second), 0);
    EXPECT_EQ(os_eventlink_signal(first), 0);
    EXPECT_EQ(os_eventlink_wait(second, &signals), EINVAL) << "no thread is associated";
    EXPECT_EQ(os_eventlink_associate(second, OS_EVENTLINK_ASSOCIATE_ON_WAIT), 0);
    EXPECT_EQ(os_eventlink_associate(second, OS_EVENTLINK_ASSOCIATE_ON_WAIT), EALREADY);
    EXPECT_EQ(os_eventlink_wait(second, &signals), 0);
    EXPECT_EQ(signals, 1u);
    EXPECT_EQ(os_eventlink_disassociate(second), 0);
    EXPECT_EQ(os_eventlink_disassociate(second), EINVAL);
}

TEST_F(OsEventLinkTest, SignalAndWait_GoesBackAndForth) {
    os_eventlink_activate(first);
    os_eventlink_activate(second);
    os_eventlink_associate(first, OS_EVENTLINK_ASSOCIATE_CURRENT_THREAD);
    std::thread other([this] {
        uint64_t count = 0;
        os_eventlink_associate(second, OS_EVENTLINK_ASSOCIATE_CURRENT_THREAD);
        EXPECT_EQ(os_eventlink_wait(second, &count), 0);
        EXPECT_EQ(os_eventlink_signal_and_wait(second, &count), 0);
        EXPECT_EQ(os_eventlink_signal(second), 0);
    });
    EXPECT_EQ(os_eventlink_signal_and_wait(first, &signals), 0);
    EXPECT_EQ(os_eventlink_signal_and_wait_until(first, OS_CLOCK_MACH_ABSOLUTE_TIME, UINT64_MAX,
                                                 &signals),
              0);
    other.join();
    EXPECT_EQ(
        os_eventlink_wait_until(first, OS_CLOCK_MACH_ABSOLUTE_TIME, mach_absolute_time(), &signals),
        ETIMEDOUT);
    EXPECT_EQ(os_eventlink_cancel(second), 0);
    EXPECT_EQ(os_eventlink_wait(first, &signals), ECANCELED);
    EXPECT_EQ(os_eventlink_signal(first), ECANCELED);
}

TEST_F(OsEventLinkTest, OtherEnd_IsGivenOnce) {
    mach_port_t port = 0;
    EXPECT_EQ(os_eventlink_extract_remote_port(first, &port), EINVAL) << "given to `second`";
    EXPECT_EQ(os_eventlink_extract_remote_port(second, &port), EINVAL) << "is the other end";
    os_eventlink_t fresh = os_eventlink_create(nullptr);
    ASSERT_EQ(os_eventlink_extract_remote_port(fresh, &port), 0);
    os_eventlink_t other = os_eventlink_create_with_port(nullptr, port);
    EXPECT_NE(other, nullptr);
    EXPECT_EQ(os_workgroup_create_with_port(nullptr, port), nullptr) << "another kind of port";
    IOObjectRelease(port);
    os_release(other);
    os_release(fresh);
}

TEST(Traps, OfNoConnection_AreRefused) {
    EXPECT_EQ(IOConnectTrap0(0, 0), kIOReturnBadArgument);
    EXPECT_EQ(IOConnectTrap3(0, 0, 0, 0, 0), kIOReturnBadArgument);
}

}  // namespace
}  // namespace opendext::iokit
