// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/emulated_iommu.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace opendext::backends {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kPageMask = kPageBytes - 1;

constexpr uint64_t PageFloor(uint64_t value) {
    return value & ~kPageMask;
}
constexpr uint64_t PageCeiling(uint64_t value) {
    return (value + kPageMask) & ~kPageMask;
}

uint64_t AddressOf(const HostSpan &piece) {
    return reinterpret_cast<uintptr_t>(piece.address);
}

BackendResult<uint64_t> CheckedTotal(std::span<const HostSpan> pieces) {
    constexpr uint64_t kMaxTotal = 1ULL << 47;
    uint64_t total = 0;
    for (size_t i = 0; i < pieces.size(); ++i) {
        const HostSpan &piece = pieces[i];
        const uint64_t start = AddressOf(piece);
        if (piece.address == nullptr || piece.num_bytes == 0 ||
            piece.num_bytes > kMaxTotal - total || start > UINT64_MAX - piece.num_bytes) {
            return Refuse(BackendErrorCode::kInvalidArgument,
                          fmt::format("DMA map: piece {} of {} is empty or wraps: {:#x}, {} bytes",
                                      i, pieces.size(), start, piece.num_bytes));
        }
        const bool starts_badly = i != 0 && (start & kPageMask) != 0;
        const bool ends_badly =
            i + 1 != pieces.size() && ((start + piece.num_bytes) & kPageMask) != 0;
        if (starts_badly || ends_badly) {
            return Refuse(
                BackendErrorCode::kNotAligned,
                fmt::format(
                    "DMA map: piece {} ({:#x}, {} bytes) meets its neighbour inside a page: map it "
                    "by itself",
                    i, start, piece.num_bytes));
        }
        total += piece.num_bytes;
    }
    if (total == 0) {
        return Refuse(BackendErrorCode::kInvalidArgument, "DMA map: there is nothing to map");
    }
    return total;
}

const char *ReasonText(IommuFaultReason reason) {
    switch (reason) {
        case IommuFaultReason::kNotMapped:
            return "nothing is mapped there: prepare the memory for DMA first";
        case IommuFaultReason::kUsedAfterUnmap:
            return "the mapping was ended: complete DMA after the device is done";
        case IommuFaultReason::kOutOfRange:
            return "it leaves the mapping, or misses it";
        case IommuFaultReason::kWrongDirection:
            return "the mapping does not grant this direction";
        case IommuFaultReason::kBusMasterDisabled:
            return "bus mastering is off: set bit 2 of the command register (offset 4)";
    }
    return "unknown reason";
}

}  // namespace

std::string Describe(const IommuFault &fault) {
    std::string text =
        fmt::format("device {:02x}:{:02x}.{}: DMA {} of {} bytes at {:#x} refused: {}",
                    fault.device.bus, fault.device.device, fault.device.function,
                    fault.access == DmaAccess::kRead ? "read" : "write", fault.num_bytes,
                    fault.iova.value, ReasonText(fault.reason));
    if (fault.mapping_num_bytes != 0) {
        text += fmt::format(" (mapping at {:#x}, {} bytes)", fault.mapping_iova.value,
                            fault.mapping_num_bytes);
    }
    return text;
}

EmulatedIommu::Transfer::~Transfer() {
    if (mapping_ == nullptr) {
        return;
    }
    if (mapping_->running.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        mapping_->running.notify_all();
    }
}

std::optional<uint64_t> EmulatedIommu::FindGap(uint64_t from, uint64_t limit,
                                               uint64_t num_bytes) const {
    uint64_t start = from;
    auto next = mappings_.upper_bound(start);
    if (next != mappings_.begin()) {
        const Mapping &before = *std::prev(next)->second;
        start = std::max(start, PageCeiling(before.iova + before.num_bytes) + kPageBytes);
    }
    for (;; ++next) {
        if (start > limit || num_bytes > limit - start) {
            return std::nullopt;
        }
        if (next == mappings_.end() ||
            start + num_bytes + kPageBytes <= PageFloor(next->second->iova)) {
            return start;
        }
        start = PageCeiling(next->second->iova + next->second->num_bytes) + kPageBytes;
    }
}

