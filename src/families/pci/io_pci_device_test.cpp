// SPDX-License-Identifier: Apache-2.0
#include <PCIDriverKit/PCIDriverKit.h>
#include <gtest/gtest.h>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODMACommand.h>
#include <DriverKit/IOMemoryMap.h>

#include "base/log.h"
#include "families/pci/pci_device_state.h"
#include "families/pci/pci_rig.h"

namespace opendext::pci {
namespace {

using backends::PciDeviceBuilder;

constexpr uint16_t kMemory = kIOPCICommandMemorySpace;

void AddEverything(PciDeviceBuilder &builder) {
    builder.RegisterBar(0, 4096, backends::BarKind::kMemory64)
        .RamBar(2, 65536)
        .RegisterBar(4, 16, backends::BarKind::kIo)
        .PowerManagement()
        .Msi({.num_vectors = 4})
        .PciExpress()
        .VendorSpecific(std::array<std::byte, 4>{})
        .VendorSpecific(std::array<std::byte, 4>{})
        .SerialNumber(0x1122334455667788);
}

class PciDeviceTest : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(rig.is_ready); }
    void Open() { ASSERT_EQ(rig.device->Open(rig.client.get()), kIOReturnSuccess); }
    uint32_t Read32(uint8_t index, uint64_t offset) {
        uint32_t value = 0;
        rig.device->MemoryRead32(index, offset, &value);
        return value;
    }

    PciRig rig{AddEverything};
};

// semantics.md 6.2, 6.3.
TEST_F(PciDeviceTest, NotOpen_ReadsAllOnesAndDropsWrites) {
    uint16_t vendor = 0;
    rig.device->ConfigurationRead16(kIOPCIConfigurationOffsetVendorID, &vendor);
    EXPECT_EQ(vendor, 0xFFFF);
    rig.EnableCommand(kMemory);
    EXPECT_EQ(Read32(0, 0), 0xFFFFFFFF);
    Open();
    EXPECT_EQ(rig.Command(), 0);
}

// semantics.md 6.1: exclusive, the command register is the driver's.
TEST_F(PciDeviceTest, OpenByAnother_IsNotOpen) {
    Open();
    EXPECT_EQ(rig.Command(), 0);
    memory::Retained<IOService> other(OSTypeAlloc(IOService));
    ASSERT_TRUE(other->init());
    EXPECT_EQ(rig.device->Open(other.get()), kIOReturnNotOpen);
    EXPECT_EQ(rig.device->Open(nullptr), kIOReturnBadArgument);
    rig.device->Close(other.get());
    EXPECT_NE(rig.Command(), 0xFFFF);
}

// semantics.md 6.1.
TEST_F(PciDeviceTest, Close_ClearsMemoryAndBusLead) {
    Open();
    rig.EnableCommand(kIOPCICommandMemorySpace | kIOPCICommandBusLead |
                      kIOPCICommandInterruptDisable);
    rig.device->Close(rig.client.get());
    EXPECT_EQ(rig.backend->ReadConfig(4, backends::AccessWidth::k16),
              uint32_t{kIOPCICommandInterruptDisable});
    EXPECT_EQ(Read32(0, 0), 0xFFFFFFFF);
}

// semantics.md 3.7, 6.1: Stop closes what the driver left open.
TEST_F(PciDeviceTest, ClientStopsWithoutClose_DeviceIsClosed) {
    Open();
    rig.EnableCommand(kMemory);
    rig.client->Stop(rig.device.get());
    EXPECT_EQ(rig.backend->ReadConfig(4, backends::AccessWidth::k16), 0U);
    EXPECT_EQ(rig.device->Open(rig.client.get()), kIOReturnBadArgument);
}

