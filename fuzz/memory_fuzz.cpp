// SPDX-License-Identifier: Apache-2.0
// Sequences of calls on memory descriptors, against a model: which bytes each one stands for. Mappings and DMA
// must show exactly the model's bytes, and must not fail where the model says that they work.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <span>
#include <vector>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODMACommand.h>
#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOMemoryMap.h>

#include "base/checked.h"
#include "base/log.h"
#include "fuzz/memory_model.h"
#include "runtime/memory/descriptor_factory.h"
#include "runtime/memory/dma_mapper.h"
#include "runtime/memory/memory_census.h"

namespace opendext::memory {
namespace {

constexpr uint64_t kMostBytes = 1 << 18;
constexpr size_t kMostRuns = 64;
constexpr size_t kMostObjects = 24;

struct Modeled {
    Retained<IOMemoryDescriptor> object;
    IOBufferMemoryDescriptor *buffer = nullptr;
    Runs runs;
    uint64_t capacity = 0;
    uint64_t length = 0;
    bool is_read_only = false;
    bool is_there = true;        ///< All that the object stands on, not only its range.
    bool may_have_gaps = false;  ///< Its runs are an application's.
    std::shared_ptr<Modeled> parent;
    uint64_t parent_offset = 0;
};

struct ModeledMap {
    Retained<IOMemoryMap> object;
    MappedRuns bytes;
    bool is_writable = false;
};

/// Compares what the device is given with what the model expects, as it comes.
class CheckingMapper final : public DmaMapper {
public:
    std::expected<uint64_t, kern_return_t> MapForDma(const DmaMapRequest &request) override {
        if (fails_next) {
            return std::unexpected(kIOReturnMessageTooLarge);
        }
        uint64_t total = 0;
        for (const DmaPiece &piece : request.pieces) {
            seen.insert(seen.end(), piece.address, piece.address + piece.num_bytes);
            total += piece.num_bytes;
        }
        ++num_mapped;
        const uint64_t address =
            next_ + reinterpret_cast<uint64_t>(request.pieces[0].address) % kPage;
        next_ += (total / kPage + 2) * kPage;
        return address;
    }
    void UnmapFromDma(uint64_t /*device_address*/, uint64_t /*num_bytes*/) override {
        --num_mapped;
    }

    std::vector<std::byte> seen;
    int num_mapped = 0;
    bool fails_next = false;

private:
    uint64_t next_ = 0x100000;
};

/// Memory of an application, of which several descriptors show parts.
struct Region {
    static constexpr uint64_t kBytes = 4 * kPage;
    std::shared_ptr<SharedRegion> memory = SharedRegion::Create(kBytes, "fuzz").value();
    std::shared_ptr<Shadow> shadow = std::make_shared<Shadow>(kBytes);
    uint64_t next = 0;  ///< Where the latest slice of it ended.
};

class Session {
public:
    explicit Session(Input input) : input_(input) {
        device_.reset(OSTypeAlloc(IOMemoryMap));
        Require(device_ != nullptr && device_->init());
        RegisterDmaMapper(device_.get(), mapper_);
    }
    ~Session() {
        UnregisterDmaMapper(device_.get());
        maps_.clear();
        objects_.clear();
        Require(lease_.use_count() == 1);
    }

    void TakeSteps() {
        for (int i = 0; i < 400 && !input_.is_empty(); ++i) {
            Step();
        }
    }

private:
    void Step() {
        switch (input_.Take(1) % 12) {
            case 0:
                return AddBuffer();
            case 1:
                return AddClientMemory();
            case 2:
                return AddPart();
            case 3:
                return AddConcatenation();
            case 4:
                return ChangeLength();
            case 5:
            case 6:
                return AddMap();
            case 7:
                return WriteThroughMap();
            case 8:
                return PrepareForDma();
            case 9:
                return AddClientSlices();
            case 10:
                return Share();
            default:
                return Drop();
        }
    }

    std::shared_ptr<Modeled> Pick() {
        return objects_.empty() ? nullptr : objects_[input_.Take(1) % objects_.size()];
    }

    void Add(std::shared_ptr<Modeled> modeled) {
        uint64_t length = 0;
        Require(modeled->object->GetLength(&length) == kIOReturnSuccess &&
                length == modeled->length);
        if (objects_.size() < kMostObjects) {
            objects_.push_back(std::move(modeled));
        }
    }

