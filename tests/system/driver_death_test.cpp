// SPDX-License-Identifier: Apache-2.0
// What an application sees when the driver's process dies: semantics.md 3.8, 7.2.
#include <atomic>
#include <csignal>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "channel/wire/call.h"
#include "tests/rig/driver_test.h"
#include "tests/rig/private_folder.h"
#include "tests/rig/process_table.h"
#include "tests/system/probe/ProbeProtocol.h"

namespace opendext::rig {

namespace {

using channel::kMachSendInvalidDest;
using channel::kMigServerDied;

uint64_t IdOf(const IoObject &entry) {
    uint64_t id = 0;
    static_cast<void>(IORegistryEntryGetRegistryEntryID(entry.get(), &id));
    return id;
}

/// Arrivals of a matching notification, which it takes as they come.
class Arrivals {
public:
    Arrivals(const LoopPort &port, const char *type) {
        EXPECT_EQ(IOServiceAddMatchingNotification(port.get(), type,
                                                   IOServiceNameMatching("ProbeService"), OnArrival,
                                                   this, iterator_.out()),
                  kIOReturnSuccess);
        Take();
    }

    [[nodiscard]] const std::vector<uint64_t> &ids() const { return ids_; }

private:
    static void OnArrival(void *self, io_iterator_t /*iterator*/) {
        static_cast<Arrivals *>(self)->Take();
    }
    void Take() {
        while (const IoObject service{IOIteratorNext(iterator_.get())}) {
            ids_.push_back(IdOf(service));
        }
    }

    IoObject iterator_;
    std::vector<uint64_t> ids_;
};

class DriverDeathTest : public TwoProcessTest {
protected:
    void SetUp() override {
        TwoProcessTest::SetUp();
        TwoProcessTest::Start({.dexts = {BuiltDext("probe"), BuiltDext("echo")}});
        if (rig_ != nullptr) {
            connection_ = Open(FindService("ProbeService"));
        }
    }
    void TearDown() override {
        connection_.Close();
        TwoProcessTest::TearDown();
    }

    kern_return_t Ask(uint32_t selector) {
        return IOConnectCallScalarMethod(connection_.get(), selector, nullptr, 0, nullptr, nullptr);
    }

    // The service is there again, and answers.
    void ExpectRelaunched() {
        connection_.Close();
        ASSERT_TRUE(WaitUntil([&] {
            const IoObject service = FindService("ProbeService");
            io_connect_t connect = IO_OBJECT_NULL;
            if (service &&
                IOServiceOpen(service.get(), mach_task_self(), 0, &connect) == kIOReturnSuccess) {
                connection_ = Connection(connect);
            }
            return static_cast<bool>(connection_);
        }));
        EXPECT_EQ(AddOne(connection_), kIOReturnSuccess);
    }