// semantics.md 6.2.
TEST_F(PciDeviceTest, ConfigurationAccess_HasByteOffsetsAndEnds) {
    Open();
    uint32_t id = 0;
    uint8_t high = 0;
    rig.device->ConfigurationRead32(0, &id);
    rig.device->ConfigurationRead8(3, &high);
    EXPECT_EQ(id, 0x56781234U);
    EXPECT_EQ(high, 0x56);
    rig.device->ConfigurationRead32(0xFFE, &id);
    EXPECT_EQ(id, 0xFFFFFFFF);
    rig.device->ConfigurationRead32(uint64_t{1} << 32, &id);
    EXPECT_EQ(id, 0xFFFFFFFF);
}

// semantics.md 6.3.
TEST_F(PciDeviceTest, MemoryAccess_GoesByMemoryIndex) {
    Open();
    rig.EnableCommand(kMemory);
    rig.device->MemoryWrite32(0, 8, 77);
    EXPECT_EQ(Read32(0, 8), 77U);
    rig.device->MemoryWrite64(1, 65528, 0x1122334455667788);
    uint64_t wide = 0;
    rig.device->MemoryRead64(1, 65528, &wide);
    EXPECT_EQ(wide, 0x1122334455667788U);
    EXPECT_EQ(Read32(7, 0), 0xFFFFFFFF);
    rig.device->MemoryRead64(2, 0, &wide);
    EXPECT_EQ(wide, ~0ULL);
}

// semantics.md 6.3: faults on the original.
TEST_F(PciDeviceTest, AccessBeyondTheRange_IsLoggedOnce) {
    auto lines = std::make_shared<std::atomic<int>>(0);
    SetLogSink([lines](LogLevel, std::string_view line) {
        *lines += line.contains("faults on the original") ? 1 : 0;
    });
    Open();
    rig.EnableCommand(kMemory);
    EXPECT_EQ(Read32(0, 4096), 0xFFFFFFFF);
    EXPECT_EQ(Read32(0, 4094), 0xFFFFFFFF);
    SetLogSink({});
    EXPECT_EQ(*lines, 1);
}

// semantics.md 6.1 to 6.3: what new drivers forget.
TEST_F(PciDeviceTest, AccessBeforeOpenOrWithMemorySpaceOff_IsToldOnceEach) {
    auto closed = std::make_shared<std::atomic<int>>(0);
    auto undecoded = std::make_shared<std::atomic<int>>(0);
    SetLogSink([closed, undecoded](LogLevel, std::string_view line) {
        *closed += line.contains("while it is not open") ? 1 : 0;
        *undecoded += line.contains("while memory space is off") ? 1 : 0;
    });
    EXPECT_EQ(Read32(0, 0), 0xFFFFFFFF);
    rig.EnableCommand(kMemory);
    EXPECT_EQ(*closed, 1);
    for (int i = 0; i < 2; ++i) {
        Open();
        EXPECT_EQ(Read32(0, 0), 0xFFFFFFFF);
        EXPECT_EQ(*undecoded, 1);
        rig.device->Close(rig.client.get());
    }
    SetLogSink({});
}

TEST_F(PciDeviceTest, AccessOfAnOpenDeviceThatDecodes_IsQuiet) {
    auto num_lines = std::make_shared<std::atomic<int>>(0);
    SetLogSink([num_lines](LogLevel, std::string_view) { ++*num_lines; });
    Open();
    rig.EnableCommand(kMemory);
    rig.device->MemoryWrite32(0, 8, 77);
    EXPECT_EQ(Read32(0, 8), 77U);
    rig.backend->Unplug();
    EXPECT_EQ(Read32(0, 8), 0xFFFFFFFF);
    rig.device->Close(rig.client.get());
    EXPECT_EQ(Read32(0, 8), 0xFFFFFFFF);
    SetLogSink({});
    EXPECT_EQ(*num_lines, 0);
}

// semantics.md 6.2, 6.3.
TEST_F(PciDeviceTest, Unplugged_ReadsAllOnesAndOpenFails) {
    Open();
    rig.EnableCommand(kMemory);
    rig.backend->Unplug();
    EXPECT_EQ(Read32(0, 8), 0xFFFFFFFF);
    rig.device->Close(rig.client.get());
    EXPECT_EQ(rig.device->Open(rig.client.get()), kIOReturnError);
}

