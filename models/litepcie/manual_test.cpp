// SPDX-License-Identifier: Apache-2.0
// docs/devices/litepcie.md and registers.h say the same.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "models/litepcie/registers.h"
#include "models/register_manual.h"

namespace opendext::models::litepcie {
namespace {

constexpr std::array kBases = {
    NamedValue{"CTRL", kCtrlBase}, NamedValue{"DNA", kDnaBase},
    NamedValue{"LEDS", kLedsBase}, NamedValue{"IDENTIFIER", kIdentifierBase},
    NamedValue{"DMA0", kDmaBase},  NamedValue{"MSI", kMsiBase},
    NamedValue{"PHY", kPhyBase},   NamedValue{"XADC", kXadcBase},
};

constexpr std::array kRegisters = {
    NamedValue{"CTRL_RESET", kCtrlReset},
    NamedValue{"CTRL_SCRATCH", kCtrlScratch},
    NamedValue{"CTRL_BUS_ERRORS", kCtrlBusErrors},
    NamedValue{"DNA_ID_HIGH", kDnaIdHigh},
    NamedValue{"DNA_ID_LOW", kDnaIdLow},
    NamedValue{"LEDS_OUT", kLedsOut},
    NamedValue{"DMA_ENABLE", kDmaEnable},
    NamedValue{"DMA_TABLE_VALUE_HIGH", kDmaTableValueHigh},
    NamedValue{"DMA_TABLE_VALUE_LOW", kDmaTableValueLow},
    NamedValue{"DMA_TABLE_WE", kDmaTableWe},
    NamedValue{"DMA_TABLE_LOOP_PROG_N", kDmaTableLoopProgN},
    NamedValue{"DMA_TABLE_LOOP_STATUS", kDmaTableLoopStatus},
    NamedValue{"DMA_TABLE_LEVEL", kDmaTableLevel},
    NamedValue{"DMA_TABLE_RESET", kDmaTableReset},
    NamedValue{"DMA_LOOPBACK_ENABLE", kDmaLoopbackEnable},
    NamedValue{"DMA_READER_FIFO_CONTROL", kDmaReaderFifoControl},
    NamedValue{"DMA_READER_FIFO_STATUS", kDmaReaderFifoStatus},
    NamedValue{"DMA_WRITER_FIFO_CONTROL", kDmaWriterFifoControl},
    NamedValue{"DMA_WRITER_FIFO_STATUS", kDmaWriterFifoStatus},
    NamedValue{"MSI_ENABLE", kMsiEnable},
    NamedValue{"MSI_CLEAR", kMsiClear},
    NamedValue{"MSI_VECTOR", kMsiVector},
    NamedValue{"PHY_LINK_STATUS", kPhyLinkStatus},
    NamedValue{"PHY_MAX_REQUEST_SIZE", kPhyMaxRequestSize},
    NamedValue{"PHY_MAX_PAYLOAD_SIZE", kPhyMaxPayloadSize},
    NamedValue{"XADC_TEMPERATURE", kXadcTemperature},
    NamedValue{"XADC_VCCINT", kXadcVccInt},
    NamedValue{"XADC_VCCAUX", kXadcVccAux},
    NamedValue{"XADC_VCCBRAM", kXadcVccBram},
};

TEST(LitePcieManual, ListsEveryBlockAtItsBase) {
    const std::string manual = ReadManual("litepcie");
    for (const NamedValue &each : kBases) {
        EXPECT_NE(manual.find(fmt::format("\n| {} | `0x{:04X}` |", each.name, each.value)),
                  std::string::npos)
            << each.name;
    }
}

TEST(LitePcieManual, ListsEveryRegisterAtItsOffset) {
    const std::string manual = ReadManual("litepcie");
    for (const NamedValue &each : kRegisters) {
        EXPECT_TRUE(ListsRegister(manual, each)) << each.name;
    }
    EXPECT_EQ(NumRegisterRows(manual), kRegisters.size());
}

TEST(LitePcieManual, NamesTheIdsAndResetValues) {
    const std::string manual = ReadManual("litepcie");
    for (const std::string &text :
         {fmt::format("`0x{:04X}`, `0x{:04X}`", kVendorId, kDeviceId),
          fmt::format("`0x{:04x}{:04x}`", kDeviceId, kVendorId),
          fmt::format("`0x{:06X}`", kClassCode), fmt::format("`0x{:X}`", kDnaDefault),
          fmt::format("| `0x{:X}` |", kLinkStatusUp),
          fmt::format("| `0x{:X}` |", kScratchAfterReset), fmt::format("| {} |", kTemperatureValue),
          fmt::format("| {} |", kVccIntValue), fmt::format("| {} |", kVccAuxValue),
          fmt::format("| {} |", kFifoDepthAfterReset)}) {
        EXPECT_NE(manual.find(text), std::string::npos) << text;
    }
}

}  // namespace
}  // namespace opendext::models::litepcie
