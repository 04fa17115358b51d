// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

#include "backends/emulated/device_model.h"
#include "models/fpga_dma/registers.h"

namespace opendext::models::fpga_dma {

/// Why and where a list ended early; `code` is kErrorNone when it did not.
struct ListError {
    uint32_t code = kErrorNone;
    uint32_t descriptor_index = 0;
    uint64_t host_address = 0;  ///< The address refused: of the descriptor itself, or of its data.
    uint64_t card_address = 0;
};

/// Told how a list gets on. Called on the engine's thread with the model's mutex held.
class DmaEngineListener {
public:
    virtual ~DmaEngineListener() = default;
    virtual void OnDescriptorDone(const Descriptor &descriptor) = 0;
    virtual void OnListEnded(const ListError &error) = 0;
};

/// Moves bytes between host memory and the card's RAM as descriptor lists say, one list at a time, on a
/// thread of its own. All methods are called with the model's mutex held; transfers run without it.
class DmaEngine {
public:
    /// Borrows all of it. `mutex` is the model's. The thread starts here.
    DmaEngine(std::mutex &mutex, backends::DevicePort &port, std::span<std::byte> ram,
              DmaEngineListener &listener);

    /// Ends the thread, after the descriptor it is at. Called without the mutex.
    ~DmaEngine();
    DmaEngine(const DmaEngine &) = delete;
    DmaEngine &operator=(const DmaEngine &) = delete;

    [[nodiscard]] bool IsBusy() const { return is_busy_; }

    /// Starts on `count` descriptors (1..kMaxDescriptors) at `list`. Precondition: not busy.
    void Start(backends::IovaAddress list, uint32_t count);

    /// Ends the list with kErrorDisabled after the descriptor it is at. Does not wait.
    void Stop() { stop_requested_ = true; }

    /// Drops the list after the descriptor it is at, without a word to the listener, and waits for that.
    /// `lock` holds the mutex.
    void Abort(std::unique_lock<std::mutex> &lock);

private:
    struct List {
        backends::IovaAddress base;
        uint32_t count;
    };

    void Run();
    void RunList(std::unique_lock<std::mutex> &lock, const List &list);
    [[nodiscard]] ListError Execute(const List &list, uint32_t index, Descriptor &descriptor);

    std::mutex &mutex_;
    backends::DevicePort &port_;
    const std::span<std::byte> ram_;
    DmaEngineListener &listener_;

    // All guarded by mutex_.
    std::condition_variable work_;  // a list has come, or the end
    std::condition_variable idle_;  // is_busy_ became false
    std::optional<List> next_;
    bool is_busy_ = false;
    bool stop_requested_ = false;
    bool abort_requested_ = false;
    bool ending_ = false;

    std::thread thread_;
};

}  // namespace opendext::models::fpga_dma
