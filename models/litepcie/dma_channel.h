// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "backends/emulated/device_model.h"
#include "models/litepcie/descriptor_table.h"

namespace opendext::models::litepcie {

/// Told of the interrupts of a channel. Called on the channel's thread with the model's mutex held.
class DmaChannelListener {
public:
    virtual ~DmaChannelListener() = default;
    /// `bit`: as the MSI block has it.
    virtual void OnDmaInterrupt(uint32_t bit) = 0;
};

struct DmaChannelOptions {
    uint32_t number = 0;  ///< Below kMaxChannels.
    bool has_64bit_addresses = false;
    uint64_t bytes_per_second = 0;  ///< Of each direction; 0: as fast as memory goes.
};

/// One DMA channel: the reader moves host memory into a stream, the writer a stream into host memory, each as its
/// table of descriptors says, on a thread of the channel. With loopback the reader's stream is the writer's;
/// without, the reader's is used up and the writer's counts 32-bit words.
///
/// All methods are called with the model's mutex held; transfers run without it.
class DmaChannel {
public:
    /// Borrows all of it. `mutex` is the model's. The thread starts here.
    DmaChannel(std::mutex &mutex, backends::DevicePort &port, DmaChannelListener &listener,
               DmaChannelOptions options);

    /// Ends the thread, after the transfer it is at. Called without the mutex.
    ~DmaChannel();
    DmaChannel(const DmaChannel &) = delete;
    DmaChannel &operator=(const DmaChannel &) = delete;

    /// A register of the channel's block, by its offset there.
    [[nodiscard]] uint32_t Read(uint32_t offset) const;
    void Write(uint32_t offset, uint32_t value);

    /// Returns every register to its initial value and waits until no transfer is under way. `lock` holds the mutex.
    void Reset(std::unique_lock<std::mutex> &lock);

private:
    using Clock = std::chrono::steady_clock;

    // Reader or writer.
    struct Direction {
        DescriptorTable table;
        uint64_t value = 0;  // of the next descriptor
        uint32_t address_high = 0;
        bool is_enabled = false;
        bool loops = false;
        bool is_stalled = false;  // reader: host memory did not answer
        bool is_transferring = false;
        uint32_t num_done = 0;  // bytes of the descriptor at the front
        uint32_t fifo_control = kFifoDepthAfterReset;
        uint64_t generation = 0;     // changes when what is under way does not count any more
        Clock::time_point ready_at;  // the link is busy until then
    };

    [[nodiscard]] uint32_t ReadDirection(const Direction &direction, uint32_t offset) const;
    void WriteDirection(Direction &direction, uint32_t offset, uint32_t value);
    void SetEnabled(Direction &direction, bool enabled);
    void PushDescriptor(Direction &direction);
    void Abandon(Direction &direction);

    void Run();
    [[nodiscard]] bool StepReader(std::unique_lock<std::mutex> &lock, Clock::time_point now);
    [[nodiscard]] bool StepWriter(std::unique_lock<std::mutex> &lock, Clock::time_point now);
    [[nodiscard]] bool HasWork(const Direction &direction) const;
    [[nodiscard]] std::span<std::byte> StreamData(size_t num_bytes);
    void FinishTransfer(Direction &direction, size_t num_bytes, uint32_t interrupt);
    void WaitForWork(std::unique_lock<std::mutex> &lock, Clock::time_point now);
    [[nodiscard]] std::optional<Clock::time_point> NextReady(Clock::time_point now) const;
    [[nodiscard]] bool LoopsBack() const { return loopback_ && writer_.is_enabled; }

    std::mutex &mutex_;
    backends::DevicePort &port_;
    DmaChannelListener &listener_;
    const DmaChannelOptions options_;

    // All guarded by mutex_, except the bytes of the buffers, which only the thread touches.
    std::condition_variable work_;  // a register was written, or the end
    std::condition_variable idle_;  // a transfer has ended
    Direction reader_;
    Direction writer_;
    bool loopback_ = false;
    std::vector<std::byte> fifo_;  // between reader and writer, from fifo_begin_ to fifo_end_
    size_t fifo_begin_ = 0;
    size_t fifo_end_ = 0;
    std::vector<std::byte> stream_;  // of a design that is not there
    uint32_t stream_word_ = 0;
    uint64_t num_writes_ = 0;  // of registers
    bool ending_ = false;

    std::thread thread_;
};

}  // namespace opendext::models::litepcie