    void AddBuffer() {
        const uint64_t direction = input_.Take(1) % 5;
        const uint64_t capacity = input_.Take(2);
        IOBufferMemoryDescriptor *buffer = nullptr;
        const kern_return_t status =
            IOBufferMemoryDescriptor::Create(direction, capacity, 0, &buffer);
        if (direction > 3 || capacity == 0) {
            Require(status == (direction > 3 ? kIOReturnBadArgument : kIOReturnNoMemory));
            return;
        }
        Require(status == kIOReturnSuccess);
        auto modeled = std::make_shared<Modeled>();
        modeled->object.reset(buffer);
        modeled->buffer = buffer;
        modeled->runs = {{std::make_shared<Shadow>(capacity), 0, capacity, nullptr}};
        modeled->capacity = modeled->length = capacity;
        Add(std::move(modeled));
    }

    void AddClientMemory() {
        const uint64_t direction = input_.Take(1) % 4;
        const uint64_t offset = input_.Take(2) % (2 * kPage);
        const uint64_t length = 1 + input_.Take(2);
        const bool is_there = input_.Take(1) % 4 != 0;
        SharedSlice slice;
        auto modeled = std::make_shared<Modeled>();
        modeled->runs = {{nullptr, offset, length, nullptr}};
        modeled->is_there = is_there;
        if (is_there) {
            slice = {SharedRegion::Create(offset + length, "fuzz").value(), offset, length};
            modeled->runs[0].shadow = std::make_shared<Shadow>(offset + length);
        }
        modeled->object = DescriptorFromSlice(slice, direction, length);
        modeled->capacity = modeled->length = length;
        modeled->is_read_only = direction == kIOMemoryDirectionOut;
        Add(std::move(modeled));
    }

    /// A range of an application: part of one of two regions, in one, or (`*is_there` becomes false) not there.
    ClientSlice TakeClientSlice(bool *is_there, Run &run) {
        const uint64_t length = input_.Take(1) % 8 == 0 ? 0 : input_.Take(2) % (2 * kPage);
        const uint64_t choice = input_.Take(1);
        Region &region = regions_[choice % regions_.size()];
        const uint64_t offset = choice % 4 < 2 ? region.next : input_.Take(2) % (2 * kPage);
        region.next = (offset + length) % (2 * kPage);
        run = {region.shadow, offset, length, nullptr};
        if (choice >= 0xF0 && length != 0) {
            *is_there = false;
            return {{choice % 2 == 0 ? region.memory : nullptr, ~uint64_t{0} - choice, length},
                    nullptr};
        }
        return {{region.memory, offset, length}, lease_};
    }

    void AddClientSlices() {
        const uint64_t options = input_.Take(1);
        const uint64_t count = input_.Take(1) % 34;
        auto modeled = std::make_shared<Modeled>();
        const auto has_private_writes =
            (options & 4) != 0 ? std::make_shared<bool>(false) : nullptr;
        std::vector<ClientSlice> slices;
        for (uint64_t i = 0; i < count; ++i) {
            Run run;
            slices.push_back(TakeClientSlice(&modeled->is_there, run));
            run.has_private_writes = has_private_writes;
            if (run.length != 0) {
                Append(modeled->runs, run);
            }
        }
        if (!modeled->is_there) {
            for (Run &run : modeled->runs) {
                run.shadow = nullptr;
            }
        }
        if (LengthOf(modeled->runs) > kMostBytes) {
            return;
        }
        modeled->object =
            DescriptorFromSlices(std::move(slices), options % 4,
                                 has_private_writes == nullptr ? ClientWrites::kReachTheSlices
                                                               : ClientWrites::kStayInTheMapping);
        Require(modeled->object != nullptr);
        modeled->capacity = modeled->length = LengthOf(modeled->runs);
        modeled->is_read_only = options % 4 == kIOMemoryDirectionOut;
        modeled->may_have_gaps = true;
        Add(std::move(modeled));
    }

    void Share() {
        const auto modeled = Pick();
        if (modeled == nullptr) {
            return;
        }
        const auto slices = ShareDescriptorPieces(modeled->object.get());
        const Runs runs = Slice(modeled->runs, 0, modeled->length);
        if (modeled->length == 0 || !IsThere(runs)) {
            Require(!slices && slices.error() == kIOReturnVMError);
            return;
        }
        if (!slices) {
            Require(slices.error() == kIOReturnUnsupported &&
                    (HasPrivateMemory(runs) || !MeetOnPages(runs)));
            return;
        }
        Require(slices->size() == runs.size());
        for (size_t i = 0; i < runs.size(); ++i) {
            const SharedSlice &slice = (*slices)[i];
            Require(slice.length == runs[i].length);
            RequireSame(runs[i], slice.region->ReadOnly() + slice.offset);
        }
    }

