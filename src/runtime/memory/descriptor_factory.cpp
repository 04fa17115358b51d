// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/descriptor_factory.h"

#include <unistd.h>
#include <utility>

#include "base/checked.h"
#include "base/log.h"
#include "runtime/memory/descriptor_state.h"

namespace opendext::memory {

namespace {

/// An application's bytes, `length` of them, if the slice holds as many and lies in its region.
Extent ClientExtent(const ClientSlice &client, uint64_t length) {
    const SharedSlice &slice = client.slice;
    Extent extent{slice, nullptr, client.lease, false};
    if (slice.region != nullptr &&
        (slice.length < length ||
         !RangeIsWithin(slice.offset, slice.length, slice.region->num_bytes()))) {
        LogWarning(
            "a client's memory of {} bytes was given as {} bytes at offset {} of a region of {}: "
            "refused",
            length, slice.length, slice.offset, slice.region->num_bytes());
        extent.slice.region = nullptr;
    }
    extent.slice.length = length;
    return extent;
}

/// Whether the pieces can be mapped one after another.
bool MeetOnPages(std::span<const Extent> extents) {
    const uint64_t in_page = PageSize() - 1;
    for (size_t i = 1; i < extents.size(); ++i) {
        const SharedSlice &before = extents[i - 1].slice;
        if (((before.offset + before.length) & in_page) != 0 ||
            (extents[i].slice.offset & in_page) != 0) {
            return false;
        }
    }
    return true;
}

}  // namespace

uint64_t MemoryOfTheMachine() {
    static const uint64_t num_bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * PageSize();
    return num_bytes;
}

Retained<IOMemoryDescriptor> DescriptorFromSlice(const SharedSlice &slice, uint64_t direction,
                                                 uint64_t length) {
    return NewDescriptor(MakeRunBacking(ClientExtent({slice, nullptr}, length)), direction, length);
}

Retained<IOMemoryDescriptor> DescriptorFromInput(const SharedSlice &bytes,
                                                 std::shared_ptr<InputPages> pages) {
    const uint64_t length = bytes.length;
    return NewDescriptor(MakeInputBacking(ClientExtent({bytes, nullptr}, length), std::move(pages)),
                         kIOMemoryDirectionOut, length);
}

std::unique_ptr<Backing> MakeSlicesBacking(std::span<const ClientSlice> slices,
                                           ClientWrites writes) {
    std::vector<Extent> extents;
    for (const ClientSlice &client : slices) {
        if (client.slice.length != 0) {
            extents.push_back(ClientExtent(client, client.slice.length));
            extents.back().is_copied_on_write = writes == ClientWrites::kStayInTheMapping;
        }
    }
    return MakeRunsBacking(std::move(extents));
}

Retained<IOMemoryDescriptor> DescriptorFromSlices(std::vector<ClientSlice> slices,
                                                  uint64_t direction, ClientWrites writes) {
    uint64_t total = 0;
    for (const ClientSlice &client : slices) {
        const auto sum = CheckedAdd(total, client.slice.length);
        if (!sum || *sum > MemoryOfTheMachine()) {
            return nullptr;
        }
        total = *sum;
    }
    return NewDescriptor(MakeSlicesBacking(slices, writes), direction, total);
}

Retained<IOMemoryDescriptor> DescriptorFromDeviceMemory(const DeviceMemory &memory) {
    Extent extent{memory.shared, memory.bytes.data(), memory.bytes_keeper, false};
    const uint64_t length = memory.bytes.size();
    if (memory.shared.region != nullptr && memory.shared.length < length) {
        extent.slice.region = nullptr;
    }
    extent.slice.length = length;
    return NewDescriptor(MakeRunBacking(std::move(extent)), kIOMemoryDirectionInOut, length);
}

std::expected<std::vector<SharedSlice>, kern_return_t> ShareDescriptorPieces(
    const IOMemoryDescriptor *memory) {
    if (memory == nullptr) {
        return std::unexpected(kIOReturnBadArgument);
    }
    const uint64_t length = StateOf(*memory).length.load(std::memory_order_relaxed);
    std::vector<Extent> extents;
    FetchMemory(*memory, Use::kMapping);
    if (length == 0 || !CollectExtents(*memory, Use::kMapping, 0, length, extents)) {
        return std::unexpected(kIOReturnVMError);
    }
    std::vector<SharedSlice> slices;
    for (const Extent &extent : extents) {
        if (extent.slice.region == nullptr || extent.is_copied_on_write ||
            extent.slice.region->may_be_cut()) {
            LogWarning(
                "memory of {} bytes is a device's, a file of an application's or a copy of its "
                "memory, and cannot be mapped into an application",
                length);
            return std::unexpected(kIOReturnUnsupported);
        }
        extent.slice.region->MarkExported();
        slices.push_back(extent.slice);
    }
    if (!MeetOnPages(extents)) {
        LogWarning(
            "memory of {} bytes in {} pieces cannot be mapped into an application: each but the "
            "last must end on a page, each but the first start on one",
            length, extents.size());
        return std::unexpected(kIOReturnUnsupported);
    }
    return slices;
}

}  // namespace opendext::memory
