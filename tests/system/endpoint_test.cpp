// SPDX-License-Identifier: Apache-2.0
// What an application can do with a PCI function through its driver: semantics.md 6.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/rig/driver_test.h"
#include "tests/system/endpoint/EndpointProtocol.h"

namespace opendext::rig {

namespace {

constexpr uint64_t kVendorAndDevice = 0x00;
constexpr uint64_t kCommand = 0x04;
constexpr uint64_t kInterruptLine = 0x3C;
constexpr uint64_t kHotReset = 0x01;
constexpr uint64_t kWarmReset = 0x02;
constexpr uint64_t kFunctionReset = 0x10;

class EndpointTest : public DriverTest {
protected:
    void PlugIn(const std::string &more = "") {
        DriverTest::Start({.dexts = {BuiltDext("endpoint")},
                           .devices = {"model:pci-endpoint,class=0x030000,bar0=16m/64p,bar2=64k,"
                                       "bar4=256/io" +
                                       more}});
        if (rig_ != nullptr) {
            connection_ = Open(FindService("endpoint"));
        }
    }
    void TearDown() override {
        connection_.Close();
        DriverTest::TearDown();
    }

    kern_return_t Try(uint32_t selector, const std::vector<uint64_t> &input,
                      uint64_t *output = nullptr) {
        uint32_t count = output != nullptr ? 1 : 0;
        return IOConnectCallScalarMethod(connection_.get(), selector, input.data(),
                                         static_cast<uint32_t>(input.size()), output, &count);
    }
    uint64_t Get(uint32_t selector, const std::vector<uint64_t> &input) {
        uint64_t output = 0;
        EXPECT_EQ(Try(selector, input, &output), kIOReturnSuccess);
        return output;
    }

    Connection connection_;
};

TEST_P(EndpointTest, ConfigurationSpace_HasEveryWidth) {
    PlugIn(",device=0x2684");
    EXPECT_EQ(Get(kEndpointReadConfig, {kVendorAndDevice, 4}), 0x26841234U);
    EXPECT_EQ(Get(kEndpointReadConfig, {kVendorAndDevice + 2, 2}), 0x2684U);
    EXPECT_EQ(Get(kEndpointReadConfig, {kVendorAndDevice + 3, 1}), 0x26U);
    EXPECT_EQ(Try(kEndpointWriteConfig, {kInterruptLine, 1, 0x5A}), kIOReturnSuccess);
    EXPECT_EQ(Get(kEndpointReadConfig, {kInterruptLine, 1}), 0x5AU);
}

TEST_P(EndpointTest, BarThatTheApplicationMaps_IsTheDevices) {
    PlugIn();
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    ASSERT_EQ(IOConnectMapMemory64(connection_.get(), 0, mach_task_self(), &address, &size,
                                   kIOMapAnywhere),
              kIOReturnSuccess);
    EXPECT_EQ(size, 16U << 20);
    auto *const words = reinterpret_cast<volatile uint32_t *>(address);
    words[size / 4 - 1] = 0xCAFE0123;
    EXPECT_EQ(Get(kEndpointPeek, {0, size - 4}), 0xCAFE0123U);
    EXPECT_EQ(Try(kEndpointPoke, {0, 0, 0x11223344}), kIOReturnSuccess);
    EXPECT_EQ(words[0], 0x11223344U);
    EXPECT_EQ(Try(kEndpointReset, {kFunctionReset}), kIOReturnSuccess);
    EXPECT_EQ(words[0], 0x11223344U);
    EXPECT_EQ(IOConnectUnmapMemory64(connection_.get(), 0, mach_task_self(), address),
              kIOReturnSuccess);
}

TEST_P(EndpointTest, BarsThatCannotBeMapped_AreRefused) {
    PlugIn();
    // The upper half of a 64-bit BAR, one that is not there, I/O space.
    for (const uint32_t bar : {1U, 3U, 4U}) {
        mach_vm_address_t address = 0;
        mach_vm_size_t size = 0;
        EXPECT_EQ(IOConnectMapMemory64(connection_.get(), bar, mach_task_self(), &address, &size,
                                       kIOMapAnywhere),
                  kIOReturnBadArgument)
            << bar;
    }
}

TEST_P(EndpointTest, Resets_KeepConfigurationSpace) {
    PlugIn();
    const uint64_t command = Get(kEndpointReadConfig, {kCommand, 2});
    EXPECT_EQ(command & 7, 7U);
    for (const uint64_t type : {kFunctionReset, kHotReset}) {
        EXPECT_EQ(Try(kEndpointReset, {type}), kIOReturnSuccess);
        EXPECT_EQ(Get(kEndpointReadConfig, {kCommand, 2}), command);
    }
    EXPECT_EQ(Try(kEndpointReset, {kWarmReset}), kIOReturnUnsupported);
    EXPECT_EQ(Try(kEndpointReset, {kFunctionReset | kHotReset}), kIOReturnBadArgument);
}

TEST_P(EndpointTest, FunctionWithoutItsOwnReset_HasTheBuses) {
    PlugIn(",flr=no");
    EXPECT_EQ(Try(kEndpointReset, {kFunctionReset}), kIOReturnUnsupported);
    EXPECT_EQ(Try(kEndpointReset, {kHotReset}), kIOReturnSuccess);
}

TEST_P(EndpointTest, Link_RunsAtTheSpeedOfTheSlower) {
    PlugIn(",speed=4");
    EXPECT_EQ(Get(kEndpointLinkSpeed, {0}), 4U);
    EXPECT_EQ(Get(kEndpointLinkSpeed, {2}), 2U);
    EXPECT_EQ(Get(kEndpointLinkSpeed, {5}), 4U);
    EXPECT_EQ(Try(kEndpointLinkSpeed, {6}), kIOReturnBadArgument);
}

// semantics.md 2.4: descriptors are for what does not fit into a message.
TEST_P(EndpointTest, StructuresAboveTheLimit_CanBePreparedForDma) {
    PlugIn();
    std::vector<uint8_t> input(3 << 20);
    std::vector<uint64_t> segments(1024);
    for (const size_t num_bytes : {size_t{4097}, size_t{65537}, input.size()}) {
        size_t num_out = segments.size() * sizeof(uint64_t);
        ASSERT_EQ(IOConnectCallStructMethod(connection_.get(), kEndpointPrepare, input.data(),
                                            num_bytes, segments.data(), &num_out),
                  kIOReturnSuccess);
        EXPECT_EQ(num_out, segments.size() * sizeof(uint64_t));
        uint64_t sum = 0;
        for (size_t i = 0; segments[i + 1] != 0; i += 2) {
            EXPECT_LT(segments[i] + segments[i + 1], uint64_t{1} << 40);
            sum += segments[i + 1];
        }
        EXPECT_EQ(sum, num_bytes);
    }
    size_t num_out = segments.size() * sizeof(uint64_t);
    EXPECT_EQ(IOConnectCallStructMethod(connection_.get(), kEndpointPrepare, input.data(), 4096,
                                        segments.data(), &num_out),
              kIOReturnBadArgument);
    num_out = 4096;
    EXPECT_EQ(IOConnectCallStructMethod(connection_.get(), kEndpointPrepare, input.data(), 4097,
                                        segments.data(), &num_out),
              kIOReturnBadArgument);
}

OPENDEXT_BOTH_VARIANTS(EndpointTest);

}  // namespace

}  // namespace opendext::rig
