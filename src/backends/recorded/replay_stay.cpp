// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/replay_stay.h"

#include <algorithm>

#include "base/log.h"

namespace opendext::backends {

ReplayStay::ReplayStay(CapturedDevice device, UsbDescription description, std::string file)
    : device_(std::move(device)), description_(std::move(description)), file_(std::move(file)) {
    AddSent();
    AddReceived();
}

uint16_t ReplayStay::MaxPacketBytes(UsbEndpointAddress address) const {
    for (const UsbConfiguration &configuration : description_.descriptors.configurations) {
        for (const UsbInterfaceSetting &setting : configuration.settings) {
            if (const UsbEndpoint *endpoint = setting.Find(address)) {
                return endpoint->max_packet_bytes;
            }
        }
    }
    return 1;
}

// What the driver sent comes first: what came from the device waits for it.
void ReplayStay::AddSent() {
    for (const CapturedTransfer &transfer : device_.transfers) {
        const bool is_out = !transfer.endpoint.is_in();
        if (transfer.type == UsbTransferType::kControl) {
            controls_.Add(transfer);
        } else if (is_out && transfer.type != UsbTransferType::kIsochronous) {
            const UsbEndpointAddress address = transfer.endpoint;
            out_.try_emplace(address, *this, address, MaxPacketBytes(address))
                .first->second.Add(transfer);
        }
    }
}

void ReplayStay::AddReceived() {
    for (const CapturedTransfer &transfer : device_.transfers) {
        const UsbEndpointAddress address = transfer.endpoint;
        if (transfer.type == UsbTransferType::kIsochronous) {
            isochronous_.try_emplace(address, *this, address).first->second.Add(transfer);
        } else if (transfer.type != UsbTransferType::kControl && address.is_in()) {
            in_.try_emplace(address, *this, address, MaxPacketBytes(address))
                .first->second.Add(transfer);
        }
    }
}

UsbControlReply ReplayStay::OnControl(const UsbSetup &setup, std::span<std::byte> data) {
    const UsbControlReply reply = controls_.Answer(setup, data);
    Pump();
    return reply;
}

void ReplayStay::OnRequest(const UsbModelRequest &request) {
    const UsbEndpointAddress address = request.endpoint;
    if (const auto found = isochronous_.find(address); found != isochronous_.end()) {
        found->second.OnRequest(request);
    } else if (request.type == UsbTransferType::kIsochronous) {
        return;  // the recording has nothing of it
    } else if (address.is_in()) {
        in_.try_emplace(address, *this, address, MaxPacketBytes(address))
            .first->second.OnRequest(request);
    } else {
        out_.try_emplace(address, *this, address, MaxPacketBytes(address))
            .first->second.OnRequest(request);
        Pump();
    }
}

void ReplayStay::OnCancelled(UsbRequestId request) {
    for (auto &[address, endpoint] : in_) {
        endpoint.OnCancelled(request);
    }
}

void ReplayStay::OnReset() {
    for (auto &[address, endpoint] : in_) {
        endpoint.OnReset();
    }
}

void ReplayStay::Pump() {
    for (auto &[address, endpoint] : in_) {
        endpoint.Pump();
    }
}

bool ReplayStay::IsOver() const {
    return timeline_.IsOver() &&
           std::ranges::all_of(in_, [](const auto &each) { return each.second.IsOver(); });
}

void ReplayStay::Depart(std::string what) {
    LogWarning("replay:{}: {}", file_, what);
}

}  // namespace opendext::backends
