// SPDX-License-Identifier: Apache-2.0
// Drivers that do nothing wrong are told nothing: docs/diagnostics.md.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "samples/echo/driver/EchoProtocol.h"
#include "samples/fpga/driver/FpgaProtocol.h"
#include "samples/usb_firmware/driver/FirmwareProtocol.h"
#include "tests/system/diagnostics_test.h"

namespace opendext::rig {

namespace {

class CorrectDriversTest : public DriverTest {
protected:
    /// Ends everything, and has found no line that reports a mistake.
    void ExpectNothingTold() {
        EXPECT_EQ(rig_->Stop(), "");
        EXPECT_EQ(DiagnosticLines(log()), std::vector<std::string>()) << log().Text();
        EXPECT_FALSE(log().Contains("objects of its classes are left")) << log().Text();
    }
};

kern_return_t CallStruct(const Connection &connection, uint32_t selector,
                         const std::vector<uint64_t> &scalars, const std::vector<uint8_t> &input,
                         std::vector<uint8_t> &output) {
    size_t num_bytes = output.size();
    return IOConnectCallMethod(connection.get(), selector, scalars.data(),
                               static_cast<uint32_t>(scalars.size()), input.data(), input.size(),
                               nullptr, nullptr, output.data(), &num_bytes);
}

void IgnoreEvent(void *, IOReturn, void **, uint32_t) {}

TEST_P(CorrectDriversTest, Echo_IsToldNothing) {
    DriverTest::Start({.dexts = {BuiltDext("echo")}});
    ASSERT_NE(rig_, nullptr);
    for (int i = 0; i < 2; ++i) {
        Connection connection = Open(FindService("EchoService"));
        std::vector<uint8_t> block(sizeof(EchoBlock));
        std::vector<uint8_t> pair(sizeof(EchoPair));
        EXPECT_EQ(CallStruct(connection, kEchoStruct, {}, block, block), kIOReturnSuccess);
        EXPECT_EQ(CallStruct(connection, kEchoStruct, {}, pair, pair), kIOReturnSuccess);
        const LoopPort port;
        std::array<uint64_t, 3> reference = {0, reinterpret_cast<uint64_t>(&IgnoreEvent), 0};
        size_t num_bytes = pair.size();
        EXPECT_EQ(IOConnectCallAsyncStructMethod(connection.get(), kEchoSubscribe, port.mach_port(),
                                                 reference.data(), reference.size(), pair.data(),
                                                 pair.size(), pair.data(), &num_bytes),
                  kIOReturnSuccess);
        // Closed with the answer to come.
    }
    ExpectNothingTold();
}

TEST_P(CorrectDriversTest, Fpga_IsToldNothing) {
    DriverTest::Start({.dexts = {BuiltDext("fpga")}, .devices = {"model:fpga-dma"}});
    ASSERT_NE(rig_, nullptr);
    Connection connection = Open(FindService(kFpgaServiceName));
    for (const size_t size : {size_t{100}, size_t{4096}, size_t{70000}}) {
        std::vector<uint8_t> out(size, 7);
        std::vector<uint8_t> back(size);
        std::vector<uint8_t> nothing;
        EXPECT_EQ(CallStruct(connection, kFpgaWrite, {64}, out, nothing), kIOReturnSuccess);
        EXPECT_EQ(CallStruct(connection, kFpgaRead, {64}, {}, back), kIOReturnSuccess);
        EXPECT_EQ(out, back);
    }
    connection.Close();
    ExpectNothingTold();
}

TEST_P(CorrectDriversTest, Firmware_IsToldNothing) {
    DriverTest::Start({.dexts = {BuiltDext("firmware")}, .devices = {"model:usb-firmware"}});
    ASSERT_NE(rig_, nullptr);
    Connection connection = Open(WaitForService(kFirmwareLoaderName));
    connection.Close();
    ExpectNothingTold();
}

OPENDEXT_BOTH_VARIANTS(CorrectDriversTest);

}  // namespace

}  // namespace opendext::rig
