// SPDX-License-Identifier: Apache-2.0
// docs/devices/fpga-dma.md and registers.h say the same.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "models/fpga_dma/registers.h"
#include "models/register_manual.h"

namespace opendext::models::fpga_dma {
namespace {

constexpr std::array kRegisters = {
    NamedValue{"ID", kRegId},
    NamedValue{"VERSION", kRegVersion},
    NamedValue{"SCRATCH", kRegScratch},
    NamedValue{"CONTROL", kRegControl},
    NamedValue{"STATUS", kRegStatus},
    NamedValue{"INTERRUPT_ENABLE", kRegInterruptEnable},
    NamedValue{"INTERRUPT_STATUS", kRegInterruptStatus},
    NamedValue{"INTERRUPT_TRIGGER", kRegInterruptTrigger},
    NamedValue{"RAM_SIZE_LOW", kRegRamSizeLow},
    NamedValue{"RAM_SIZE_HIGH", kRegRamSizeHigh},
    NamedValue{"LIST_BASE_LOW", kRegListBaseLow},
    NamedValue{"LIST_BASE_HIGH", kRegListBaseHigh},
    NamedValue{"LIST_COUNT", kRegListCount},
    NamedValue{"DOORBELL", kRegDoorbell},
    NamedValue{"COMPLETED_COUNT", kRegCompletedCount},
    NamedValue{"ERROR_CODE", kRegErrorCode},
    NamedValue{"ERROR_ADDRESS_LOW", kRegErrorAddressLow},
    NamedValue{"ERROR_ADDRESS_HIGH", kRegErrorAddressHigh},
    NamedValue{"ERROR_CARD_ADDRESS_LOW", kRegErrorCardAddressLow},
    NamedValue{"ERROR_CARD_ADDRESS_HIGH", kRegErrorCardAddressHigh},
    NamedValue{"ERROR_INDEX", kRegErrorIndex},
    NamedValue{"LISTS_ENDED", kRegListsEnded},
    NamedValue{"BYTES_MOVED_LOW", kRegBytesMovedLow},
    NamedValue{"BYTES_MOVED_HIGH", kRegBytesMovedHigh},
};

constexpr std::array kErrors = {
    NamedValue{"none", kErrorNone},
    NamedValue{"DESCRIPTOR_FETCH", kErrorDescriptorFetch},
    NamedValue{"HOST_ACCESS", kErrorHostAccess},
    NamedValue{"CARD_RANGE", kErrorCardRange},
    NamedValue{"BAD_DESCRIPTOR", kErrorBadDescriptor},
    NamedValue{"BAD_COUNT", kErrorBadCount},
    NamedValue{"DISABLED", kErrorDisabled},
};

TEST(FpgaDmaManual, ListsEveryRegisterAtItsOffset) {
    const std::string manual = ReadManual("fpga-dma");
    for (const NamedValue &each : kRegisters) {
        EXPECT_TRUE(ListsRegister(manual, each)) << each.name;
    }
    EXPECT_EQ(NumRegisterRows(manual), kRegisters.size());
}

TEST(FpgaDmaManual, ListsEveryErrorCode) {
    const std::string manual = ReadManual("fpga-dma");
    for (const NamedValue &each : kErrors) {
        EXPECT_NE(manual.find(fmt::format("\n| {} | {} |", each.value, each.name)),
                  std::string::npos)
            << each.name;
    }
}

TEST(FpgaDmaManual, NamesTheIds) {
    const std::string manual = ReadManual("fpga-dma");
    EXPECT_NE(manual.find(fmt::format("`0x{:04X}`, `0x{:04X}`", kVendorId, kDeviceId)),
              std::string::npos);
    EXPECT_NE(manual.find(fmt::format("`0x{:04x}{:04x}`", kDeviceId, kVendorId)),
              std::string::npos);
    EXPECT_NE(manual.find(fmt::format("`0x{:06X}`", kClassCode)), std::string::npos);
    EXPECT_NE(manual.find(fmt::format("`0x{:X}`", kIdValue)), std::string::npos);
}

}  // namespace
}  // namespace opendext::models::fpga_dma
