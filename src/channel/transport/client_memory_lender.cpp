// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/client_memory_lender.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"

namespace opendext::channel {

namespace {

std::string_view TextOf(ShareFailure failure) {
    switch (failure) {
        case ShareFailure::kUnmapped:
            return "it is not mapped any more";
        case ShareFailure::kProtected:
            return "it is not writable";
        case ShareFailure::kNotMovable:
            return "it is no ordinary memory of the process";
        case ShareFailure::kNotAllowed:
            return "this process may not use userfaultfd";
        case ShareFailure::kNoMemory:
            return "no memory is left";
    }
    return "?";
}

}  // namespace

ClientMemoryLender::ClientMemoryLender(LendingPeer *peer)
    : peer_(peer), memory_(AppMemory::OfThisProcess()), arena_(peer) {
    if (peer != nullptr) {
        regions_.emplace(*peer);
        memory_.AddListener(this);
    }
}

ClientMemoryLender::~ClientMemoryLender() {
    if (regions_) {
        memory_.RemoveListener(this);
    }
}

void ClientMemoryLender::RegionGone(const SharedRegion &region) {
    regions_->Forget(region);
}

std::optional<LentPages> ClientMemoryLender::MakeKnown(SharedSlice slice) {
    LentPages pages{.use = {}, .slice = std::move(slice)};
    if (regions_) {
        pages.use = regions_->Begin(pages.slice.region);
        if (!pages.use.is_valid()) {
            return std::nullopt;
        }
    }
    return pages;
}

std::optional<LentPages> ClientMemoryLender::FindFile(const AppRange &range, MapAccess access) {
    auto slice = memory_.FindFile(range, access);
    return slice ? MakeKnown(*std::move(slice)) : std::nullopt;
}

std::optional<LentPages> ClientMemoryLender::MakeKnown(SharedSlice slice, AppMemory::Pins pins) {
    const std::shared_ptr<SharedRegion> region = slice.region;
    auto pages = MakeKnown(std::move(slice));
    if (!pages && pins == AppMemory::Pins::kOneEach) {
        memory_.Unpin(*region);
    }
    return pages;
}

std::optional<LentPages> ClientMemoryLender::FindOrShare(const AppRange &range, MapAccess access,
                                                         AppMemory::Pins pins) {
    auto found = pins == AppMemory::Pins::kOneEach ? memory_.FindPinned(range, access)
                                                   : memory_.Find(range, access);
    if (found) {
        if (auto pages = MakeKnown(*std::move(found), pins)) {
            return pages;
        }
    }
    if (!recent_.IsWorthSharing(range)) {
        return std::nullopt;
    }
    auto slices = memory_.Share(range, access, AppMemory::Files::kExcluded, pins);
    if (!slices) {
        return std::nullopt;
    }
    if (slices->size() == 1) {
        return MakeKnown(std::move(slices->front()), pins);
    }
    for (size_t i = 0; pins == AppMemory::Pins::kOneEach && i < slices->size(); ++i) {
        memory_.Unpin(*(*slices)[i].region);
    }
    return std::nullopt;
}

std::expected<std::vector<LentPages>, ShareFailure> ClientMemoryLender::Share(const AppRange &range,
                                                                              MapAccess access) {
    auto slices =
        memory_.Share(range, access, AppMemory::Files::kIncluded, AppMemory::Pins::kOneEach);
    if (!slices) {
        return std::unexpected(slices.error());
    }
    std::vector<LentPages> lent;
    bool are_known = true;
    for (SharedSlice &slice : *slices) {
        // Of one that does not become known the pin ends there.
        auto pages = MakeKnown(std::move(slice), AppMemory::Pins::kOneEach);
        are_known = are_known && pages.has_value();
        if (pages) {
            lent.push_back(*std::move(pages));
        }
    }
    if (!are_known) {
        for (const LentPages &pages : lent) {
            memory_.Unpin(*pages.slice.region);
        }
        return std::unexpected(ShareFailure::kNoMemory);
    }
    return lent;
}

void ClientMemoryLender::WarnNotShared(std::string_view wish, const AppRange &range,
                                       ShareFailure why) {
    if (warned_.IsFirst(fmt::format("{} {:#x}", wish, range.address))) {
        LogWarning(
            "{}: the {} bytes at {:#x} cannot be shared with the driver: {}. Allocate them with "
            "mach_vm_allocate",
            wish, range.length, range.address, TextOf(why));
    }
}

bool ClientMemoryLender::Replace(const AppRange &range, const SharedSlice &slice,
                                 const ClientArena::Chunk &chunk, AppMemory::Contents contents) {
    const bool is_input = contents == AppMemory::Contents::kOfTheRange;
    if (const auto replaced = memory_.Replace(range, slice, contents); !replaced) {
        WarnNotShared(is_input ? "the device reads a copy of the input that stays prepared for DMA"
                               : "what the driver writes to the output that it kept stays with it",
                      range, replaced.error());
        return false;
    }
    if (is_input) {
        has_kept_inputs_.store(true, std::memory_order_relaxed);
    }
    if (regions_) {
        regions_->Add(chunk.region, chunk.region_id);
    }
    return true;
}

void ClientMemoryLender::Leave(const AppRange &range, LentPages pages) {
    const std::shared_ptr<SharedRegion> kept = pages.slice.region;
    const auto left = memory_.Leave(range);
    const auto now = memory_.Find(range, MapAccess::kReadOnly);
    const bool is_still_shared = now && now->region == kept;
    if ((!left || is_still_shared) && warned_.IsFirst(fmt::format("leave {:#x}", range.address))) {
        LogWarning(
            "the driver kept the {} bytes of its input at {:#x} and sees what is written there "
            "later: {}; "
            "use another buffer for input",
            range.length, range.address, left ? "it may also write there" : TextOf(left.error()));
    }
}

}  // namespace opendext::channel
