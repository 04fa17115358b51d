// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/transfer_engine.h"

#include <algorithm>
#include <deque>
#include <new>
#include <utility>

#include "backends/libusb/libusb_request.h"
#include "backends/libusb/libusb_result.h"
#include "base/log.h"

namespace opendext::backends {
namespace {

/// More are freed rather than kept.
constexpr size_t kMaxFreePieces = 64;

}  // namespace

/// What libusb is given as one transfer, for as long as libusb has it.
struct TransferEngine::Piece {
    LibusbRequest request;
    TransferEngine *engine = nullptr;
    Job *job = nullptr;
    TransferPiece cut;
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
    bool is_starved = false;  // The kernel had no memory.
    bool has_warned = false;
};

TransferEngine::TransferEngine(std::string name, libusb_device_handle *device,
                               LibusbSubmission &submission, Report report)
    : name_(std::move(name)),
      device_(device),
      submission_(submission),
      report_(std::move(report)) {}

TransferEngine::~TransferEngine() = default;

TransferEngine::Queue &TransferEngine::QueueOf(const UsbTransfer &transfer) {
    return queues_[transfer.endpoint.value | uint32_t{transfer.stream} << 8];
}

void TransferEngine::Start(UsbTransfer &transfer) {
    {
        const std::lock_guard lock(mutex_);
        if (!is_removed_) {
            const UsbStatus status = CheckRequest(transfer);
            if (status != UsbStatus::kSuccess) {
                ended_.push_back({.transfer = &transfer, .outcome = {.status = status}});
                submission_.Wake();
            } else {
                Queue &queue = QueueOf(transfer);
                queue.jobs.push_back(std::make_unique<Job>(
                    Job{.transfer = &transfer, .queue = &queue, .cutter = CutterOf(transfer)}));
                PumpAndWake(queue);
            }
            return;
        }
    }
    report_(transfer, {.status = UsbStatus::kRemoved});
}

void TransferEngine::Cancel(UsbTransfer &transfer) {
    const std::lock_guard lock(mutex_);
    Queue &queue = QueueOf(transfer);
    const auto job = std::ranges::find_if(
        queue.jobs, [&](const auto &candidate) { return candidate->transfer == &transfer; });
    if (job == queue.jobs.end()) {
        return;
    }
    Stop(**job, UsbStatus::kAborted);
    FinishIfOver(**job);
    PumpAndWake(queue);
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

void TransferEngine::Pump(Queue &queue) {
    while (!queue.is_starved && queue.next < queue.jobs.size()) {
        Job &job = *queue.jobs[queue.next];
        if (!job.has_more()) {
            ++queue.next;
            continue;
        }
        if (!MaySubmit(queue, job, job.cutter.Peek())) {
            return;
        }
        const int error = SubmitNext(job);
        if (error == LIBUSB_ERROR_NO_MEM && num_under_way_ > 0) {
            queue.is_starved = true;
        } else if (error != 0) {
            Refuse(job, error);
            FinishIfOver(job);
        }
    }
}

void TransferEngine::PumpAndWake(Queue &queue) {
    const bool was_starved = queue.is_starved;
    Pump(queue);
    if (!ended_.empty() || (queue.is_starved && !was_starved)) {
        submission_.Wake();
    }
}

bool TransferEngine::RetryStarved() {
    const std::lock_guard lock(mutex_);
    PumpStarved();
    return std::ranges::any_of(queues_, [](const auto &each) { return each.second.is_starved; });
}

void TransferEngine::PumpStarved() {
    for (auto &[key, queue] : queues_) {
        if (queue.is_starved) {
            queue.is_starved = false;
            Pump(queue);
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

int TransferEngine::SubmitNext(Job &job) {
    const TransferPiece cut = job.cutter.Peek();
    std::unique_ptr<Piece> piece = MakePiece(*job.transfer);
    if (piece == nullptr) {
        return LIBUSB_ERROR_NO_MEM;
    }
    piece->engine = this;
    piece->job = &job;
    piece->cut = cut;
    piece->request.Fill(device_, *job.transfer, cut, &OnPieceDone, piece.get());
    const int error = submission_.Submit(piece->request.get());
    if (error != 0) {
        Recycle(std::move(piece));
        return error;
    }
    job.cutter.Take(cut);
    job.queue->num_bytes_under_way += cut.num_bytes;
    ++num_under_way_;
    job.under_way.push_back(std::move(piece));
    return 0;
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
}

void TransferEngine::OnPieceDone(libusb_transfer *transfer) {
    auto *const piece = static_cast<Piece *>(transfer->user_data);
    piece->engine->PieceDone(piece);
}

void TransferEngine::PieceDone(Piece *done) {
    const std::lock_guard lock(mutex_);
    Job &job = *done->job;
    Queue &queue = *job.queue;
    const auto place = std::ranges::find_if(
        job.under_way, [&](const auto &candidate) { return candidate.get() == done; });
    std::unique_ptr<Piece> piece = std::move(*place);
    job.under_way.erase(place);
    queue.num_bytes_under_way -= piece->cut.num_bytes;
    --num_under_way_;
    Account(job, *piece);
    Recycle(std::move(piece));
    FinishIfOver(job);
    PumpStarved();
    Pump(queue);
}

/// Adds to the job what a piece has moved, and stops the job if that was its end.
void TransferEngine::Account(Job &job, const Piece &piece) {
    const UsbOutcome outcome = piece.request.Finish(*job.transfer, piece.cut);
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
    if (piece->request.num_frames() == 0 && free_pieces_.size() < kMaxFreePieces) {
        free_pieces_.push_back(std::move(piece));
    }
}

}  // namespace opendext::backends
