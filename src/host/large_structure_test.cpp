// SPDX-License-Identifier: Apache-2.0
// Structures above 4096 bytes, and memory that the application maps: semantics.md 2.4, 2.5, 2.8.
#include <cstring>
#include <map>
#include <vector>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODMACommand.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/OSData.h>

#include "host/testing/session_test.h"
#include "runtime/memory/dma_mapper.h"
#include "runtime/memory/memory_census.h"
#include "runtime/memory/retained.h"

namespace opendext::host {
namespace {

using channel::Kept;
using memory::Retained;
using Arguments = IOUserClientMethodArguments;

Retained<IOMemoryMap> Map(IOMemoryDescriptor &memory) {
    IOMemoryMap *map = nullptr;
    EXPECT_EQ(memory.CreateMapping(0, 0, 0, 0, 0, &map), kIOReturnSuccess);
    return Retained<IOMemoryMap>(map);
}

using LargeStructures = SessionTest;

TEST_F(LargeStructures, AreDescriptors) {
    Answer([](TestClient *, const Arguments &arguments) {
        if (arguments.structureInput != nullptr || arguments.structureOutputMaximumSize != 8192) {
            return kIOReturnError;
        }
        const auto in = Map(*arguments.structureInputDescriptor);
        const auto out = Map(*arguments.structureOutputDescriptor);
        *reinterpret_cast<uint32_t *>(out->GetAddress()) =
            *reinterpret_cast<const uint32_t *>(in->GetAddress()) + 1;
        return kIOReturnSuccess;
    });
    const SharedSlice in = SliceOf(5000);
    const SharedSlice out = SliceOf(8192);
    *reinterpret_cast<uint32_t *>(in.region->Writable()) = 41;
    call.request.structure_slice = &in;
    call.request.structure_output_slice = &out;
    EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
    EXPECT_EQ(*reinterpret_cast<const uint32_t *>(out.region->ReadOnly()), 42U);
    EXPECT_EQ(call.reply.num_structure_bytes, 8192U);
    EXPECT_EQ(call.reply.kept_structure_slice, Kept::kNothing);
    EXPECT_EQ(call.reply.kept_structure_output_slice, Kept::kNothing);
    EXPECT_EQ(memory::TakeMemoryCensus(), memory::MemoryCensus{});
}

TEST_F(LargeStructures, StructureOutputBesideDescriptor_IsBadArgument) {
    Answer([](TestClient *, Arguments &arguments) {
        arguments.structureOutput = OSData::withBytes("x", 1);
        return kIOReturnSuccess;
    });
    const SharedSlice out = SliceOf(8192);
    call.request.structure_output_slice = &out;
    EXPECT_EQ(call.Run(*session), kIOReturnBadArgument);
}

// The driver may keep what it got; its bytes must not be used again.
class KeptStructures : public SessionTest {
protected:
    /// Calls with a structure each way; `keep` keeps something of one of them.
    template <typename Keep>
    void CallAndKeep(bool keeps_input, Keep keep) {
        Answer([=](TestClient *, Arguments &arguments) {
            keep(keeps_input ? arguments.structureInputDescriptor
                             : arguments.structureOutputDescriptor);
            return kIOReturnSuccess;
        });
        const SharedSlice in = SliceOf(5000);
        const SharedSlice out = SliceOf(8192);
        call.request.structure_slice = &in;
        call.request.structure_output_slice = &out;
        EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
        EXPECT_EQ(call.reply.kept_structure_slice, keeps_input ? kept_of_input_ : Kept::kNothing);
        EXPECT_EQ(call.reply.kept_structure_output_slice,
                  keeps_input ? Kept::kNothing : Kept::kPages);
    }

