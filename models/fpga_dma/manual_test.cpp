// SPDX-License-Identifier: Apache-2.0
// docs/devices/fpga-dma.md and registers.h say the same.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <iterator>
#include <string>

#include "models/fpga_dma/registers.h"

namespace opendext::models::fpga_dma {
namespace {

struct NamedValue {
    const char *name;
    uint32_t value;
};

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

std::string Manual() {
    std::ifstream file(OPENDEXT_SOURCE_DIR "/docs/devices/fpga-dma.md");
    return {std::istreambuf_iterator<char>(file), {}};
}

size_t NumRegisterRows(const std::string &manual) {
    size_t num_rows = 0;
    for (size_t at = manual.find("\n| `0x"); at != std::string::npos;
         at = manual.find("\n| `0x", at + 1)) {
        ++num_rows;
    }
    return num_rows;
}

TEST(FpgaDmaManual, ListsEveryRegisterAtItsOffset) {
    const std::string manual = Manual();
    for (const NamedValue &each : kRegisters) {
        EXPECT_NE(manual.find(fmt::format("\n| `0x{:02X}` | {} |", each.value, each.name)),
                  std::string::npos)
            << each.name;
    }
    EXPECT_EQ(NumRegisterRows(manual), kRegisters.size());
}

TEST(FpgaDmaManual, ListsEveryErrorCode) {
    const std::string manual = Manual();
    for (const NamedValue &each : kErrors) {
        EXPECT_NE(manual.find(fmt::format("\n| {} | {} |", each.value, each.name)),
                  std::string::npos)
            << each.name;
    }
}

TEST(FpgaDmaManual, NamesTheIds) {
    const std::string manual = Manual();
    EXPECT_NE(manual.find(fmt::format("`0x{:04X}`, `0x{:04X}`", kVendorId, kDeviceId)),
              std::string::npos);
    EXPECT_NE(manual.find(fmt::format("`0x{:04x}{:04x}`", kDeviceId, kVendorId)),
              std::string::npos);
    EXPECT_NE(manual.find(fmt::format("`0x{:06X}`", kClassCode)), std::string::npos);
    EXPECT_NE(manual.find(fmt::format("`0x{:X}`", kIdValue)), std::string::npos);
}

}  // namespace
}  // namespace opendext::models::fpga_dma