// semantics.md 6.4: works without Open.
TEST_F(PciDeviceTest, GetBARInfo_TranslatesBarToMemoryIndex) {
    uint8_t index = 0xFF;
    uint64_t size = 0;
    uint8_t type = 0xFF;
    EXPECT_EQ(rig.device->GetBARInfo(2, &index, &size, &type), kIOReturnSuccess);
    EXPECT_EQ(index, 1);
    EXPECT_EQ(size, 65536U);
    EXPECT_EQ(type, kPCIBARTypeM64PF);
    EXPECT_EQ(rig.device->GetBARInfo(4, &index, &size, &type), kIOReturnSuccess);
    EXPECT_EQ(type, kPCIBARTypeIO);
    EXPECT_EQ(rig.device->GetBARInfo(1, &index), kIOReturnNotFound);
    EXPECT_EQ(rig.device->GetBARInfo(7, &index), kIOReturnBadArgument);
}

// semantics.md 6.5.
TEST_F(PciDeviceTest, CopyDeviceMemory_IsTheBarsMemory) {
    IOMemoryDescriptor *memory = nullptr;
    EXPECT_EQ(rig.device->_CopyDeviceMemoryWithIndex(1, &memory, rig.client.get()),
              kIOReturnNotOpen);
    Open();
    rig.EnableCommand(kMemory);
    EXPECT_EQ(rig.device->_CopyDeviceMemoryWithIndex(7, &memory, rig.client.get()),
              kIOReturnBadArgument);
    EXPECT_EQ(rig.device->_CopyDeviceMemoryWithIndex(2, &memory, rig.client.get()),
              kIOReturnUnsupported);
    EXPECT_EQ(memory, nullptr);
    ASSERT_EQ(rig.device->_CopyDeviceMemoryWithIndex(1, &memory, rig.client.get()),
              kIOReturnSuccess);
    IOMemoryMap *map = nullptr;
    ASSERT_EQ(memory->CreateMapping(0, 0, 0, 0, 0, &map), kIOReturnSuccess);
    rig.device->MemoryWrite32(1, 16, 99);
    EXPECT_EQ(*reinterpret_cast<const uint32_t *>(map->GetAddress() + 16), 99U);
    map->release();
    memory->release();
}

// semantics.md 6.6.
TEST_F(PciDeviceTest, FindPCICapability_GoesOnAfterTheOffset) {
    uint64_t first = 0;
    uint64_t second = 0;
    uint64_t none = 1;
    EXPECT_EQ(rig.device->FindPCICapability(kIOPCICapabilityIDVendorSpecific, 0, &first),
              kIOReturnSuccess);
    EXPECT_EQ(rig.device->FindPCICapability(kIOPCICapabilityIDVendorSpecific, first, &second),
              kIOReturnSuccess);
    EXPECT_NE(first, second);
    EXPECT_EQ(rig.device->FindPCICapability(kIOPCICapabilityIDVendorSpecific, second, &none),
              kIOReturnNotFound);
    EXPECT_EQ(none, 0U);
    EXPECT_EQ(rig.device->FindPCICapability(kIOPCIExpressCapabilityIDDeviceSerialNumber, 0, &first),
              kIOReturnSuccess);
    EXPECT_GE(first, 0x100U);
    EXPECT_EQ(rig.device->FindPCICapability(kIOPCIExpressCapabilityIDErrorReporting, 0, &none),
              kIOReturnNotFound);
}

// semantics.md 6.6.
TEST_F(PciDeviceTest, PlaceAndLinkAndPower_AreTheDevices) {
    uint8_t bus = 9;
    uint8_t number = 9;
    EXPECT_EQ(rig.device->GetBusDeviceFunction(&bus, &number, nullptr), kIOReturnSuccess);
    EXPECT_EQ(bus, 0);
    EXPECT_EQ(number, 4);
    IOPCILinkSpeed speed{};
    EXPECT_EQ(rig.device->GetLinkSpeed(&speed), kIOReturnSuccess);
    EXPECT_EQ(speed, kPCILinkSpeed_8_GTs);
    EXPECT_EQ(rig.device->HasPCIPowerManagement(kPCIPMCD3Support), kIOReturnSuccess);
    EXPECT_EQ(rig.device->HasPCIPowerManagement(0), kIOReturnUnsupported);
}

