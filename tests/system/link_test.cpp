// SPDX-License-Identifier: Apache-2.0
// IOEventLink and IOWorkGroup with their ends in the application.
#include <os/eventlink_private.h>
#include <os/workgroup.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include "tests/system/core_test.h"

namespace opendext::rig {

namespace {

constexpr uint64_t kResult = UINT32_MAX;

class LinkSystemTest : public CoreTest {
protected:
    void SetUp() override {
        CoreTest::SetUp();
        OpenClient(kLinkClient);
        ASSERT_NE(link, nullptr);
        ASSERT_EQ(os_eventlink_activate(link), 0);
    }
    void TearDown() override {
        os_release(link);
        CoreTest::TearDown();
    }

    kern_return_t Give(uint32_t index, const char *name, mach_port_t port) {
        return IOConnectTrap3(connect(), index, reinterpret_cast<uintptr_t>(name),
                              std::strlen(name), port);
    }
    /// Gives the driver its end of `link`, which it activates.
    void Link() {
        mach_port_t port = 0;
        ASSERT_EQ(os_eventlink_extract_remote_port(link, &port), 0);
        ASSERT_EQ(Give(0, kLinkName, port), kIOReturnSuccess);
        ASSERT_EQ(Call(kLinkActivate), kIOReturnSuccess);
        IOObjectRelease(port);
    }