std::optional<uint64_t> EmulatedIommu::ChooseAddress(uint64_t num_bytes, uint64_t limit) {
    for (Window *window : {&high_, &low_}) {
        const uint64_t window_end = window == &low_ ? std::min(limit, high_.first) : limit;
        auto start = FindGap(window->cursor, window_end, num_bytes);
        if (!start) {
            start = FindGap(window->first, window_end, num_bytes);
        }
        if (start) {
            window->cursor = *start + num_bytes + kPageBytes;
            return start;
        }
    }
    return std::nullopt;
}

BackendResult<IovaAddress> EmulatedIommu::Map(const DmaMapRequest &request) {
    const auto total = CheckedTotal(request.pieces);
    if (!total) {
        return std::unexpected(total.error());
    }
    const uint8_t wanted_bits =
        request.max_address_bits == 0 ? kMaxAddressBits : request.max_address_bits;
    const uint64_t limit = 1ULL << std::min(wanted_bits, kMaxAddressBits);

    auto mapping = std::make_shared<Mapping>();
    mapping->num_bytes = *total;
    mapping->access = request.access;
    mapping->cookie = request.cookie;
    uint64_t offset = 0;
    for (const HostSpan &piece : request.pieces) {
        mapping->pieces.push_back({.offset = offset, .host = piece});
        offset += piece.num_bytes;
    }

    const uint64_t in_page = AddressOf(request.pieces.front()) & kPageMask;
    const std::unique_lock lock(mappings_mutex_);
    const auto page = ChooseAddress(PageCeiling(in_page + *total), limit);
    if (!page) {
        return Refuse(
            BackendErrorCode::kAddressTooWide,
            fmt::format(
                "DMA map: no room for {} bytes below 2^{}: allow more address bits, or complete "
                "earlier DMA",
                *total, wanted_bits));
    }
    mapping->iova = *page + in_page;
    mappings_.emplace(mapping->iova, mapping);
    return IovaAddress{mapping->iova};
}

BackendResult<void> EmulatedIommu::Unmap(IovaAddress iova, uint64_t num_bytes) {
    std::shared_ptr<Mapping> mapping;
    {
        const std::unique_lock lock(mappings_mutex_);
        const auto found = mappings_.find(iova.value);
        if (found == mappings_.end() || found->second->num_bytes != num_bytes) {
            return Refuse(
                BackendErrorCode::kNotFound,
                fmt::format("DMA unmap: no mapping of {} bytes at {:#x}", num_bytes, iova.value));
        }
        mapping = std::move(found->second);
        mappings_.erase(found);
        IommuFault &ended = ended_[next_ended_++ % kNumRemembered];
        ended.mapping_cookie = mapping->cookie;
        ended.mapping_iova = iova;
        ended.mapping_num_bytes = num_bytes;
    }
    for (uint32_t running = mapping->running.load(std::memory_order_acquire); running != 0;
         running = mapping->running.load(std::memory_order_acquire)) {
        mapping->running.wait(running, std::memory_order_acquire);
    }
    return {};
}

std::expected<EmulatedIommu::Transfer, IommuFaultReason> EmulatedIommu::Begin(IovaAddress iova,
                                                                              uint64_t num_bytes,
                                                                              DmaAccess access) {
    IommuFault fault;
    {
        const std::shared_lock lock(mappings_mutex_);
        const auto next = mappings_.upper_bound(iova.value);
        if (next != mappings_.begin()) {
            const std::shared_ptr<Mapping> &mapping = std::prev(next)->second;
            const uint64_t offset = iova.value - mapping->iova;
            if (offset < mapping->num_bytes && num_bytes <= mapping->num_bytes - offset &&
                Allows(mapping->access, access)) {
                mapping->running.fetch_add(1, std::memory_order_relaxed);
                return Transfer(mapping);
            }
        }
        fault = Explain(iova, num_bytes, access);
    }
    Report(fault);
    return std::unexpected(fault.reason);
}