// semantics.md 6.6.
TEST_F(PciDeviceTest, PowerManagementForSleep_IsWhatTheDeviceHas) {
    for (const uint64_t state : {uint64_t{kPCIPMCSPowerStateD0}, uint64_t{kPCIPMCSPowerStateD3},
                                 uint64_t{kPCIPMCSDefaultEnableBits}, ~uint64_t{0}}) {
        EXPECT_EQ(rig.device->EnablePCIPowerManagement(state), kIOReturnSuccess) << state;
    }
    for (const uint64_t state : {uint64_t{kPCIPMCSPowerStateD1}, uint64_t{kPCIPMCSPowerStateD2},
                                 uint64_t{kPCIPMCSPowerStateD3 | kPCIPMCSPMEEnable}}) {
        EXPECT_EQ(rig.device->EnablePCIPowerManagement(state), kIOReturnUnsupported) << state;
    }
}

// semantics.md 6.6.
TEST_F(PciDeviceTest, LinkSpeed_IsLimitedWhenTheLinkTrains) {
    const auto speed = [&] {
        IOPCILinkSpeed is{};
        EXPECT_EQ(rig.device->GetLinkSpeed(&is), kIOReturnSuccess);
        return is;
    };
    EXPECT_EQ(rig.device->SetLinkSpeed(kPCILinkSpeed_5_GTs, false), kIOReturnSuccess);
    EXPECT_EQ(speed(), kPCILinkSpeed_8_GTs);
    EXPECT_EQ(rig.device->Reset(kIOPCIDeviceResetTypeFunctionReset), kIOReturnSuccess);
    EXPECT_EQ(speed(), kPCILinkSpeed_8_GTs);
    EXPECT_EQ(rig.device->Reset(kIOPCIDeviceResetTypeHotReset), kIOReturnSuccess);
    EXPECT_EQ(speed(), kPCILinkSpeed_5_GTs);
    EXPECT_EQ(rig.device->SetLinkSpeed(kPCILinkSpeed_2_5_GTs, true), kIOReturnSuccess);
    EXPECT_EQ(speed(), kPCILinkSpeed_2_5_GTs);
    // The device is slower than the port then.
    EXPECT_EQ(rig.device->SetLinkSpeed(kPCILinkSpeed_32_GTs, true), kIOReturnSuccess);
    EXPECT_EQ(speed(), kPCILinkSpeed_8_GTs);
    for (const int wrong : {0, 6}) {
        EXPECT_EQ(rig.device->SetLinkSpeed(static_cast<IOPCILinkSpeed>(wrong), true),
                  kIOReturnBadArgument);
    }
}

// semantics.md 6.6: the low two bits.
TEST_F(PciDeviceTest, ASPMState_IsInTheLinkControlRegister) {
    Open();
    uint64_t express = 0;
    ASSERT_EQ(rig.device->FindPCICapability(kIOPCICapabilityIDPCIExpress, 0, &express),
              kIOReturnSuccess);
    rig.device->ConfigurationWrite16(express + 0x10, 0x40);
    uint16_t control = 0;
    for (const uint16_t state :
         {uint16_t{kIOPCILinkControlASPMBitsL0sL1}, uint16_t{kIOPCILinkControlASPMBitsDisabled}}) {
        EXPECT_EQ(rig.device->SetASPMState(state | 0x100U), kIOReturnSuccess);
        rig.device->ConfigurationRead16(express + 0x10, &control);
        EXPECT_EQ(control, 0x40 | state);
    }
}