    void AddPart() {
        const auto parent = Pick();
        if (parent == nullptr) {
            return;
        }
        const uint64_t direction = input_.Take(1) % 4;
        const uint64_t offset = input_.TakeAround(parent->length);
        const uint64_t length = input_.TakeAround(parent->length);
        IOMemoryDescriptor *part = nullptr;
        const kern_return_t status = IOMemoryDescriptor::CreateSubMemoryDescriptor(
            direction, offset, length, parent->object.get(), &part);
        if (!RangeIsWithin(offset, length, parent->length)) {
            Require(status == kIOReturnBadArgument);
            return;
        }
        Require(status == kIOReturnSuccess);
        auto modeled = std::make_shared<Modeled>();
        modeled->object.reset(part);
        modeled->runs = Slice(parent->runs, offset, length);
        modeled->capacity = modeled->length = length;
        modeled->is_read_only = direction == kIOMemoryDirectionOut;
        modeled->is_there = parent->is_there;
        modeled->parent = parent;
        modeled->parent_offset = offset;
        Add(std::move(modeled));
    }

    void AddConcatenation() {
        IOMemoryDescriptor *parts[32] = {};
        const auto count = static_cast<uint32_t>(input_.Take(1) % 34);
        auto modeled = std::make_shared<Modeled>();
        for (uint32_t i = 0; i < std::min(count, 32U); ++i) {
            if (const auto part = Pick()) {
                parts[i] = part->object.get();
                const Runs runs = Slice(part->runs, 0, part->length);
                modeled->runs.insert(modeled->runs.end(), runs.begin(), runs.end());
                modeled->is_there = modeled->is_there && part->is_there;
                modeled->length += part->length;
            }
        }
        if (modeled->length > kMostBytes || modeled->runs.size() > kMostRuns) {
            return;
        }
        IOMemoryDescriptor *whole = nullptr;
        const kern_return_t status = IOMemoryDescriptor::CreateWithMemoryDescriptors(
            kIOMemoryDirectionInOut, count, parts, &whole);
        if (count == 0 || count > 32 || objects_.empty()) {
            Require(status == (count > 32 ? kIOReturnOverrun : kIOReturnBadArgument));
            return;
        }
        Require(status == kIOReturnSuccess);
        modeled->object.reset(whole);
        modeled->capacity = modeled->length;
        Add(std::move(modeled));
    }

    void ChangeLength() {
        const auto modeled = Pick();
        if (modeled == nullptr || modeled->buffer == nullptr) {
            return;
        }
        const uint64_t length = input_.TakeAround(modeled->capacity);
        Require(modeled->buffer->SetLength(length) == kIOReturnSuccess);
        if (length <= modeled->capacity) {
            modeled->length = length;
        }
    }

    void AddMap() {
        const auto modeled = Pick();
        if (modeled == nullptr) {
            return;
        }
        const uint64_t options = input_.Take(2) & ~uint64_t{kIOMemoryMapFixedAddress};
        uint64_t offset = input_.TakeAround(modeled->length);
        uint64_t length = input_.TakeAround(modeled->length);
        IOMemoryMap *made = nullptr;
        const kern_return_t status =
            modeled->object->CreateMapping(options, 0, offset, length, 0, &made);
        const uint64_t cache = options & 0xFF00;
        if (cache != 0 && cache != 0x100 && cache != 0x200 && cache != 0x400 && cache != 0x800) {
            Require(status == kIOReturnBadArgument);
            return;
        }
        length = length != 0 ? length : modeled->length;
        const Modeled *target = modeled.get();
        for (; target->parent != nullptr; target = target->parent.get()) {
            if (__builtin_add_overflow(offset, target->parent_offset, &offset)) {
                Require(status == kIOReturnError);
                return;
            }
        }
        if (status != kIOReturnSuccess) {
            Require(status == kIOReturnError && made == nullptr);
            Require(length == 0 || !RangeIsWithin(offset, length, target->length) ||
                    !IsMappable(*target, Slice(target->runs, offset, length)));
            return;
        }
        const Retained<IOMemoryMap> kept(made);
        Require(made->GetLength() == length && made->GetOffset() == offset);
        const bool asked = (options & kIOMemoryMapReadOnly) != 0 && modeled->buffer == nullptr;
        ModeledMap map{
            Retain(made),
            MappedRuns(Slice(target->runs, offset, length),
                       reinterpret_cast<std::byte *>(made->GetAddress()), target->may_have_gaps),
            !modeled->is_read_only && !asked};
        map.bytes.Check();
        if (maps_.size() < kMostObjects) {
            maps_.push_back(std::move(map));
        }
    }