IommuFault EmulatedIommu::Explain(IovaAddress iova, uint64_t num_bytes, DmaAccess access) const {
    IommuFault fault{.device = device_, .iova = iova, .num_bytes = num_bytes, .access = access};
    const uint64_t last =
        iova.value + std::min(std::max<uint64_t>(num_bytes, 1) - 1, UINT64_MAX - iova.value);
    const auto blame = [&fault](const Mapping &mapping, IommuFaultReason reason) {
        fault.mapping_cookie = mapping.cookie;
        fault.mapping_iova = IovaAddress{mapping.iova};
        fault.mapping_num_bytes = mapping.num_bytes;
        fault.reason = reason;
        return fault;
    };
    const auto after = mappings_.upper_bound(iova.value);
    const Mapping *before = after == mappings_.begin() ? nullptr : std::prev(after)->second.get();
    const uint64_t distance = before == nullptr ? UINT64_MAX : iova.value - before->iova;
    if (before != nullptr && distance < before->num_bytes) {
        const bool inside = num_bytes <= before->num_bytes - distance;
        return blame(*before,
                     inside ? IommuFaultReason::kWrongDirection : IommuFaultReason::kOutOfRange);
    }
    if (after != mappings_.end() && last >= after->second->iova) {
        return blame(*after->second, IommuFaultReason::kOutOfRange);
    }
    for (size_t age = 1; age <= std::min(next_ended_, kNumRemembered); ++age) {
        const IommuFault &ended = ended_[(next_ended_ - age) % kNumRemembered];
        if (iova.value - ended.mapping_iova.value >= ended.mapping_num_bytes) {
            continue;
        }
        fault.mapping_cookie = ended.mapping_cookie;
        fault.mapping_iova = ended.mapping_iova;
        fault.mapping_num_bytes = ended.mapping_num_bytes;
        fault.reason = IommuFaultReason::kUsedAfterUnmap;
        return fault;
    }
    if (before != nullptr && distance - before->num_bytes < kPageBytes) {
        return blame(*before, IommuFaultReason::kOutOfRange);
    }
    if (after != mappings_.end() && after->second->iova - last <= kPageBytes) {
        return blame(*after->second, IommuFaultReason::kOutOfRange);
    }
    return fault;
}

void EmulatedIommu::Report(const IommuFault &fault) {
    const std::lock_guard lock(listener_mutex_);
    if (listener_ != nullptr) {
        listener_->OnIommuFault(fault);
    } else {
        LogWarning("{}", Describe(fault));
    }
}

void EmulatedIommu::ReportRefused(IovaAddress iova, uint64_t num_bytes, DmaAccess access,
                                  IommuFaultReason reason) {
    Report({.device = device_,
            .iova = iova,
            .num_bytes = num_bytes,
            .access = access,
            .reason = reason});
}

void EmulatedIommu::SetFaultListener(IommuFaultListener *listener) {
    const std::lock_guard lock(listener_mutex_);
    listener_ = listener;
}

namespace {

// Calls move(host, offset_in_transfer, num_bytes) for each stretch of host memory of a range.
template <typename Pieces, typename Move>
void ForEachStretch(const Pieces &pieces, uint64_t offset, uint64_t num_bytes, Move move) {
    auto piece =
        std::ranges::upper_bound(pieces, offset, {}, [](const auto &each) { return each.offset; });
    --piece;
    for (uint64_t done = 0; done < num_bytes; ++piece) {
        const uint64_t in_piece = offset + done - piece->offset;
        const uint64_t length = std::min(num_bytes - done, piece->host.num_bytes - in_piece);
        move(piece->host.address + in_piece, done, length);
        done += length;
    }
}

}  // namespace

std::expected<void, IommuFaultReason> EmulatedIommu::Read(IovaAddress iova,
                                                          std::span<std::byte> destination) {
    const auto transfer = Begin(iova, destination.size(), DmaAccess::kRead);
    if (!transfer) {
        return std::unexpected(transfer.error());
    }
    ForEachStretch(transfer->mapping().pieces, iova.value - transfer->mapping().iova,
                   destination.size(), [&](const std::byte *host, uint64_t done, uint64_t length) {
                       std::memcpy(destination.data() + done, host, length);
                   });
    return {};
}

std::expected<void, IommuFaultReason> EmulatedIommu::Write(IovaAddress iova,
                                                           std::span<const std::byte> source) {
    const auto transfer = Begin(iova, source.size(), DmaAccess::kWrite);
    if (!transfer) {
        return std::unexpected(transfer.error());
    }
    ForEachStretch(transfer->mapping().pieces, iova.value - transfer->mapping().iova, source.size(),
                   [&](std::byte *host, uint64_t done, uint64_t length) {
                       std::memcpy(host, source.data() + done, length);
                   });
    return {};
}

size_t EmulatedIommu::NumMappings() const {
    const std::shared_lock lock(mappings_mutex_);
    return mappings_.size();
}

}  // namespace opendext::backends
