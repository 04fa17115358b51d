// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "backends/api/usb_transfer.h"

namespace opendext::backends {

/// A transfer of the tests, with memory of its own, that counts how often it was completed. The memory is allocated
/// piece by piece, exactly, so that a byte too many is found by AddressSanitizer.
class TestTransfer final : public UsbTransfer {
public:
    static std::unique_ptr<TestTransfer> Control(const UsbSetup &setup) {
        auto transfer = std::make_unique<TestTransfer>();
        transfer->type = UsbTransferType::kControl;
        transfer->setup = setup;
        transfer->AddPiece(setup.length);
        return transfer;
    }

    /// Bulk, in as many pieces as sizes are given.
    static std::unique_ptr<TestTransfer> Bulk(uint8_t endpoint, const std::vector<size_t> &sizes) {
        auto transfer = std::make_unique<TestTransfer>();
        transfer->type = UsbTransferType::kBulk;
        transfer->endpoint = {endpoint};
        for (const size_t size : sizes) {
            transfer->AddPiece(size);
        }
        return transfer;
    }

    static std::unique_ptr<TestTransfer> Isochronous(uint8_t endpoint,
                                                     const std::vector<uint32_t> &frame_sizes) {
        auto transfer = std::make_unique<TestTransfer>();
        transfer->type = UsbTransferType::kIsochronous;
        transfer->endpoint = {endpoint};
        size_t sum = 0;
        for (const uint32_t size : frame_sizes) {
            transfer->frames.push_back({.num_requested = size});
            sum += size;
        }
        transfer->AddPiece(sum);
        return transfer;
    }

    void Fill(uint8_t first) {
        for (auto &piece : memory_) {
            for (std::byte &each : piece) {
                each = std::byte{first++};
            }
        }
    }

    /// Fills the memory from the front.
    void Set(std::span<const std::byte> bytes) {
        for (auto &piece : memory_) {
            const size_t length = std::min(piece.size(), bytes.size());
            std::copy_n(bytes.begin(), length, piece.begin());
            bytes = bytes.subspan(length);
        }
    }

    [[nodiscard]] std::vector<std::byte> Bytes() const {
        std::vector<std::byte> all;
        for (const auto &piece : memory_) {
            all.insert(all.end(), piece.begin(), piece.end());
        }
        return all;
    }

    void OnComplete(const UsbOutcome &outcome) override {
        const std::lock_guard lock(mutex_);
        outcome_ = outcome;
        ++num_completions_;
        done_.notify_all();
    }

    /// Waits for the end.
    UsbOutcome Await() {
        std::unique_lock lock(mutex_);
        done_.wait(lock, [this] { return outcome_.has_value(); });
        return *outcome_;
    }

    [[nodiscard]] int num_completions() const {
        const std::lock_guard lock(mutex_);
        return num_completions_;
    }

private:
    void AddPiece(size_t num_bytes) {
        memory_.emplace_back(num_bytes);
        buffer.push_back({.address = memory_.back().data(), .num_bytes = num_bytes});
    }

    std::vector<std::vector<std::byte>> memory_;
    mutable std::mutex mutex_;
    std::condition_variable done_;
    std::optional<UsbOutcome> outcome_;
    int num_completions_ = 0;
};

}  // namespace opendext::backends