    Connection connection_;
};

TEST_F(DriverDeathTest, Crash_IsToldWithSignalAndBacktrace) {
    EXPECT_EQ(Ask(kProbeCrash), kMigServerDied);
    EXPECT_EQ(Ask(kProbeAddOne), kMachSendInvalidDest);
    EXPECT_TRUE(log().WaitFor("died of signal 11"));
    EXPECT_TRUE(log().WaitFor("driver process org.opendext.test.probe"));
    EXPECT_TRUE(log().WaitFor("CrashAsAsked"));
    EXPECT_TRUE(log().WaitFor("ProbeClient::ExternalMethod"));
    ExpectRelaunched();
}

TEST_F(DriverDeathTest, Abort_IsToldWithSignalAndBacktrace) {
    EXPECT_EQ(Ask(kProbeAbort), kMigServerDied);
    EXPECT_TRUE(log().WaitFor("died of signal 6"));
    EXPECT_TRUE(log().WaitFor("ProbeClient::ExternalMethod"));
    ExpectRelaunched();
}

// Several times: a line that is lost is lost now and then.
TEST_F(DriverDeathTest, LineLoggedJustBeforeACrash_IsNotLost) {
    for (size_t round = 1; round <= 5; ++round) {
        EXPECT_EQ(Ask(kProbeLogAndCrash), kMigServerDied);
        EXPECT_TRUE(log().WaitFor(kProbeLastLine, round));
        ExpectRelaunched();
    }
}

TEST_F(DriverDeathTest, FrameWithoutASymbol_HasItsNameAndLine) {
    EXPECT_EQ(Ask(kProbeLogAndCrash), kMigServerDied);
    EXPECT_TRUE(log().WaitFor("CrashInHiddenFunction() at ProbeClient.cpp:"));
    EXPECT_TRUE(log().WaitFor("ProbeClient::ExternalMethod("));
}

TEST_F(DriverDeathTest, PanicLogs_AreToldWithTheFrames) {
    EXPECT_EQ(Ask(kProbePanicLog), kMigServerDied);
    EXPECT_TRUE(log().WaitFor("CrashWithPanicLogs() at ProbeClient.cpp:"));
    EXPECT_TRUE(log().WaitFor("| panic log text 30313233343536373839616263646566, 22 bytes"));
    EXPECT_TRUE(log().WaitFor("|   first line"));
    EXPECT_TRUE(log().WaitFor("|   second line"));
    EXPECT_TRUE(log().WaitFor("| panic log bytes "));
    EXPECT_TRUE(log().WaitFor("|   0001feff"));
    ExpectRelaunched();
}

TEST_F(DriverDeathTest, StackUsedUp_IsToldWithItsFrames) {
    EXPECT_EQ(Ask(kProbeRecurse), kMigServerDied);
    EXPECT_TRUE(log().WaitFor("died of signal 11"));
    EXPECT_TRUE(log().WaitFor("RecurseAsAsked(unsigned long) at ProbeClient.cpp:"));
    ExpectRelaunched();
}

TEST_F(DriverDeathTest, Exit_IsToldWithItsStatus) {
    EXPECT_EQ(Ask(kProbeExit), kMigServerDied);
    EXPECT_TRUE(log().WaitFor("exited by itself with status 7"));
    ExpectRelaunched();
}

TEST_F(DriverDeathTest, KilledDuringACall_EndsTheCall) {
    const pid_t host = rig().HostOf("probe");
    ASSERT_NE(host, 0);
    kern_return_t result = kIOReturnSuccess;
    std::thread caller([&] { result = Ask(kProbeBlock); });
    EXPECT_TRUE(log().WaitFor(kProbeBlockLine));
    kill(host, SIGKILL);
    caller.join();
    EXPECT_EQ(result, kMigServerDied);
    EXPECT_EQ(Ask(kProbeAddOne), kMachSendInvalidDest);
    EXPECT_TRUE(log().WaitFor("died of signal 9"));
    ExpectRelaunched();
}

// semantics.md 3.8: a terminate notification, then a first match of another registry entry.
TEST_F(DriverDeathTest, DeathAndRelaunch_AreNotified) {
    const LoopPort port;
    const Arrivals gone(port, kIOTerminatedNotification);
    const Arrivals come(port, kIOFirstMatchNotification);
    const uint64_t first = IdOf(FindService("ProbeService"));
    ASSERT_EQ(come.ids(), std::vector<uint64_t>{first});
    rig().KillHost("probe");
    ASSERT_TRUE(LoopPort::RunUntil([&] { return come.ids().size() == 2; }));
    EXPECT_EQ(gone.ids(), std::vector<uint64_t>{first});
    EXPECT_NE(come.ids()[1], first);
    ExpectRelaunched();
}

TEST_F(DriverDeathTest, OtherConnectionsOfTheDeadDriver_AreDeadToo) {
    const Connection second = Open(FindService("ProbeService"));
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    ASSERT_EQ(IOConnectMapMemory64(second.get(), kProbeSharedMemory, mach_task_self(), &address,
                                   &size, kIOMapAnywhere),
              kIOReturnSuccess);
    EXPECT_EQ(Ask(kProbeCrash), kMigServerDied);
    EXPECT_TRUE(WaitUntil([&] { return AddOne(second) == kMachSendInvalidDest; }));
    // What was mapped stays readable until it is unmapped or closed.
    EXPECT_EQ(*reinterpret_cast<volatile uint8_t *>(address), 0);
    EXPECT_EQ(IOConnectMapMemory64(second.get(), kProbeSharedMemory, mach_task_self(), &address,
                                   &size, kIOMapAnywhere),
              kMachSendInvalidDest);
    EXPECT_EQ(IOConnectUnmapMemory64(second.get(), kProbeSharedMemory, mach_task_self(), address),
              kMachSendInvalidDest);
}

TEST_F(DriverDeathTest, OtherDriver_GoesOn) {
    const Connection echo = Open(FindService("EchoService"));
    const pid_t host = rig().HostOf("echo");
    const uint64_t input = 1;
    uint64_t output = 0;
    uint32_t num_outputs = 1;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(Ask(kProbeCrash), kMigServerDied);
        EXPECT_EQ(IOConnectCallScalarMethod(echo.get(), 0, &input, 1, &output, &num_outputs),
                  kIOReturnSuccess);
        ExpectRelaunched();
    }
    EXPECT_EQ(rig().HostOf("echo"), host);
}

// At whatever moment it dies, every call ends, with one of two errors.
TEST_F(DriverDeathTest, KilledAtRandomMoments_NoCallHangs) {
    std::mt19937 random(20240607);
    std::uniform_int_distribution<int> num_calls(1, 400);
    for (int round = 0; round < 8; ++round) {
        std::atomic<int> num_answers = 0;
        kern_return_t last = kIOReturnSuccess;
        std::vector<uint8_t> large(20000, 1);
        std::thread caller([&] {
            for (int i = 0; last == kIOReturnSuccess; ++i) {
                uint64_t sums[2] = {};
                uint32_t num_sums = 2;
                last = i % 4 != 0 ? AddOne(connection_)
                                  : IOConnectCallMethod(connection_.get(), kProbeSumInput, nullptr,
                                                        0, large.data(), large.size(), sums,
                                                        &num_sums, nullptr, nullptr);
                ++num_answers;
            }
        });
        const int wanted = num_calls(random);
        EXPECT_TRUE(WaitUntil([&] { return num_answers >= wanted; }));
        rig().KillHost("probe");
        caller.join();
        EXPECT_TRUE(last == kMigServerDied || last == kMachSendInvalidDest) << std::hex << last;
        ExpectRelaunched();
    }
}

// semantics.md 3.8: the limit, then no more.
TEST_F(TwoProcessTest, DriverThatAlwaysCrashes_IsGivenUp) {
    TwoProcessTest::Start({.dexts = {BuiltDext("probe")}, .relaunch_limit = 2});
    for (int i = 0; i < 4; ++i) {
        const IoObject service = WaitForService("ProbeService");
        ASSERT_TRUE(service) << i;
        const uint64_t id = IdOf(service);
        rig().KillHost("probe");
        ASSERT_TRUE(WaitUntil([&] {
            const IoObject now = FindService("ProbeService");
            return !now || IdOf(now) != id;
        }));
    }
    EXPECT_TRUE(log().WaitFor("is not started there again"));
    EXPECT_FALSE(FindService("ProbeService"));
}

// The registry's end is told to who asks it.
TEST_F(TwoProcessTest, DeadRegistry_FailsCallsAndEndsItsDrivers) {
    TwoProcessTest::Start({.dexts = {BuiltDext("probe")}});
    Connection connection = Open(FindService("ProbeService"));
    const pid_t host = rig().HostOf("probe");
    rig().KillRegistry();
    EXPECT_TRUE(WaitUntil([&] { return !CommandLineOf(host).contains("opendext-host"); }));
    EXPECT_TRUE(WaitUntil([&] { return AddOne(connection) == kMachSendInvalidDest; }));
    EXPECT_FALSE(FindService("ProbeService"));
    connection.Close();
    rig_.reset();
}

}  // namespace

}  // namespace opendext::rig
