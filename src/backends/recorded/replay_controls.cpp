// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/replay_controls.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "backends/api/usb_urb.h"

namespace opendext::backends {

namespace {

constexpr uint8_t kTypeBits = 0x60;  // of bmRequestType: 0 is a standard request

std::string Describe(const UsbSetup &setup) {
    return fmt::format("request {:02x} {:02x}, value 0x{:04x}, index 0x{:04x}, length {}",
                       setup.request_type, setup.request, setup.value, setup.index, setup.length);
}

std::string DescribeDifference(std::span<const std::byte> expected,
                               std::span<const std::byte> came) {
    const auto [first, other] = std::ranges::mismatch(expected, came);
    const auto at = first - expected.begin();
    if (first == expected.end() || other == came.end()) {
        return fmt::format("{} bytes of data were recorded", expected.size());
    }
    return fmt::format("byte {} of the data was recorded as 0x{:02x}, and is 0x{:02x}", at,
                       std::to_integer<unsigned>(*first), std::to_integer<unsigned>(*other));
}

}  // namespace

ReplayControls::Key ReplayControls::KeyOf(const UsbSetup &setup) {
    return {setup.request_type, setup.request, setup.value, setup.index, setup.length};
}

void ReplayControls::Add(const CapturedTransfer &transfer) {
    Item item{.transfer = &transfer};
    if ((transfer.setup.request_type & kTypeBits) != 0) {
        item.event = stage_.timeline().Add(transfer.submission);
    }
    const auto [same, is_new] =
        by_setup_.try_emplace(KeyOf(transfer.setup), SameSetup{.first = items_.size()});
    same->second.by_data[DataOf(transfer.setup, transfer.data)].items.push_back(items_.size());
    items_.push_back(item);
}

ReplayControls::Item *ReplayControls::Find(const UsbSetup &setup, std::span<const std::byte> data) {
    const auto same = by_setup_.find(KeyOf(setup));
    if (same == by_setup_.end()) {
        return nullptr;
    }
    const auto found = same->second.by_data.find(DataOf(setup, data));
    if (found == same->second.by_data.end()) {
        return nullptr;
    }
    Alike &alike = found->second;
    const bool is_last = alike.num_asked == alike.items.size();
    return &items_[is_last ? alike.items.back() : alike.items[alike.num_asked++]];
}

UsbControlReply ReplayControls::Answer(const UsbSetup &setup, std::span<std::byte> data) {
    Item *item = Find(setup, data);
    if (item == nullptr) {
        stage_.Depart(Departure(setup, data));
        return UsbControlReply::Stall();
    }
    item->was_asked = true;
    if (item->event) {
        stage_.timeline().Happen(*item->event);
    }
    const CapturedTransfer &transfer = *item->transfer;
    const UsbStatus status = UsbStatusFromUrb(transfer.status);
    if (!transfer.has_ended() || status == UsbStatus::kAborted || status == UsbStatus::kRemoved) {
        return UsbControlReply::Pending();  // the host gave up, and will again
    }
    if (status != UsbStatus::kSuccess) {
        return {.status = status};
    }
    if (!setup.is_in()) {
        return UsbControlReply::Success();
    }
    if (transfer.is_cut) {
        stage_.Depart(
            fmt::format("the reply in packet {} was captured only in part", transfer.completion));
        return UsbControlReply::Stall();
    }
    const size_t length = std::min(data.size(), transfer.data.size());
    if (length != 0) {
        std::memcpy(data.data(), transfer.data.data(), length);
    }
    return UsbControlReply::Success(length);
}

std::string ReplayControls::Departure(const UsbSetup &setup, std::span<const std::byte> data) {
    const auto same = by_setup_.find(KeyOf(setup));
    if (same != by_setup_.end()) {
        const CapturedTransfer &recorded = *items_[same->second.first].transfer;
        return fmt::format("the driver sends {}, as in packet {}, but {}", Describe(setup),
                           recorded.submission, DescribeDifference(recorded.data, data));
    }
    while (next_unasked_ < items_.size() &&
           (!items_[next_unasked_].event || items_[next_unasked_].was_asked)) {
        ++next_unasked_;
    }
    if (next_unasked_ == items_.size()) {
        return fmt::format("the driver sends {}; the recording has no more requests",
                           Describe(setup));
    }
    const CapturedTransfer &next = *items_[next_unasked_].transfer;
    return fmt::format("the driver sends {}; the recording's next is {} in packet {}",
                       Describe(setup), Describe(next.setup), next.submission);
}

}  // namespace opendext::backends
