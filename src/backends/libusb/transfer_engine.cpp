// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/transfer_engine.h"

#include <algorithm>
#include <deque>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include "backends/libusb/libusb_request.h"
#include "backends/libusb/libusb_result.h"
#include "base/log.h"

namespace opendext::backends {
namespace {

using Clock = std::chrono::steady_clock;

/// More are freed rather than kept.
constexpr size_t kMaxFreePieces = 64;

}  // namespace

/// What libusb is given as one transfer, for as long as libusb has it.
struct TransferEngine::Piece {
    LibusbRequest request;
    TransferEngine *engine = nullptr;
    Job *job = nullptr;
    TransferPiece cut;
    std::span<std::byte> room;  // Of the engine's memory_; may be empty.
};

/// A UsbTransfer, from Start to its end.
struct TransferEngine::Job {
    UsbTransfer *transfer;
    Queue *queue;
    PieceCutter cutter;
    std::vector<std::unique_ptr<Piece>> under_way;
    uint64_t num_done = 0;
    bool is_stopped = false;
    UsbStatus status = UsbStatus::kSuccess;

    [[nodiscard]] bool has_more() const { return !is_stopped && !cutter.is_done(); }
};

/// The transfers of one endpoint or stream, in order.
struct TransferEngine::Queue {
    std::deque<std::unique_ptr<Job>> jobs;
    size_t next = 0;  // The first job that may have more to submit.
    uint64_t num_bytes_under_way = 0;
    bool is_starved = false;                         // The kernel had no memory.
    std::optional<Clock::time_point> starved_since;  // Until something is submitted.
    bool is_pumped = false;                          // A thread is in Pump.
    const Piece *submitted = nullptr;  // It is submitting this one, and it has not come back.
    bool has_warned = false;
};

TransferEngine::TransferEngine(std::string name, libusb_device_handle *device,
                               LibusbSubmission &submission, Report report,
                               std::chrono::milliseconds memory_patience)
    : name_(std::move(name)),
      device_(device),
      submission_(submission),
      report_(std::move(report)),
      memory_patience_(memory_patience),
      memory_(submission) {}

TransferEngine::~TransferEngine() = default;

TransferEngine::Queue &TransferEngine::QueueOf(const UsbTransfer &transfer) {
    return queues_[transfer.endpoint.value | uint32_t{transfer.stream} << 8];
}

void TransferEngine::Start(UsbTransfer &transfer) {
    {
        std::unique_lock lock(mutex_);
        if (!is_removed_) {
            const UsbStatus status = CheckRequest(transfer);
            if (status != UsbStatus::kSuccess) {
                ended_.push_back({.transfer = &transfer, .outcome = {.status = status}});
                submission_.Wake();
            } else {
                Queue &queue = QueueOf(transfer);
                queue.jobs.push_back(std::make_unique<Job>(
                    Job{.transfer = &transfer, .queue = &queue, .cutter = CutterOf(transfer)}));
                PumpAndWake(lock, queue);
            }
            return;
        }
    }
    report_(transfer, {.status = UsbStatus::kRemoved});
}

void TransferEngine::Cancel(UsbTransfer &transfer) {
    std::unique_lock lock(mutex_);
    Queue &queue = QueueOf(transfer);
    const auto job = std::ranges::find_if(
        queue.jobs, [&](const auto &candidate) { return candidate->transfer == &transfer; });
    if (job == queue.jobs.end()) {
        return;
    }
    Stop(**job, UsbStatus::kAborted);
    FinishIfOver(**job);
    PumpAndWake(lock, queue);
}

void TransferEngine::CancelAll() {
    const std::lock_guard lock(mutex_);
    StopAll(UsbStatus::kAborted);
}

void TransferEngine::Remove() {
    const std::lock_guard lock(mutex_);
    is_removed_ = true;
    StopAll(UsbStatus::kRemoved);
}

void TransferEngine::ReportEnded() {
    std::unique_lock lock(mutex_);
    while (!ended_.empty()) {
        std::vector<Ended> ended;
        ended.swap(ended_);
        lock.unlock();
        for (const Ended &each : ended) {
            report_(*each.transfer, each.outcome);
        }
        lock.lock();
    }
}

bool TransferEngine::IsIdle() {
    const std::lock_guard lock(mutex_);
    return ended_.empty() &&
           std::ranges::all_of(queues_, [](const auto &each) { return each.second.jobs.empty(); });
}

void TransferEngine::Pump(std::unique_lock<std::mutex> &lock, Queue &queue) {
    if (queue.is_pumped) {
        return;
    }
    queue.is_pumped = true;
    while (Job *job = NextToSubmit(queue)) {
        SubmitNext(lock, *job);
    }
    queue.is_pumped = false;
}

TransferEngine::Job *TransferEngine::NextToSubmit(Queue &queue) {
    while (!queue.is_starved && queue.next < queue.jobs.size()) {
        Job &job = *queue.jobs[queue.next];
        if (job.has_more()) {
            return MaySubmit(queue, job, job.cutter.Peek()) ? &job : nullptr;
        }
        ++queue.next;
    }
    return nullptr;
}

void TransferEngine::PumpAndWake(std::unique_lock<std::mutex> &lock, Queue &queue) {
    const bool was_starved = queue.is_starved;
    Pump(lock, queue);
    if (!ended_.empty() || (queue.is_starved && !was_starved)) {
        submission_.Wake();
    }
}

bool TransferEngine::RetryStarved() {
    std::unique_lock lock(mutex_);
    PumpStarved(lock);
    return std::ranges::any_of(queues_, [](const auto &each) { return each.second.is_starved; });
}

bool TransferEngine::TrimMemory() {
    const std::lock_guard lock(mutex_);
    return memory_.TrimUnused();
}

void TransferEngine::PumpStarved(std::unique_lock<std::mutex> &lock) {
    for (auto &[key, queue] : queues_) {
        if (queue.is_starved) {
            queue.is_starved = false;
            Pump(lock, queue);
        }
    }
}

bool TransferEngine::MaySubmit(const Queue &queue, const Job &job, const TransferPiece &next) {
    if (IsIn(*job.transfer) && !job.under_way.empty()) {
        return false;
    }
    return queue.num_bytes_under_way == 0 ||
           queue.num_bytes_under_way + next.num_bytes <= kMaxBytesUnderWay;
}

void TransferEngine::SubmitNext(std::unique_lock<std::mutex> &lock, Job &job) {
    const uint64_t num_ended = num_ended_;
    std::unique_ptr<Piece> made = MakePiece(*job.transfer);
    if (made == nullptr) {
        return NotSubmitted(job, LIBUSB_ERROR_NO_MEM, num_ended);
    }
    Piece &piece = *made;
    Queue &queue = *job.queue;
    const PieceCutter before = job.cutter;
    piece.engine = this;
    piece.job = &job;
    piece.cut = job.cutter.Peek();
    if (job.transfer->type == UsbTransferType::kBulk) {
        piece.room = memory_.Take(piece.cut.num_bytes);
    }
    piece.request.Fill(device_, *job.transfer, piece.cut, piece.room, &OnPieceDone, &piece);
    Add(std::move(made));
    queue.submitted = &piece;
    lock.unlock();
    piece.request.Load(*job.transfer, piece.cut);
    lock.lock();
    if (job.is_stopped) {
        queue.submitted = nullptr;
        job.cutter = before;
        Recycle(Remove(piece));
        CallBack(job);
        return FinishIfOver(job);
    }
    lock.unlock();
    const int error = submission_.Submit(piece.request.get());
    lock.lock();
    const bool has_come_back = queue.submitted != &piece;
    queue.submitted = nullptr;
    if (has_come_back) {
        return;  // It is gone, and perhaps the job, too.
    }
    if (error != 0) {
        job.cutter = before;
        Recycle(Remove(piece));
    }
    if (job.is_stopped) {
        CallBack(job);
        FinishIfOver(job);
    } else if (error != 0) {
        NotSubmitted(job, error, num_ended);
    } else {
        queue.starved_since.reset();
    }
}

/// To what is under way.
void TransferEngine::Add(std::unique_ptr<Piece> piece) {
    Job &job = *piece->job;
    job.cutter.Take(piece->cut);
    job.queue->num_bytes_under_way += piece->cut.num_bytes;
    ++num_under_way_;
    job.under_way.push_back(std::move(piece));
}

std::unique_ptr<TransferEngine::Piece> TransferEngine::Remove(Piece &piece) {
    Job &job = *piece.job;
    const auto place = std::ranges::find_if(
        job.under_way, [&](const auto &candidate) { return candidate.get() == &piece; });
    std::unique_ptr<Piece> removed = std::move(*place);
    job.under_way.erase(place);
    job.queue->num_bytes_under_way -= piece.cut.num_bytes;
    --num_under_way_;
    return removed;
}

void TransferEngine::NotSubmitted(Job &job, int error, uint64_t num_ended) {
    if (error == LIBUSB_ERROR_NO_MEM && memory_.MakeRoom()) {
        return;  // It is asked for again.
    }
    if (error == LIBUSB_ERROR_NO_MEM &&
        (num_under_way_ > 0 || (num_ended == num_ended_ && !HasWaitedEnough(*job.queue)))) {
        job.queue->is_starved = true;
    } else if (error != LIBUSB_ERROR_NO_MEM || num_ended == num_ended_) {
        Refuse(job, error);
        FinishIfOver(job);
    }  // Else what had the memory has ended meanwhile: it is asked for again.
}

bool TransferEngine::HasWaitedEnough(Queue &queue) const {
    const Clock::time_point now = Clock::now();
    if (!queue.starved_since) {
        queue.starved_since = now;
    }
    return now - *queue.starved_since >= memory_patience_;
}

void TransferEngine::Refuse(Job &job, int error) {
    const UsbStatus status = StatusOfRefusal(error);
    if (error != LIBUSB_ERROR_NO_DEVICE) {
        LogWarning(
            "{}: endpoint 0x{:02x}: a transfer of {} bytes was refused: {}{}", name_,
            job.transfer->endpoint.value, job.transfer->num_bytes(), libusb_error_name(error),
            error == LIBUSB_ERROR_NO_MEM
                ? "; /sys/module/usbcore/parameters/usbfs_memory_mb limits the kernel's memory"
                : "");
    }
    Stop(job, status);
}

void TransferEngine::Stop(Job &job, UsbStatus status) {
    if (job.is_stopped) {
        return;
    }
    job.is_stopped = true;
    job.status = status;
    const Piece *const submitted = job.queue->submitted;
    if (submitted == nullptr || submitted->job != &job) {
        CallBack(job);
    }  // Else who submits it does, when libusb knows it.
}

void TransferEngine::CallBack(Job &job) {
    // The last first: else the device could get it without what comes before.
    for (size_t i = job.under_way.size(); i-- > 0;) {
        // One that is over already comes back by itself.
        [[maybe_unused]] const int error = submission_.Cancel(job.under_way[i]->request.get());
    }
}

void TransferEngine::StopAll(UsbStatus status) {
    for (auto &[key, queue] : queues_) {
        for (size_t i = queue.jobs.size(); i-- > 0;) {
            Stop(*queue.jobs[i], status);
            FinishIfOver(*queue.jobs[i]);
        }
    }
    submission_.Wake();
}

void TransferEngine::FinishIfOver(Job &job) {
    if (job.has_more() || !job.under_way.empty()) {
        return;
    }
    ended_.push_back(
        {.transfer = job.transfer, .outcome = {.status = job.status, .num_bytes = job.num_done}});
    Queue &queue = *job.queue;
    const auto place =
        std::ranges::find_if(queue.jobs, [&](const auto &each) { return each.get() == &job; });
    if (static_cast<size_t>(place - queue.jobs.begin()) < queue.next) {
        --queue.next;
    }
    queue.jobs.erase(place);
    if (queue.jobs.empty()) {
        queue.starved_since.reset();
    }
}

void TransferEngine::OnPieceDone(libusb_transfer *transfer) {
    auto *const piece = static_cast<Piece *>(transfer->user_data);
    piece->engine->PieceDone(piece);
}

void TransferEngine::PieceDone(Piece *done) {
    // Its job and the transfer stay until it is removed.
    const UsbOutcome outcome = done->request.Finish(*done->job->transfer, done->cut);
    {
        std::unique_lock lock(mutex_);
        Job &job = *done->job;
        Queue &queue = *job.queue;
        std::unique_ptr<Piece> piece = Remove(*done);
        ++num_ended_;
        Account(job, *piece, outcome);
        Recycle(std::move(piece));
        if (queue.submitted == done) {
            queue.submitted = nullptr;
            if (job.is_stopped) {
                CallBack(job);
            }
        }
        FinishIfOver(job);
        PumpStarved(lock);
        Pump(lock, queue);
    }
    ReportEnded();
}

/// Adds to the job what a piece has moved, and stops the job if that was its end.
void TransferEngine::Account(Job &job, const Piece &piece, const UsbOutcome &outcome) {
    const bool is_last = job.cutter.is_done() && job.under_way.empty();
    if (job.is_stopped) {
        // After an error, later pieces do not count. One that was called back counts, and may be complete.
        if (job.status == UsbStatus::kAborted || job.status == UsbStatus::kRemoved) {
            job.num_done += outcome.num_bytes;
            if (is_last && outcome.status == UsbStatus::kSuccess) {
                job.status = UsbStatus::kSuccess;
            }
        }
        return;
    }
    job.num_done += outcome.num_bytes;
    if (outcome.status == UsbStatus::kNotResponding && !job.queue->has_warned) {
        job.queue->has_warned = true;
        LogWarning("{}: endpoint 0x{:02x}: the device does not answer, or the bus has errors",
                   name_, job.transfer->endpoint.value);
    }
    if (outcome.status != UsbStatus::kSuccess || outcome.num_bytes < piece.cut.num_bytes) {
        Stop(job, outcome.status);
    }
}

std::unique_ptr<TransferEngine::Piece> TransferEngine::MakePiece(const UsbTransfer &transfer) {
    if (transfer.type != UsbTransferType::kIsochronous && !free_pieces_.empty()) {
        std::unique_ptr<Piece> piece = std::move(free_pieces_.back());
        free_pieces_.pop_back();
        return piece;
    }
    auto piece = std::make_unique<Piece>();
    return piece->request.Allocate(transfer.frames.size()) ? std::move(piece) : nullptr;
}

void TransferEngine::Recycle(std::unique_ptr<Piece> piece) {
    memory_.GiveBack(std::exchange(piece->room, {}));
    if (piece->request.num_frames() == 0 && free_pieces_.size() < kMaxFreePieces) {
        free_pieces_.push_back(std::move(piece));
    }
}

}  // namespace opendext::backends
