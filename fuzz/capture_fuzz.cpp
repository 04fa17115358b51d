// SPDX-License-Identifier: Apache-2.0
// Any bytes as a capture file, and when a device can be rebuilt from it, its replay: every transfer of the recording is
// sent again, and every answer has to fit.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "backends/emulated/model_usb_wire.h"
#include "backends/recorded/captured_transfers.h"
#include "backends/recorded/replay_model.h"
#include "base/log.h"

namespace {

using namespace opendext::backends;

constexpr uint64_t kMaxTransferBytes = 1 << 20;

void Require(bool truth) {
    if (!truth) {
        std::abort();
    }
}

class Transfer final : public UsbTransfer {
public:
    explicit Transfer(const CapturedTransfer &captured)
        : memory_(std::min<uint64_t>(
              std::max<uint64_t>(captured.num_requested.value_or(64), captured.data.size()),
              kMaxTransferBytes)) {
        type = captured.type;
        if (type == UsbTransferType::kControl) {
            setup = captured.setup;
            memory_.resize(setup.length);
        } else {
            endpoint = captured.endpoint;
        }
        if (!captured.endpoint.is_in() && !captured.data.empty()) {
            std::memcpy(memory_.data(), captured.data.data(),
                        std::min(memory_.size(), captured.data.size()));
        }
        buffer.push_back({.address = memory_.data(), .num_bytes = memory_.size()});
    }
    void OnComplete(const UsbOutcome &outcome) override {
        Require(outcome.num_bytes <= memory_.size());
        Require(++num_completions_ == 1);
    }

private:
    std::vector<std::byte> memory_;
    int num_completions_ = 0;
};

class Listener final : public UsbWireListener {
public:
    void OnAttached(UsbAttachment) override {}
    void OnDetached() override {}
    void OnDone(UsbTransfer &transfer, const UsbOutcome &outcome) override {
        transfer.OnComplete(outcome);
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    opendext::SetLogSink([](opendext::LogLevel, std::string_view) {});
    const auto bytes = std::as_bytes(std::span(data, num_bytes));
    const std::vector<std::byte> file(bytes.begin(), bytes.end());
    const auto captured = ReadCapturedDevices(file);
    auto model = ReplayModel::Create(file, "fuzz", {});
    if (!captured || !model) {
        return 0;
    }
    auto wire = ModelUsbWire::Create(std::move(*model));
    if (!wire) {
        return 0;
    }
    Listener listener;
    std::vector<std::unique_ptr<Transfer>> transfers;
    (*wire)->Begin(listener);
    (void)(*wire)->SetConfiguration(1);
    for (const CapturedDevice &device : captured->devices) {
        for (size_t i = 0; i < device.transfers.size() && transfers.size() < 200; ++i) {
            const CapturedTransfer &each = device.transfers[i];
            const bool is_possible =
                each.type == UsbTransferType::kControl ||
                (each.type != UsbTransferType::kIsochronous && each.endpoint.number() != 0);
            if (is_possible) {
                transfers.push_back(std::make_unique<Transfer>(each));
                (*wire)->Start(*transfers.back());
            }
        }
    }
    (*wire)->End();
    return 0;
}
