// SPDX-License-Identifier: Apache-2.0
// An application that is killed leaves nothing behind in the driver's process: semantics.md 2.10.
#include <algorithm>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/rig/child_process.h"
#include "tests/rig/driver_test.h"
#include "tests/rig/private_folder.h"
#include "tests/rig/process_table.h"
#include "tests/system/probe/ProbeProtocol.h"

namespace opendext::rig {

namespace {

/// What the driver's process holds.
struct Holdings {
    std::vector<uint64_t> census;  ///< Objects, descriptors, mappings.
    size_t num_descriptors = 0;
    size_t num_mappings = 0;  ///< Of shared memory.

    bool operator==(const Holdings &) const = default;

    /// An earlier count may have seen objects that were on their way out.
    [[nodiscard]] bool IsNoMoreThan(const Holdings &earlier) const {
        return std::ranges::equal(census, earlier.census, std::ranges::less_equal()) &&
               num_descriptors <= earlier.num_descriptors && num_mappings <= earlier.num_mappings;
    }
};

void PrintTo(const Holdings &holdings, std::ostream *stream) {
    *stream << fmt::format(
        "{} objects, {} memory descriptors, {} maps; {} descriptors, {} mappings",
        holdings.census.at(0), holdings.census.at(1), holdings.census.at(2),
        holdings.num_descriptors, holdings.num_mappings);
}

class ApplicationDeathTest : public TwoProcessTest {
protected:
    void SetUp() override {
        TwoProcessTest::SetUp();
        TwoProcessTest::Start({.dexts = {BuiltDext("probe")}});
        if (rig_ != nullptr) {
            connection_ = Open(FindService("ProbeService"));
            host_ = rig().HostOf("probe");
        }
    }
    void TearDown() override {
        connection_.Close();
        TwoProcessTest::TearDown();
    }

    Holdings Take() {
        Holdings holdings;
        holdings.census.resize(3);
        uint32_t num_counts = 3;
        EXPECT_EQ(IOConnectCallScalarMethod(connection_.get(), kProbeCensus, nullptr, 0,
                                            holdings.census.data(), &num_counts),
                  kIOReturnSuccess);
        holdings.num_descriptors = CountDescriptors(host_);
        holdings.num_mappings = CountMappings(host_, "/memfd:");
        return holdings;
    }

    uint64_t Stops() {
        uint64_t stops = 0;
        uint32_t num_counts = 1;
        EXPECT_EQ(IOConnectCallScalarMethod(connection_.get(), kProbeStops, nullptr, 0, &stops,
                                            &num_counts),
                  kIOReturnSuccess);
        return stops;
    }

    std::unique_ptr<ChildProcess> StartClient() {
        auto client = ChildProcess::Start({.command = {OPENDEXT_BUILD_DIR "/tests/holding_client"},
                                           .environment = {"OPENDEXT_REGISTRY=" + rig().socket()}});
        EXPECT_TRUE(client.has_value());
        return *std::move(client);
    }

    Connection connection_;
    pid_t host_ = 0;
};

TEST_F(ApplicationDeathTest, KilledApplication_LeavesNothingBehind) {
    // The first client makes what is made once: threads, buffers of the transport.
    for (uint64_t round = 0; round < 2; ++round) {
        const auto client = StartClient();
        ASSERT_TRUE(client->output().WaitFor("holding"));
        client->Kill(SIGKILL);
        ASSERT_TRUE(WaitUntil([&] { return Stops() == 2 * (round + 1); }));
    }
    Holdings before = Take();
    ASSERT_TRUE(WaitUntil([&] {
        const Holdings now = Take();
        const bool is_same = now == before && now.census[1] == 0;
        before = now;
        return is_same;
    }));
    for (uint64_t round = 0; round < 20; ++round) {
        const auto client = StartClient();
        ASSERT_TRUE(client->output().WaitFor("holding")) << client->output().Text();
        ASSERT_GE(Take().census[1], 50U);
        client->Kill(SIGKILL);
        ASSERT_TRUE(WaitUntil([&] { return Stops() == 4 + 2 * (round + 1); })) << round;
        ASSERT_TRUE(WaitUntil([&] { return Take().IsNoMoreThan(before); }))
            << round << ": " << testing::PrintToString(before) << " then "
            << testing::PrintToString(Take());
    }
    EXPECT_EQ(AddOne(connection_), kIOReturnSuccess);
}

// A client that dies while the driver does not answer it: the Stop comes, and others are served.
TEST_F(ApplicationDeathTest, RegistryEntries_GoWithTheApplication) {
    const auto count = [] {
        IoObject iterator;
        static_cast<void>(IORegistryCreateIterator(kIOMainPortDefault, kIOServicePlane,
                                                   kIORegistryIterateRecursively, iterator.out()));
        size_t num_entries = 0;
        while (const IoObject entry{IOIteratorNext(iterator.get())}) {
            ++num_entries;
        }
        return num_entries;
    };
    const size_t before = count();
    const auto client = StartClient();
    ASSERT_TRUE(client->output().WaitFor("holding"));
    EXPECT_EQ(count(), before + 2);
    client->Kill(SIGKILL);
    EXPECT_TRUE(WaitUntil([&] { return count() == before; }));
}

}  // namespace

}  // namespace opendext::rig