    static bool IsMappable(const Modeled &target, const Runs &runs) {
        return IsThere(runs) && (target.may_have_gaps || MeetOnPages(runs));
    }

    void WriteThroughMap() {
        if (maps_.empty()) {
            return;
        }
        ModeledMap &map = maps_[input_.Take(1) % maps_.size()];
        map.bytes.Check();
        if (map.is_writable) {
            const uint64_t at = input_.Take(2) % map.bytes.length();
            map.bytes.Write(at, static_cast<uint8_t>(input_.Take(1)));
        }
    }

    void PrepareForDma() {
        const auto modeled = Pick();
        if (modeled == nullptr) {
            return;
        }
        IODMACommandSpecification specification = {};
        specification.maxAddressBits = 12 + input_.Take(1) % 80;
        IODMACommand *made = nullptr;
        auto *device = static_cast<IOService *>(static_cast<void *>(device_.get()));
        Require(IODMACommand::Create(device, 0, &specification, &made) == kIOReturnSuccess);
        const Retained<IODMACommand> command(made);

        const uint64_t offset = input_.TakeAround(modeled->length);
        uint64_t length = input_.TakeAround(modeled->length);
        auto count = static_cast<uint32_t>(1 + input_.Take(1) % 32);
        mapper_->fails_next = input_.Take(1) % 8 == 0;
        mapper_->seen.clear();
        uint64_t flags = 0;
        IOAddressSegment segments[32] = {};
        const kern_return_t status = command->PrepareForDMA(0, modeled->object.get(), offset,
                                                            length, &flags, &count, segments);
        length = length != 0 ? length : modeled->length;
        if (length == 0 || !RangeIsWithin(offset, length, modeled->length)) {
            Require(status == kIOReturnOverrun);
            return;
        }
        const Runs runs = Slice(modeled->runs, offset, length);
        if (!modeled->is_there || mapper_->fails_next) {
            Require(status == (modeled->is_there ? kIOReturnMessageTooLarge : kIOReturnCannotWire));
            Require(mapper_->num_mapped == 0);
            return;
        }
        Require(status == kIOReturnSuccess && mapper_->seen.size() == length);
        RequireSame(runs, mapper_->seen.data());
        uint64_t given = 0;
        for (uint32_t i = 0; i < count; ++i) {
            given += segments[i].length;
        }
        Require(given <= length && (count == 32 || given > 0));
        ZeroPrepared(*command, runs, length);
    }

    void ZeroPrepared(IODMACommand &command, const Runs &runs, uint64_t length) {
        const uint64_t at = input_.TakeAround(length);
        const uint64_t num_bytes = input_.TakeAround(length);
        const kern_return_t status = command.PerformOperation(
            kIODMACommandPerformOperationOptionZero, at, num_bytes, 0, nullptr);
        if (!RangeIsWithin(at, num_bytes, length)) {
            Require(status == kIOReturnUnderrun || status == kIOReturnBadArgument);
        } else {
            Require(status == kIOReturnSuccess);
            for (const Run &run : Slice(runs, at, num_bytes)) {
                std::memset(run.shadow->data() + run.offset, 0, run.length);
            }
        }
        if (input_.Take(1) % 2 == 0) {
            Require(command.CompleteDMA(0) == kIOReturnSuccess && mapper_->num_mapped == 0);
        }
    }

    void Drop() {
        const uint64_t choice = input_.Take(1);
        if (choice % 2 == 0 && !objects_.empty()) {
            objects_.erase(objects_.begin() + static_cast<ptrdiff_t>(choice / 2 % objects_.size()));
        } else if (!maps_.empty()) {
            const auto index = static_cast<ptrdiff_t>(choice / 2 % maps_.size());
            maps_.erase(maps_.begin() + index);
        }
    }

    Input input_;
    Retained<IOMemoryMap> device_;
    const std::shared_ptr<CheckingMapper> mapper_ = std::make_shared<CheckingMapper>();
    std::vector<std::shared_ptr<Modeled>> objects_;
    std::vector<ModeledMap> maps_;
    std::array<Region, 2> regions_;
    std::shared_ptr<const int> lease_ = std::make_shared<int>(0);
};

}  // namespace
}  // namespace opendext::memory

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    opendext::SetLogLevel(opendext::LogLevel::kError);
    {
        opendext::memory::Session session(opendext::memory::Input({data, num_bytes}));
        session.TakeSteps();
    }
    opendext::memory::Require(opendext::memory::TakeMemoryCensus() ==
                              opendext::memory::MemoryCensus{});
    return 0;
}