TEST_F(PciDeviceTest, WithoutPciExpress_LinkCallsAreUnsupported) {
    PciRig plain([](PciDeviceBuilder &builder) { builder.RegisterBar(0, 4096); });
    ASSERT_TRUE(plain.is_ready);
    IOPCILinkSpeed speed{};
    EXPECT_EQ(plain.device->GetLinkSpeed(&speed), kIOReturnUnsupported);
    EXPECT_EQ(plain.device->SetLinkSpeed(kPCILinkSpeed_5_GTs, true), kIOReturnUnsupported);
    EXPECT_EQ(plain.device->SetASPMState(kIOPCILinkControlASPMBitsL1), kIOReturnUnsupported);
    EXPECT_EQ(plain.device->EnablePCIPowerManagement(kPCIPMCSPowerStateD3), kIOReturnUnsupported);
    EXPECT_EQ(plain.device->Reset(kIOPCIDeviceResetTypeFunctionReset), kIOReturnUnsupported);
}

// semantics.md 6.2, 6.3: all ones in every width, also through a mapping; what is asked about it fails.
TEST_F(PciDeviceTest, DeviceThatIsGone_IsAllOnesEverywhere) {
    Open();
    rig.EnableCommand(kMemory);
    IOMemoryDescriptor *memory = nullptr;
    ASSERT_EQ(rig.device->_CopyDeviceMemoryWithIndex(1, &memory, rig.client.get()),
              kIOReturnSuccess);
    IOMemoryMap *map = nullptr;
    ASSERT_EQ(memory->CreateMapping(0, 0, 0, 0, 0, &map), kIOReturnSuccess);
    rig.backend->Unplug();
    EXPECT_EQ(*reinterpret_cast<const uint64_t *>(map->GetAddress() + 65528), ~0ULL);
    map->release();
    memory->release();
    uint8_t byte = 0;
    uint16_t word = 0;
    uint32_t dword = 0;
    uint64_t qword = 0;
    rig.device->ConfigurationRead8(0, &byte);
    rig.device->MemoryRead16(1, 0, &word);
    rig.device->ConfigurationRead32(0, &dword);
    rig.device->MemoryRead64(1, 0, &qword);
    EXPECT_EQ(byte, 0xFF);
    EXPECT_EQ(word, 0xFFFF);
    EXPECT_EQ(dword, 0xFFFFFFFF);
    EXPECT_EQ(qword, ~0ULL);
    IOPCILinkSpeed speed{};
    uint64_t found = 1;
    EXPECT_EQ(rig.device->GetLinkSpeed(&speed), kIOReturnNoDevice);
    EXPECT_EQ(rig.device->SetLinkSpeed(kPCILinkSpeed_5_GTs, true), kIOReturnNoDevice);
    EXPECT_EQ(rig.device->SetASPMState(0), kIOReturnNoDevice);
    EXPECT_EQ(rig.device->EnablePCIPowerManagement(0), kIOReturnNoDevice);
    EXPECT_EQ(rig.device->FindPCICapability(kIOPCICapabilityIDMSI, 0, &found), kIOReturnNotFound);
    EXPECT_EQ(found, 0U);
    EXPECT_EQ(rig.device->Reset(kIOPCIDeviceResetTypeHotReset), kIOReturnNoDevice);
    EXPECT_EQ(rig.device->SaveDeviceState(), kIOReturnNoDevice);
    rig.device->MemoryWrite32(1, 0, 0);
    rig.device->ConfigurationWrite16(kIOPCIConfigurationOffsetCommand, 0);
}