    /// Both ways round.
    template <typename Keep>
    void ExpectReported(Keep keep, Kept kept_of_input = Kept::kBytes) {
        kept_of_input_ = kept_of_input;
        CallAndKeep(true, keep);
        CallAndKeep(false, keep);
    }

private:
    Kept kept_of_input_ = Kept::kNothing;
};

TEST_F(KeptStructures, Descriptor_IsReported) {
    Retained<IOMemoryDescriptor> kept;
    ExpectReported([&](IOMemoryDescriptor *memory) { kept = memory::Retain(memory); });
}

TEST_F(KeptStructures, MappingAlone_IsReported) {
    Retained<IOMemoryMap> kept;
    ExpectReported([&](IOMemoryDescriptor *memory) { kept = Map(*memory); });
}

TEST_F(KeptStructures, PartAndConcatenationAlone_AreReported) {
    Retained<IOMemoryDescriptor> part;
    ExpectReported([&](IOMemoryDescriptor *memory) {
        IOMemoryDescriptor *made = nullptr;
        EXPECT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, 1, 2, memory, &made),
                  kIOReturnSuccess);
        part.reset(made);
    });
    part.reset();
    Retained<IOMemoryDescriptor> whole;
    ExpectReported([&](IOMemoryDescriptor *memory) {
        IOMemoryDescriptor *made = nullptr;
        IOMemoryDescriptor *parts[32] = {memory};
        EXPECT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 1, parts, &made),
                  kIOReturnSuccess);
        whole.reset(made);
    });
}

// Lets devices reach anything.
class OpenMapper final : public memory::DmaMapper {
public:
    std::expected<uint64_t, kern_return_t> MapForDma(
        const memory::DmaMapRequest &request) override {
        reached = request.pieces.front().address;
        return 0x1000;
    }
    void UnmapFromDma(uint64_t, uint64_t) override {}

    const std::byte *reached = nullptr;  // by the last preparation, from its first byte on
};

// An application whose input is of a file of its own.
class FileOwner final : public channel::InputOwner {
public:
    std::optional<SharedSlice> FilePages() override {
        ++num_asked;
        return pages;
    }

    std::optional<SharedSlice> pages = SliceOf(5000);
    int num_asked = 0;
};

class PreparedStructures : public KeptStructures {
protected:
    void SetUp() override {
        KeptStructures::SetUp();
        memory::RegisterDmaMapper(device_.get(), mapper_);
        IODMACommandSpecification specification = {};
        IODMACommand *made = nullptr;
        ASSERT_EQ(IODMACommand::Create(device_.get(), 0, &specification, &made), kIOReturnSuccess);
        command_.reset(made);
    }
    void TearDown() override {
        command_.reset();
        memory::UnregisterDmaMapper(device_.get());
        KeptStructures::TearDown();
    }

    void Prepare(IOMemoryDescriptor *memory) {
        (void)command_->CompleteDMA(0);
        uint64_t flags = 0;
        uint32_t count = 32;
        IOAddressSegment segments[32];
        EXPECT_EQ(command_->PrepareForDMA(0, memory, 0, 0, &flags, &count, segments),
                  kIOReturnSuccess);
    }

    const std::shared_ptr<OpenMapper> mapper_ = std::make_shared<OpenMapper>();
    const Retained<IOService> device_{OSTypeAlloc(IOService)};
    Retained<IODMACommand> command_;
};

// Inputs that the application has as a file: a device reaches the file, and who has it is asked only then.
class FileStructures : public PreparedStructures {
protected:
    template <typename Use>
    void CallWithFile(Use use) {
        Answer([=](TestClient *, Arguments &arguments) {
            use(arguments.structureInputDescriptor);
            return kIOReturnSuccess;
        });
        call.request.structure_slice = &copy_;
        call.request.structure_owner = &owner_;
        EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
    }
    [[nodiscard]] bool DeviceReaches(const SharedSlice &slice) const {
        const std::byte byte{0x5a};
        std::memcpy(slice.region->Writable() + slice.offset, &byte, 1);
        return mapper_->reached != nullptr && *mapper_->reached == byte;
    }

    const SharedSlice copy_ = SliceOf(5000);
    FileOwner owner_;
};

TEST_F(FileStructures, InputThatIsOnlyMapped_AsksNothing) {
    CallWithFile([](IOMemoryDescriptor *memory) { (void)Map(*memory); });
    EXPECT_EQ(owner_.num_asked, 0);
    EXPECT_EQ(call.reply.kept_structure_slice, Kept::kNothing);
}