    os_eventlink_t link = os_eventlink_create("test");
    uint64_t signals = 0;
};

uint64_t AsScalar(kern_return_t result) {
    return static_cast<uint64_t>(result) & kResult;
}

TEST_P(LinkSystemTest, WithoutTheApplicationsEnd_NothingIsReady) {
    EXPECT_EQ(Ask(kLinkEarly, 4),
              (Scalars{AsScalar(kIOReturnNotReady), AsScalar(kIOReturnNotReady),
                       AsScalar(kIOReturnNotReady), AsScalar(kIOReturnExclusiveAccess)}));
    EXPECT_EQ(Call(kLinkCancel), kIOReturnNotReady);
}

TEST_P(LinkSystemTest, Signals_GoBothWays) {
    Link();
    EXPECT_EQ(os_eventlink_signal(link), 0);
    EXPECT_EQ(os_eventlink_signal(link), 0);
    EXPECT_EQ(Ask(kLinkWait, 1), Scalars{2});
    EXPECT_EQ(Call(kLinkSignal), kIOReturnSuccess);
    ASSERT_EQ(os_eventlink_associate(link, OS_EVENTLINK_ASSOCIATE_ON_WAIT), 0);
    EXPECT_EQ(os_eventlink_wait(link, &signals), 0);
    EXPECT_EQ(signals, 1U);
}

TEST_P(LinkSystemTest, Threads_WakeEachOtherInTurn) {
    constexpr uint64_t kNumTurns = 200;
    Link();
    ASSERT_EQ(os_eventlink_associate(link, OS_EVENTLINK_ASSOCIATE_CURRENT_THREAD), 0);
    std::thread call([this] { EXPECT_EQ(Call(kLinkEcho, {kNumTurns}), kIOReturnSuccess); });
    for (uint64_t i = 0; i < kNumTurns; ++i) {
        EXPECT_EQ(os_eventlink_signal_and_wait(link, &signals), 0);
        EXPECT_EQ(signals, 1U);
    }
    call.join();
}

TEST_P(LinkSystemTest, WaitUntil_ReturnsWhenTheTimePasses) {
    Link();
    Scalars none(1);
    uint32_t count = 1;
    const uint64_t milliseconds = 1;
    EXPECT_EQ(
        IOConnectCallScalarMethod(connect(), kLinkWaitUntil, &milliseconds, 1, none.data(), &count),
        kIOReturnTimeout);
}

TEST_P(LinkSystemTest, Cancel_EndsTheOtherSidesWait) {
    Link();
    std::thread waiter([this] {
        uint64_t of_thread = 0;
        EXPECT_EQ(os_eventlink_associate(link, OS_EVENTLINK_ASSOCIATE_CURRENT_THREAD), 0);
        EXPECT_EQ(os_eventlink_wait(link, &of_thread), ECANCELED);
    });
    EXPECT_EQ(Call(kLinkCancel), kIOReturnSuccess);
    waiter.join();
    EXPECT_EQ(Call(kLinkSignal), kIOReturnAborted);
    EXPECT_EQ(os_eventlink_signal(link), ECANCELED);
}

TEST_P(LinkSystemTest, CancelOfTheApplication_EndsTheDriversWait) {
    Link();
    std::thread call([this] {
        uint64_t of_thread = 0;
        uint32_t count = 1;
        EXPECT_EQ(IOConnectCallScalarMethod(connect(), kLinkWait, nullptr, 0, &of_thread, &count),
                  kIOReturnAborted);
    });
    EXPECT_EQ(os_eventlink_cancel(link), 0);
    call.join();
}

TEST_P(LinkSystemTest, ClosedConnection_EndsTheApplicationsWait) {
    Link();
    std::atomic<int> result = 0;
    std::thread waiter([&] {
        uint64_t of_thread = 0;
        os_eventlink_associate(link, OS_EVENTLINK_ASSOCIATE_CURRENT_THREAD);
        result = os_eventlink_wait(link, &of_thread);
    });
    connection_.Close();
    waiter.join();
    EXPECT_EQ(result.load(), ECANCELED);
}

TEST_P(LinkSystemTest, ServiceThatEnds_EndsTheWaitsOfBothSides) {
    const Connection other = Open(FindService("CoreService"), kLinkClient);
    Link();
    ASSERT_EQ(os_eventlink_associate(link, OS_EVENTLINK_ASSOCIATE_ON_WAIT), 0);
    std::thread call([this] {
        uint64_t of_thread = 0;
        uint32_t count = 1;
        EXPECT_NE(IOConnectCallScalarMethod(connect(), kLinkWait, nullptr, 0, &of_thread, &count),
                  kIOReturnSuccess);
    });
    EXPECT_EQ(IOConnectCallScalarMethod(other.get(), kLinkTerminate, nullptr, 0, nullptr, nullptr),
              kIOReturnSuccess);
    EXPECT_EQ(os_eventlink_wait(link, &signals), ECANCELED);
    call.join();
}

TEST_P(LinkSystemTest, LinkThatIsCancelled_IsReplaced) {
    Link();
    os_eventlink_t other = os_eventlink_create("other");
    mach_port_t port = 0;
    ASSERT_EQ(os_eventlink_extract_remote_port(other, &port), 0);
    EXPECT_EQ(Give(0, kLinkName, port), kIOReturnExclusiveAccess);
    os_eventlink_cancel(link);
    EXPECT_EQ(Give(0, kLinkName, port), kIOReturnSuccess);
    os_eventlink_activate(other);
    EXPECT_EQ(os_eventlink_signal(other), 0);
    EXPECT_EQ(Ask(kLinkWait, 1), Scalars{1});
    IOObjectRelease(port);
    os_release(other);
}

TEST_P(LinkSystemTest, NamesAndPorts_AreChecked) {
    mach_port_t port = 0;
    ASSERT_EQ(os_eventlink_extract_remote_port(link, &port), 0);
    EXPECT_EQ(Give(0, "org.opendext.test.none", port), kIOReturnNotFound);
    EXPECT_EQ(Give(0, "", port), kIOReturnBadArgument);
    EXPECT_EQ(Give(0, kLinkName, connect()), kIOReturnBadArgument);
    EXPECT_EQ(Give(1, kGroupName, port), kIOReturnBadArgument) << "an event link as work group";
    EXPECT_EQ(Give(2, kLinkName, port), kIOReturnUnsupported);
    EXPECT_EQ(IOConnectTrap0(connect(), 0), kIOReturnUnsupported);
    EXPECT_EQ(Call(kLinkInvalidate), kIOReturnSuccess);
    EXPECT_EQ(Give(0, kLinkName, port), kIOReturnNotFound);
    IOObjectRelease(port);
}

TEST_P(LinkSystemTest, WorkGroup_IsJoinedUntilItIsCancelled) {
    const uint64_t bad = AsScalar(kIOReturnBadArgument);
    const uint64_t not_ready = AsScalar(kIOReturnNotReady);
    EXPECT_EQ(Ask(kGroupJoin, 4), (Scalars{not_ready, not_ready, bad, bad}));
    os_workgroup_t group = os_workgroup_parallel_create("test", nullptr);
    mach_port_t port = 0;
    ASSERT_EQ(os_workgroup_copy_port(group, &port), 0);
    ASSERT_EQ(Give(1, kGroupName, port), kIOReturnSuccess);
    EXPECT_EQ(Ask(kGroupJoin, 4), (Scalars{0, bad, 0, bad}));
    os_workgroup_cancel(group);
    const uint64_t aborted = AsScalar(kIOReturnAborted);
    EXPECT_EQ(Ask(kGroupJoin, 4), (Scalars{aborted, aborted, bad, bad}));
    IOObjectRelease(port);
    os_release(group);
}

OPENDEXT_BOTH_VARIANTS(LinkSystemTest);

}  // namespace

}  // namespace opendext::rig
