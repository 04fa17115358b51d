// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <libusb.h>

#include "backends/api/usb_transfer.h"
#include "backends/libusb/device_memory.h"
#include "backends/libusb/transfer_pieces.h"

namespace opendext::backends {

/// The calls of libusb that a TransferEngine lives on. Thread-safe. Submit is called without the engine's lock, so that
/// what ends meanwhile is reported meanwhile; the others with it.
class LibusbSubmission : public DeviceMemorySource {
public:
    virtual int Submit(libusb_transfer *transfer) = 0;
    virtual int Cancel(libusb_transfer *transfer) = 0;
    /// The thread that handles libusb's events returns from there, and calls ReportEnded.
    virtual void Wake() = 0;
};

/// Carries out transfers of one opened device by libusb's asynchronous API: cuts them into pieces that the kernel
/// takes, keeps each endpoint's order, and knows when a transfer has ended. Pieces of an IN transfer go one after the
/// other, since a short packet ends the whole and what follows belongs to the next transfer; all else is under way
/// together, up to kMaxBytesUnderWay for an endpoint, and less when the kernel has no memory for more. The data of bulk
/// transfers lies in DeviceMemory meanwhile, as far as there is some.
///
/// Start and Cancel: any thread, also within `report`. Transfers are reported on the thread that handles libusb's events,
/// in the order in which they ended: within libusb's callback, so that the next one is on its way before libusb comes to
/// what else has ended; those that end without libusb, by ReportEnded. No lock of the engine is held meanwhile.
class TransferEngine {
public:
    /// Called once for each transfer that was started.
    using Report = std::function<void(UsbTransfer &transfer, const UsbOutcome &outcome)>;

    static constexpr uint64_t kMaxBytesUnderWay = 4UL * 1024 * 1024;
    /// How long a transfer waits for memory of the kernel's that others have, before it is refused: other processes give
    /// back in this time what they do not use.
    static constexpr std::chrono::milliseconds kMemoryPatience{2 * DeviceMemory::kKept};

    /// `name` begins log lines. `device` and `submission` outlive the engine.
    TransferEngine(std::string name, libusb_device_handle *device, LibusbSubmission &submission,
                   Report report, std::chrono::milliseconds memory_patience = kMemoryPatience);
    /// Only when IsIdle().
    ~TransferEngine();
    TransferEngine(const TransferEngine &) = delete;
    TransferEngine &operator=(const TransferEngine &) = delete;

    void Start(UsbTransfer &transfer);
    /// A transfer that is not here (any more) is ignored.
    void Cancel(UsbTransfer &transfer);
    void CancelAll();

    /// The device is gone: whatever waits ends with kRemoved, as does all that is started later, which is reported
    /// within Start. What is under way is ended by libusb.
    void Remove();

    /// Reports what has ended.
    void ReportEnded();

    /// Asks the kernel again for what it had no memory for: others may have given some back. The thread that handles
    /// libusb's events calls it when it returns from there.
    /// @return whether it is to be called again after a while, whatever happens.
    [[nodiscard]] bool RetryStarved();

    /// Gives memory of the kernel's back that nobody has used for a while. On the same thread.
    /// @return whether it is to be called again after DeviceMemory::kKept.
    [[nodiscard]] bool TrimMemory();

    /// Nothing waits, nothing is under way, and nothing is to be reported.
    [[nodiscard]] bool IsIdle();

private:
    struct Queue;
    struct Job;
    struct Piece;
    struct Ended {
        UsbTransfer *transfer;
        UsbOutcome outcome;
    };

    static void LIBUSB_CALL OnPieceDone(libusb_transfer *transfer);
    void PieceDone(Piece *done);
    void Account(Job &job, const Piece &piece, const UsbOutcome &outcome);

    [[nodiscard]] Queue &QueueOf(const UsbTransfer &transfer);
    /// Submits what may be submitted; `queue` may have lost jobs afterwards. Gives up the lock meanwhile. One thread at
    /// a time for each queue: another one leaves it to the first.
    void Pump(std::unique_lock<std::mutex> &lock, Queue &queue);
    /// As Pump, on any thread: that of the events learns of what it has to do.
    void PumpAndWake(std::unique_lock<std::mutex> &lock, Queue &queue);
    void PumpStarved(std::unique_lock<std::mutex> &lock);
    [[nodiscard]] static Job *NextToSubmit(Queue &queue);
    [[nodiscard]] static bool MaySubmit(const Queue &queue, const Job &job,
                                        const TransferPiece &next);
    /// `job` may be gone afterwards.
    void SubmitNext(std::unique_lock<std::mutex> &lock, Job &job);
    void Add(std::unique_ptr<Piece> piece);
    [[nodiscard]] std::unique_ptr<Piece> Remove(Piece &piece);
    [[nodiscard]] std::unique_ptr<Piece> MakePiece(const UsbTransfer &transfer);
    void Recycle(std::unique_ptr<Piece> piece);
    /// Whether the kernel has had no memory for the queue's next piece for so long that it is refused.
    [[nodiscard]] bool HasWaitedEnough(Queue &queue) const;
    /// Has the job wait for memory, or refuses it. `num_ended` as when it was asked for.
    void NotSubmitted(Job &job, int error, uint64_t num_ended);
    void Refuse(Job &job, int error);

    /// Nothing more of the job is submitted, and what is under way is called back.
    void Stop(Job &job, UsbStatus status);
    void CallBack(Job &job);
    void StopAll(UsbStatus status);
    /// Ends the job if nothing of it is left to do; it is gone then.
    void FinishIfOver(Job &job);

    const std::string name_;
    libusb_device_handle *const device_;
    LibusbSubmission &submission_;
    const Report report_;
    const std::chrono::milliseconds memory_patience_;

    std::mutex mutex_;
    // All of the following is guarded by mutex_.
    std::map<uint32_t, Queue> queues_;  // By endpoint and stream.
    std::vector<Ended> ended_;
    std::vector<std::unique_ptr<Piece>> free_pieces_;
    DeviceMemory memory_;
    uint64_t num_under_way_ = 0;
    uint64_t num_ended_ = 0;  // Pieces that libusb has given back.
    bool is_removed_ = false;
};

}  // namespace opendext::backends