// semantics.md 6.8: configuration space is kept.
TEST_F(PciDeviceTest, FunctionReset_ResetsTheModelAndKeepsConfiguration) {
    Open();
    rig.EnableCommand(kMemory);
    uint32_t bar = 0;
    rig.device->ConfigurationRead32(kIOPCIConfigurationOffsetBaseAddress0, &bar);
    rig.device->MemoryWrite32(0, 8, 77);
    EXPECT_EQ(rig.device->Reset(kIOPCIDeviceResetTypeFunctionReset), kIOReturnSuccess);
    EXPECT_EQ(rig.model->num_resets, 1);
    EXPECT_EQ(rig.Command(), kMemory);
    uint32_t bar_after = 0;
    rig.device->ConfigurationRead32(kIOPCIConfigurationOffsetBaseAddress0, &bar_after);
    EXPECT_EQ(bar_after, bar);
    EXPECT_EQ(Read32(0, 8), 0U);
    EXPECT_EQ(rig.device->Reset(0), kIOReturnBadArgument);
    EXPECT_EQ(rig.device->Reset(kIOPCIDeviceResetTypeHotReset | kIOPCIDeviceResetTypeFunctionReset),
              kIOReturnBadArgument);
    EXPECT_EQ(rig.device->Reset(kIOPCIDeviceResetTypeWarmReset), kIOReturnUnsupported);
}

TEST_F(PciDeviceTest, SavedState_ComesBack) {
    Open();
    EXPECT_EQ(rig.device->RestoreDeviceState(), kIOReturnNotReady);
    rig.EnableCommand(kMemory);
    EXPECT_EQ(rig.device->SaveDeviceState(), kIOReturnSuccess);
    rig.EnableCommand(0);
    EXPECT_EQ(rig.device->RestoreDeviceState(), kIOReturnSuccess);
    EXPECT_EQ(rig.Command(), kMemory);
}

// semantics.md 6.9.
TEST_F(PciDeviceTest, ClientCrashed_ClosesAndResets) {
    Open();
    rig.EnableCommand(kMemory);
    EXPECT_EQ(rig.device->ClientCrashed(rig.client.get(), 0), kIOReturnSuccess);
    EXPECT_EQ(rig.model->num_resets, 1);
    EXPECT_EQ(rig.device->Open(rig.client.get()), kIOReturnSuccess);
    EXPECT_EQ(rig.Command(), 0);
}

// semantics.md 1.9: the IOMMU lets the device reach what is prepared, and names who ended it.
TEST_F(PciDeviceTest, Dma_ReachesPreparedMemoryOnlyWhilePrepared) {
    Open();
    rig.EnableCommand(kIOPCICommandMemorySpace | kIOPCICommandBusLead);
    IOBufferMemoryDescriptor *buffer = nullptr;
    ASSERT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionIn, 4096, 0, &buffer),
              kIOReturnSuccess);
    IODMACommandSpecification specification{.options = 0, .maxAddressBits = 32, ._resv = {}};
    IODMACommand *command = nullptr;
    ASSERT_EQ(IODMACommand::Create(rig.device.get(), 0, &specification, &command),
              kIOReturnSuccess);
    uint64_t flags = 0;
    uint32_t count = 1;
    IOAddressSegment segment{};
    ASSERT_EQ(command->PrepareForDMA(0, buffer, 0, 4096, &flags, &count, &segment),
              kIOReturnSuccess);
    EXPECT_LT(segment.address, uint64_t{1} << 32);
    const std::array<std::byte, 2> data{std::byte{7}, std::byte{8}};
    EXPECT_TRUE(rig.model->port().DmaWrite({segment.address}, data));
    IOAddressSegment range{};
    ASSERT_EQ(buffer->GetAddressRange(&range), kIOReturnSuccess);
    EXPECT_EQ(*reinterpret_cast<const uint8_t *>(range.address + 1), 8);
    ASSERT_EQ(command->CompleteDMA(0), kIOReturnSuccess);
    auto said = std::make_shared<std::atomic<bool>>(false);
    SetLogSink([said](LogLevel, std::string_view line) {
        *said = *said || (line.contains("IODMACommand") && line.contains("completed by"));
    });
    EXPECT_FALSE(rig.model->port().DmaWrite({segment.address}, data));
    SetLogSink({});
    EXPECT_TRUE(*said);
    command->release();
    buffer->release();
}

}  // namespace
}  // namespace opendext::pci
