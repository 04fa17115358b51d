// SPDX-License-Identifier: Apache-2.0
#include "models/litepcie/dma_channel.h"

#include <algorithm>
#include <cstring>

namespace opendext::models::litepcie {

using backends::IovaAddress;

namespace {

constexpr size_t kFifoBytes = 64 << 10;
// What a descriptor without bytes costs the link, so that a loop of them does not run away.
constexpr size_t kLeastLinkBytes = 64;
// How far a late wake-up can be caught up with.
constexpr std::chrono::milliseconds kLongestCatchUp{1};

}  // namespace

DmaChannel::DmaChannel(std::mutex &mutex, backends::DevicePort &port, DmaChannelListener &listener,
                       DmaChannelOptions options)
    : mutex_(mutex),
      port_(port),
      listener_(listener),
      options_(options),
      fifo_(kFifoBytes),
      stream_(kFifoBytes),
      thread_([this] { Run(); }) {}

DmaChannel::~DmaChannel() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    work_.notify_one();
    thread_.join();
}

uint32_t DmaChannel::Read(uint32_t offset) const {
    if (offset < kDmaReader) {
        return ReadDirection(writer_, offset);
    }
    if (offset < kDmaReader + kDirectionBytes) {
        return ReadDirection(reader_, offset - kDmaReader);
    }
    switch (offset) {
        case kDmaLoopbackEnable:
            return loopback_ ? 1 : 0;
        case kDmaReaderFifoControl:
            return reader_.fifo_control;
        case kDmaReaderFifoStatus:
            return static_cast<uint32_t>(fifo_end_ - fifo_begin_);
        case kDmaWriterFifoControl:
            return writer_.fifo_control;
        default:
            return 0;
    }
}

void DmaChannel::Write(uint32_t offset, uint32_t value) {
    if (offset < kDmaReader) {
        WriteDirection(writer_, offset, value);
    } else if (offset < kDmaReader + kDirectionBytes) {
        WriteDirection(reader_, offset - kDmaReader, value);
    } else if (offset == kDmaLoopbackEnable) {
        loopback_ = (value & 1) != 0;
        fifo_begin_ = fifo_end_ = 0;
    } else if (offset == kDmaReaderFifoControl) {
        reader_.fifo_control = value & kFifoControlBits;
    } else if (offset == kDmaWriterFifoControl) {
        writer_.fifo_control = value & kFifoControlBits;
    }
    ++num_writes_;
    work_.notify_one();
}

uint32_t DmaChannel::ReadDirection(const Direction &direction, uint32_t offset) const {
    switch (offset) {
        case kDmaEnable:
            return (direction.is_enabled ? kDmaEnabled : 0) |
                   (direction.is_transferring ? 0 : kDmaIdle);
        case kDmaTableValueHigh:
            return static_cast<uint32_t>(direction.value >> 32);
        case kDmaTableValueLow:
            return static_cast<uint32_t>(direction.value);
        case kDmaTableWe:
            return direction.address_high;
        case kDmaTableLoopProgN:
            return direction.loops ? 1 : 0;
        case kDmaTableLoopStatus:
            return direction.table.LoopStatus();
        case kDmaTableLevel:
            return direction.table.level();
        default:
            return 0;
    }
}

void DmaChannel::WriteDirection(Direction &direction, uint32_t offset, uint32_t value) {
    switch (offset) {
        case kDmaEnable:
            SetEnabled(direction, (value & kDmaEnabled) != 0);
            break;
        case kDmaTableValueHigh:
            direction.value = (direction.value & 0xFFFFFFFF) | uint64_t{value} << 32;
            break;
        case kDmaTableValueLow:
            direction.value = (direction.value & ~0xFFFFFFFFULL) | value;
            break;
        case kDmaTableWe:
            direction.address_high = value;
            PushDescriptor(direction);
            break;
        case kDmaTableLoopProgN:
            direction.loops = (value & 1) != 0;
            break;
        case kDmaTableReset:
            if ((value & 1) != 0) {
                direction.table.Reset();
                direction.num_done = 0;
                ++direction.generation;
            }
            break;
        default:
            break;
    }
}

