// SPDX-License-Identifier: Apache-2.0
// Applications in several processes, and one that dies: semantics.md 2.9, 2.10.
#include <sys/mman.h>
#include <algorithm>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/rig/child_process.h"
#include "tests/rig/process_table.h"
#include "tests/system/application_memory.h"
#include "tests/system/mapper_test.h"

namespace opendext::rig {

namespace {

class ClientMemoryProcessesTest : public TwoProcessTest {
protected:
    void SetUp() override {
        TwoProcessTest::SetUp();
        TwoProcessTest::Start({.dexts = {BuiltDext("mapper")}, .devices = {"model:fpga-dma"}});
        if (rig_ != nullptr) {
            connection_ = Open(FindService("MapperService"));
            host_ = rig().HostOf("mapper");
        }
    }
    void TearDown() override {
        connection_.Close();
        TwoProcessTest::TearDown();
    }

    std::vector<uint64_t> Do(const std::vector<MapperStep> &steps) {
        return Succeed(RunSteps(connection_.get(), steps));
    }

    std::unique_ptr<ChildProcess> StartClient(const std::vector<std::string> &arguments) {
        std::vector<std::string> command = {OPENDEXT_BUILD_DIR "/tests/mapping_client"};
        command.insert(command.end(), arguments.begin(), arguments.end());
        auto client = ChildProcess::Start({.command = std::move(command),
                                           .environment = {"OPENDEXT_REGISTRY=" + rig().socket()}});
        EXPECT_TRUE(client.has_value());
        return *std::move(client);
    }

    uint64_t Stops() { return Do({step::Of(kMapperStops, 0)})[0]; }

    /// Descriptors, mappings and preparations of the driver, and its process's descriptors and shared mappings.
    std::vector<uint64_t> Holdings() {
        std::vector<uint64_t> holdings =
            Do({step::Of(kMapperCensus, 0, 1), step::Of(kMapperCensus, 0, 2),
                step::Of(kMapperCensus, 0, 3)});
        holdings.push_back(CountDescriptors(host_));
        holdings.push_back(CountMappings(host_, "/memfd:"));
        return holdings;
    }

    Connection connection_;
    pid_t host_ = 0;
};

TEST_F(ClientMemoryProcessesTest, SameAddressOfTwoApplications_IsTwoMemories) {
    const AppBytes mine = MapPages(3 * kPageBytes);
    std::ranges::fill(mine.all(), 1);
    const auto address = reinterpret_cast<uint64_t>(mine.all().data());
    Do({step::Segment(mine.all()), step::Describe(0, kInOut | kShared), step::Map(0)});
    const auto client = StartClient({"read", fmt::format("{:#x}", address + kPageBytes)});
    ASSERT_TRUE(client->output().WaitFor("read ", 2)) << client->output().Text();
    EXPECT_TRUE(client->output().Contains(fmt::format("read 1 {}", 2 * kPageBytes)))
        << client->output().Text();
    // Where only this process has something.
    EXPECT_TRUE(client->output().Contains("read 0 0")) << client->output().Text();
    EXPECT_EQ(Do({step::Sum(0, 0, 3 * kPageBytes)})[0], 3 * kPageBytes);
    EXPECT_EQ(Do({step::Segment(mine.all()), step::Describe(1, kOut), step::Map(1),
                  step::Sum(1, 0, 3 * kPageBytes)})
                  .back(),
              3 * kPageBytes);
    client->Kill(SIGKILL);
}

TEST_F(ClientMemoryProcessesTest, KilledApplication_LeavesNothingInTheDriver) {
    uint64_t num_stops = 0;
    const auto kill_one = [&] {
        const auto client = StartClient({"hold"});
        ASSERT_TRUE(client->output().WaitFor("holding")) << client->output().Text();
        EXPECT_GE(Do({step::Of(kMapperCensus, 0, 2)})[0], 3U);
        client->Kill(SIGKILL);
        num_stops += 2;
        ASSERT_TRUE(WaitUntil([&] { return Stops() == num_stops; }));
    };
    // The first makes what is made once.
    kill_one();
    std::vector<uint64_t> before = Holdings();
    ASSERT_TRUE(WaitUntil([&] {
        const std::vector<uint64_t> now = Holdings();
        const bool is_same = now == before && now[0] == 1;  // the card's list
        before = now;
        return is_same;
    }));
    for (int round = 0; round < 10; ++round) {
        kill_one();
        ASSERT_TRUE(WaitUntil([&] {
            return std::ranges::equal(Holdings(), before, std::less_equal<>());
        })) << round
            << ": " << testing::PrintToString(before) << " then "
            << testing::PrintToString(Holdings());
    }
}

// What the driver has shared with this process goes when both have let go of it.
TEST_F(ClientMemoryProcessesTest, ForgottenMemory_IsNobodysInTheEnd) {
    const auto share = [&] {
        const AppBytes memory = MapPages(64 * kPageBytes);
        Do({step::Segment(memory.all()), step::Describe(0, kInOut | kShared), step::Map(0),
            step::Segment(memory.all()), step::Describe(1, kIn), step::Map(1)});
        Do({step::Forget(0), step::Forget(1)});
    };
    share();
    std::vector<uint64_t> before = Holdings();
    const auto own = [] {
        return std::vector<uint64_t>{CountDescriptors(getpid()),
                                     CountMappings(getpid(), "/memfd:")};
    };
    std::vector<uint64_t> own_before = own();
    ASSERT_TRUE(WaitUntil([&] {
        const bool is_same = Holdings() == before && own() == own_before;
        before = Holdings();
        own_before = own();
        return is_same;
    }));
    for (int i = 0; i < 20; ++i) {
        share();
    }
    // What was kept for the next time may be less by now.
    const auto is_no_more = [](const std::vector<uint64_t> &now,
                               const std::vector<uint64_t> &then) {
        return std::ranges::equal(now, then, std::less_equal<>());
    };
    EXPECT_TRUE(WaitUntil([&] {
        return is_no_more(Holdings(), before) && is_no_more(own(), own_before);
    })) << testing::PrintToString(before)
        << " then " << testing::PrintToString(Holdings()) << "; "
        << testing::PrintToString(own_before) << " then " << testing::PrintToString(own());
}

// As in a container without the system call. Everything works but sharing memory that was not made for it.
TEST_F(ClientMemoryProcessesTest, ApplicationWithoutUserfaultfd_IsCopiedFromAndSaysSoOnce) {
    constexpr uint64_t kNumBytes = 4 * 1024 * 1024;
    const auto client = StartClient({"refused"});
    EXPECT_EQ(client->WaitForExit(), 0) << client->output().Text();
    const LogLines &output = client->output();
    for (uint64_t round = 1; round <= 5; ++round) {
        EXPECT_TRUE(output.Contains(fmt::format("read: 0 {}", round * kNumBytes)));
        EXPECT_TRUE(output.Contains(fmt::format("snapshot: 0 {}", round * kNumBytes)));
    }
    EXPECT_EQ(output.Count("card reads: 0 "), 5U);
    EXPECT_EQ(output.Count(fmt::format("shared: {:#x} 0", static_cast<uint32_t>(kIOReturnError))),
              5U);
    EXPECT_TRUE(output.Contains("born shared: 0 0"));
    EXPECT_TRUE(output.Contains(fmt::format("born shared: 0 {}", 3 * kNumBytes)));
    EXPECT_EQ(output.Count("opendext: warning"), 1U) << output.Text();
    EXPECT_EQ(output.Count("userfaultfd"), 1U) << output.Text();
}

}  // namespace

}  // namespace opendext::rig
