// SPDX-License-Identifier: Apache-2.0
// The sample driver has a register map of its own, as a driver has; it must be that of the device model.
#include <gtest/gtest.h>

#include "../../samples/fpga/driver/FpgaRegisters.h"
#include "models/fpga_dma/registers.h"

namespace opendext {
namespace {

namespace model = models::fpga_dma;

TEST(FpgaRegisterMap, RegistersAndBars_AreTheModels) {
    EXPECT_EQ(uint64_t{kFpgaRegisterBar}, model::kRegisterBar);
    EXPECT_EQ(uint64_t{kFpgaRamBar}, model::kRamBar);
    EXPECT_EQ(uint64_t{kFpgaId}, model::kRegId);
    EXPECT_EQ(uint64_t{kFpgaVersion}, model::kRegVersion);
    EXPECT_EQ(uint64_t{kFpgaControl}, model::kRegControl);
    EXPECT_EQ(uint64_t{kFpgaInterruptEnable}, model::kRegInterruptEnable);
    EXPECT_EQ(uint64_t{kFpgaInterruptStatus}, model::kRegInterruptStatus);
    EXPECT_EQ(uint64_t{kFpgaRamSizeLow}, model::kRegRamSizeLow);
    EXPECT_EQ(uint64_t{kFpgaRamSizeHigh}, model::kRegRamSizeHigh);
    EXPECT_EQ(uint64_t{kFpgaListBaseLow}, model::kRegListBaseLow);
    EXPECT_EQ(uint64_t{kFpgaListBaseHigh}, model::kRegListBaseHigh);
    EXPECT_EQ(uint64_t{kFpgaListCount}, model::kRegListCount);
    EXPECT_EQ(uint64_t{kFpgaDoorbell}, model::kRegDoorbell);
    EXPECT_EQ(uint64_t{kFpgaErrorCode}, model::kRegErrorCode);
    EXPECT_EQ(uint64_t{kFpgaErrorAddressLow}, model::kRegErrorAddressLow);
    EXPECT_EQ(uint64_t{kFpgaErrorAddressHigh}, model::kRegErrorAddressHigh);
    EXPECT_EQ(uint64_t{kFpgaErrorIndex}, model::kRegErrorIndex);
}

TEST(FpgaRegisterMap, ValuesAndBits_AreTheModels) {
    EXPECT_EQ(uint32_t{kFpgaIdValue}, model::kIdValue);
    EXPECT_EQ(uint32_t{kFpgaVersionMajor}, model::kVersionValue >> 16);
    EXPECT_EQ(uint32_t{kFpgaControlEnable}, model::kControlEnable);
    EXPECT_EQ(uint32_t{kFpgaControlReset}, model::kControlReset);
    EXPECT_EQ(uint32_t{kFpgaInterruptListDone}, model::kInterruptListDone);
    EXPECT_EQ(uint32_t{kFpgaInterruptError}, model::kInterruptError);
}

TEST(FpgaRegisterMap, Descriptor_IsTheModels) {
    EXPECT_EQ(sizeof(FpgaDescriptor), sizeof(model::Descriptor));
    EXPECT_EQ(offsetof(FpgaDescriptor, hostAddress), offsetof(model::Descriptor, host_address));
    EXPECT_EQ(offsetof(FpgaDescriptor, cardAddress), offsetof(model::Descriptor, card_address));
    EXPECT_EQ(offsetof(FpgaDescriptor, numBytes), offsetof(model::Descriptor, num_bytes));
    EXPECT_EQ(offsetof(FpgaDescriptor, flags), offsetof(model::Descriptor, flags));
    EXPECT_EQ(uint32_t{kFpgaDescriptorToCard}, model::kDescriptorToCard);
    EXPECT_EQ(uint32_t{kFpgaDescriptorLast}, model::kDescriptorLast);
}

}  // namespace
}  // namespace opendext