void DmaChannel::SetEnabled(Direction &direction, bool enabled) {
    if (direction.is_enabled && !enabled) {
        Abandon(direction);
    }
    direction.is_enabled = enabled;
}

// The stream is dropped, and the descriptor at the front will start from its beginning.
void DmaChannel::Abandon(Direction &direction) {
    direction.is_stalled = false;
    direction.num_done = 0;
    ++direction.generation;
    fifo_begin_ = fifo_end_ = 0;
    if (&direction == &writer_) {
        stream_word_ = 0;
    }
}

void DmaChannel::PushDescriptor(Direction &direction) {
    if (direction.loops) {
        return;  // in loop mode the table takes only what it hands out
    }
    const auto high = static_cast<uint32_t>(direction.value >> 32);
    const uint64_t address_high = options_.has_64bit_addresses ? direction.address_high : 0;
    direction.table.Push(
        {.host_address =
             address_high << 32 | (static_cast<uint32_t>(direction.value) & kDescriptorAddressBits),
         .num_bytes = high & kDescriptorLengthBits,
         .interrupt_when_done = (high & kDescriptorIrqDisable) == 0});
}

void DmaChannel::Reset(std::unique_lock<std::mutex> &lock) {
    do {
        SetEnabled(reader_, false);
        SetEnabled(writer_, false);
        idle_.wait(lock, [this] { return !reader_.is_transferring && !writer_.is_transferring; });
    } while (reader_.is_enabled || writer_.is_enabled);
    for (Direction *direction : {&reader_, &writer_}) {
        const uint64_t generation = direction->generation + 1;
        *direction = {};
        direction->generation = generation;
    }
    loopback_ = false;
    fifo_begin_ = fifo_end_ = 0;
    stream_word_ = 0;
}

void DmaChannel::Run() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
        // One time for all, so that whoever is too early for its step is waited for.
        const Clock::time_point now = Clock::now();
        const bool reader_moved = StepReader(lock, now);
        const bool writer_moved = StepWriter(lock, now);
        if (!reader_moved && !writer_moved && !ending_) {
            WaitForWork(lock, now);
        }
    }
}

bool DmaChannel::HasWork(const Direction &direction) const {
    return direction.is_enabled && !direction.is_stalled && !direction.table.IsEmpty() && !ending_;
}

bool DmaChannel::StepReader(std::unique_lock<std::mutex> &lock, Clock::time_point now) {
    if (!HasWork(reader_) || now < reader_.ready_at) {
        return false;
    }
    const Descriptor descriptor = reader_.table.Front();
    const bool loops_back = LoopsBack();
    const size_t fifo_end = fifo_end_;
    const std::span room = loops_back ? std::span(fifo_).subspan(fifo_end) : std::span(stream_);
    const size_t num_bytes = std::min<size_t>(descriptor.num_bytes - reader_.num_done, room.size());
    if (num_bytes == 0 && descriptor.num_bytes != 0) {
        return false;  // the writer has to make room first
    }
    const uint64_t generation = reader_.generation;
    const uint64_t writer_generation = writer_.generation;
    const IovaAddress from{descriptor.host_address + reader_.num_done};
    reader_.is_transferring = true;
    lock.unlock();
    const bool answered = num_bytes == 0 || port_.DmaRead(from, room.first(num_bytes)).has_value();
    lock.lock();
    reader_.is_transferring = false;
    idle_.notify_all();
    if (generation != reader_.generation) {
        return true;
    }
    if (!answered) {
        reader_.is_stalled = true;  // the core waits for a completion that does not come
        return true;
    }
    // Lost when the loop was opened meanwhile, even if it is closed again.
    if (loops_back && LoopsBack() && writer_generation == writer_.generation &&
        fifo_end_ == fifo_end) {
        fifo_end_ += num_bytes;
    }
    FinishTransfer(reader_, num_bytes, ReaderInterrupt(options_.number));
    return true;
}

