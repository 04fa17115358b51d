// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/captured_transfers.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "backends/recorded/recording_notes.h"

namespace opendext::backends {

namespace {

/// Takes the events of a capture in their order.
class Joiner {
public:
    void Take(const CapturePacket &packet, const UsbCaptureEvent &event) {
        if (event.device == 0) {
            return;  // a device that has no address yet; it is asked again when it has one
        }
        CapturedDevice &device = DeviceOf({event.bus, event.device}, packet);
        const auto open = open_.find({event.bus, event.device, event.urb});
        if (event.kind == UsbCaptureEvent::Kind::kSubmission) {
            open_[{event.bus, event.device, event.urb}] = {
                .device = static_cast<size_t>(&device - devices_.data()),
                .transfer = device.transfers.size()};
            device.transfers.push_back(Begin(packet, event));
        } else if (open != open_.end()) {
            const Place at = open->second;
            End(devices_[at.device].transfers[at.transfer], packet, event);
            open_.erase(open);
        } else if (event.type != UsbTransferType::kControl && event.endpoint.is_in()) {
            CapturedTransfer transfer{.type = event.type, .endpoint = event.endpoint};
            End(transfer, packet, event);
            device.transfers.push_back(std::move(transfer));
        }
    }

    CapturedDevices Finish(std::optional<CaptureFault> cut) {
        return {.devices = std::move(devices_), .cut = std::move(cut)};
    }

private:
    using UrbKey = std::tuple<uint16_t, uint8_t, uint64_t>;
    struct Place {
        size_t device = 0;
        size_t transfer = 0;
    };

    CapturedDevice &DeviceOf(CapturedDeviceId id, const CapturePacket &packet) {
        const bool is_new_stay = IsRecordingNote(packet.comment);
        const auto found = indices_.find(id);
        if (found == indices_.end() || is_new_stay) {
            indices_[id] = devices_.size();
            devices_.push_back({.id = id, .first_packet = packet.number});
        }
        CapturedDevice &device = devices_[indices_[id]];
        if (is_new_stay) {
            device.note = packet.comment;
        }
        return device;
    }

    static CapturedTransfer Begin(const CapturePacket &packet, const UsbCaptureEvent &event) {
        CapturedTransfer transfer{.type = event.type,
                                  .endpoint = event.endpoint,
                                  .submission = packet.number,
                                  .data = event.data,
                                  .is_cut = event.is_cut,
                                  .frames = event.frames};
        transfer.setup = event.setup.value_or(UsbSetup());
        if (event.has_length) {
            transfer.num_requested = event.num_bytes;
        }
        return transfer;
    }

    static void End(CapturedTransfer &transfer, const CapturePacket &packet,
                    const UsbCaptureEvent &event) {
        transfer.completion = packet.number;
        transfer.num_done = event.num_bytes;
        transfer.status = event.status;
        // A Mac tells what was sent, too, when it has been sent.
        if (transfer.endpoint.is_in() || !event.data.empty() || event.is_cut) {
            transfer.data = event.data;
            transfer.is_cut = event.is_cut;
            transfer.frames = event.frames;
        }
    }

    std::vector<CapturedDevice> devices_;
    std::map<CapturedDeviceId, size_t> indices_;
    std::map<UrbKey, Place> open_;
};

}  // namespace

std::string CapturedDeviceId::ToString() const {
    return fmt::format("{}.{}", bus, address);
}

std::expected<CapturedDevices, CaptureFault> ReadCapturedDevices(std::span<const std::byte> file) {
    auto contents = ReadCaptureFile(file);
    if (!contents) {
        return std::unexpected(std::move(contents.error()));
    }
    const auto &packets = contents->packets;
    if (!packets.empty() && std::ranges::none_of(packets, [](const CapturePacket &packet) {
            return IsUsbLinkType(packet.link_type);
        })) {
        return std::unexpected(CaptureFault{
            packets.front().offset,
            fmt::format(
                "packets of link type {}; those of USB are 189 and 220 (usbmon on Linux), 249 "
                "(USBPcap on Windows) and 266 (a Mac's)",
                packets.front().link_type)});
    }
    Joiner joiner;
    for (const CapturePacket &packet : packets) {
        auto event = DecodeUsbCapture(packet);
        if (!event) {
            return std::unexpected(CaptureFault{
                packet.offset, fmt::format("packet {}: {}", packet.number, event.error())});
        }
        if (*event) {
            joiner.Take(packet, **event);
        }
    }
    return joiner.Finish(std::move(contents->cut));
}

}  // namespace opendext::backends