TEST_F(FileStructures, InputPreparedTwice_IsTheFileAndAsksOnce) {
    CallWithFile([this](IOMemoryDescriptor *memory) {
        Prepare(memory);
        Prepare(memory);
    });
    EXPECT_EQ(owner_.num_asked, 1);
    EXPECT_TRUE(DeviceReaches(*owner_.pages));
    EXPECT_EQ(call.reply.kept_structure_slice, Kept::kPages);
}

TEST_F(FileStructures, InputPreparedAfterTheCall_IsTheFile) {
    Retained<IOMemoryDescriptor> kept;
    CallWithFile([&](IOMemoryDescriptor *memory) { kept = memory::Retain(memory); });
    EXPECT_EQ(call.reply.kept_structure_slice, Kept::kBytes);
    Prepare(kept.get());
    EXPECT_EQ(owner_.num_asked, 1);
    EXPECT_TRUE(DeviceReaches(*owner_.pages));
}

TEST_F(FileStructures, InputThatIsNoFile_IsTheCopy) {
    owner_.pages.reset();
    CallWithFile([this](IOMemoryDescriptor *memory) { Prepare(memory); });
    EXPECT_EQ(owner_.num_asked, 1);
    EXPECT_TRUE(DeviceReaches(copy_));
}

TEST_F(PreparedStructures, PreparationAlone_IsReportedAsSuch) {
    ExpectReported([&](IOMemoryDescriptor *memory) { Prepare(memory); }, Kept::kPages);
}

TEST_F(PreparedStructures, PreparationOfAPart_IsReportedAsSuch) {
    ExpectReported(
        [&](IOMemoryDescriptor *memory) {
            IOMemoryDescriptor *part = nullptr;
            ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, 1, 2, memory, &part),
                      kIOReturnSuccess);
            Prepare(part);
            part->release();
        },
        Kept::kPages);
}

TEST_F(PreparedStructures, PreparationThatIsCompleted_LeavesAKeptDescriptor) {
    Retained<IOMemoryDescriptor> kept;
    ExpectReported([&](IOMemoryDescriptor *memory) {
        Prepare(memory);
        kept = memory::Retain(memory);
        EXPECT_EQ(command_->CompleteDMA(0), kIOReturnSuccess);
    });
}

TEST_F(KeptStructures, MapOfADescriptorThatIsGone_IsNot) {
    Answer([](TestClient *, Arguments &arguments) {
        uint64_t address = 0;
        uint64_t length = 0;
        return arguments.structureInputDescriptor->Map(0, 0, 0, 0, &address, &length);
    });
    const SharedSlice in = SliceOf(5000);
    call.request.structure_slice = &in;
    EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
    EXPECT_EQ(call.reply.kept_structure_slice, Kept::kNothing);
    EXPECT_EQ(memory::TakeMemoryCensus(), memory::MemoryCensus{});
}

// semantics.md 1.7, 2.8.
TEST_F(SessionTest, ConcatenationOfBuffers_IsMappedInPieces) {
    std::vector<Retained<IOBufferMemoryDescriptor>> buffers;
    IOMemoryDescriptor *parts[32] = {};
    for (size_t i = 0; i < 3; ++i) {
        IOBufferMemoryDescriptor *made = nullptr;
        ASSERT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 4096, 0, &made),
                  kIOReturnSuccess);
        buffers.emplace_back(made);
        parts[i] = made;
    }
    rig.script.copy_memory = [&](uint64_t type, uint64_t *, IOMemoryDescriptor **memory) {
        return IOMemoryDescriptor::CreateWithMemoryDescriptors(0, static_cast<uint32_t>(type),
                                                               parts, memory);
    };
    const auto grant = session->MapMemory(3);
    ASSERT_TRUE(grant);
    EXPECT_EQ(grant->slices.size(), 3U);
    // More than a message carries.
    for (IOMemoryDescriptor *&part : parts) {
        part = buffers[0].get();
    }
    IOMemoryDescriptor *many = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 32, parts, &many),
              kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> nested(many);
    std::ranges::fill(parts, many);
    EXPECT_EQ(session->MapMemory(32).error(), kIOReturnBadArgument);
}

}  // namespace
}  // namespace opendext::host