bool DmaChannel::StepWriter(std::unique_lock<std::mutex> &lock, Clock::time_point now) {
    if (!HasWork(writer_) || now < writer_.ready_at) {
        return false;
    }
    const Descriptor descriptor = writer_.table.Front();
    const std::span data = StreamData(descriptor.num_bytes - writer_.num_done);
    if (data.empty() && descriptor.num_bytes != 0) {
        return false;  // the reader has to bring something first
    }
    const bool from_fifo = loopback_;
    const uint64_t generation = writer_.generation;
    const IovaAddress to{descriptor.host_address + writer_.num_done};
    writer_.is_transferring = true;
    lock.unlock();
    if (!data.empty()) {
        // Writes are posted: one that is refused is in the log, and the core does not learn of it.
        (void)port_.DmaWrite(to, data);
    }
    lock.lock();
    writer_.is_transferring = false;
    idle_.notify_all();
    if (generation != writer_.generation) {
        return true;
    }
    // The FIFO may have been emptied meanwhile, by a reader that was switched off.
    if (from_fifo && fifo_end_ != 0) {
        fifo_begin_ += data.size();
        if (fifo_begin_ == fifo_end_) {
            fifo_begin_ = fifo_end_ = 0;
        }
    }
    FinishTransfer(writer_, data.size(), WriterInterrupt(options_.number));
    return true;
}

std::span<std::byte> DmaChannel::StreamData(size_t num_bytes) {
    if (loopback_) {
        return std::span(fifo_).subspan(fifo_begin_, std::min(num_bytes, fifo_end_ - fifo_begin_));
    }
    const std::span data = std::span(stream_).first(std::min(num_bytes, stream_.size()));
    for (size_t at = 0; at + sizeof(uint32_t) <= data.size(); at += sizeof(uint32_t)) {
        std::memcpy(&data[at], &stream_word_, sizeof(stream_word_));
        ++stream_word_;
    }
    return data;
}

void DmaChannel::FinishTransfer(Direction &direction, size_t num_bytes, uint32_t interrupt) {
    if (options_.bytes_per_second != 0) {
        const auto cost = std::chrono::nanoseconds(std::max(num_bytes, kLeastLinkBytes) *
                                                   1'000'000'000 / options_.bytes_per_second);
        direction.ready_at = std::max(direction.ready_at, Clock::now() - kLongestCatchUp) + cost;
    }
    direction.num_done += static_cast<uint32_t>(num_bytes);
    const Descriptor descriptor = direction.table.Front();
    if (direction.num_done < descriptor.num_bytes) {
        return;
    }
    direction.num_done = 0;
    direction.table.Consume(direction.loops);
    if (descriptor.interrupt_when_done) {
        listener_.OnDmaInterrupt(interrupt);
    }
}

void DmaChannel::WaitForWork(std::unique_lock<std::mutex> &lock, Clock::time_point now) {
    const uint64_t seen = num_writes_;
    const auto is_called = [&] { return ending_ || num_writes_ != seen; };
    if (const auto ready_at = NextReady(now)) {
        work_.wait_until(lock, *ready_at, is_called);
    } else {
        work_.wait(lock, is_called);
    }
}

std::optional<DmaChannel::Clock::time_point> DmaChannel::NextReady(Clock::time_point now) const {
    std::optional<Clock::time_point> next;
    for (const Direction *direction : {&reader_, &writer_}) {
        // One that is due already waits for its neighbour.
        if (HasWork(*direction) && direction->ready_at > now) {
            next = std::min(next.value_or(direction->ready_at), direction->ready_at);
        }
    }
    return next;
}

}  // namespace opendext::models::litepcie
