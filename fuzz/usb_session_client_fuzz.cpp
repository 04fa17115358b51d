// SPDX-License-Identifier: Apache-2.0
// A device's process that means harm, against a RemoteUsbBackend: the input says what it tells of the device, which
// completions it writes, where, and with which data. Whatever it does, each transfer ends once, with no more bytes than
// it has, each call returns, and nothing is left behind (AddressSanitizer looks at the buffers).
//
// Input: what the driver does, eight bytes, the welcome, then commands, a byte each with what it needs behind it; see
// Device::Act.
#include <sys/mman.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "backends/remote/remote_usb_backend.h"
#include "backends/remote/testing/raw_session_peers.h"
#include "backends/usb/scripted_usb_wire.h"
#include "fuzz/session_input.h"

namespace {

using namespace opendext::backends;
using namespace opendext::backends::remote;
using opendext::SharedRegion;
using opendext::UniqueFd;
using opendext::fuzz::LogNothing;
using opendext::fuzz::NumOpenFiles;
using opendext::fuzz::Require;
using opendext::fuzz::SessionInput;

class Device {
public:
    Device(UniqueFd socket, SessionInput input) : server_(std::move(socket)), input_(input) {}

    void Run() {
        if (!server_.TakeHello() || !Greet()) {
            return server_.HangUp();
        }
        for (int i = 0; i < 200 && !input_.IsEmpty() && server_.Drain(); ++i) {
            Act();
        }
        server_.HangUp();
    }

private:
    bool Greet() {
        auto descriptors = PackDescriptors(TestUsbDescriptors()).value();
        SessionWelcome welcome = RawSessionServer::Welcome(descriptors);
        const uint8_t choice = input_.Take();
        int fd = descriptors.region->ExportFd();
        std::byte *const bytes = descriptors.region->Writable();
        switch (choice % 8) {
            case 1:
                welcome = input_.Take<SessionWelcome>();
                break;
            case 2:
                welcome.descriptor_bytes = input_.TakeNumber();
                welcome.num_configurations = static_cast<uint32_t>(input_.TakeNumber());
                break;
            case 3:
                for (int i = choice >> 3; i >= 0; --i) {
                    bytes[input_.TakeNumber() % descriptors.num_bytes] = std::byte{input_.Take()};
                }
                break;
            case 4:
                fd = -1;
                break;
            case 5:
                welcome.is_present = 0;
                break;
            case 6:
                return server_.Wake();
            default:
                break;
        }
        return server_.Send(welcome, fd);
    }

    void Act() {
        switch (input_.Take() % 12) {
            case 0:
                (void)TakeEntry();
                return;
            case 1:  // as it should be, but for the number of bytes
                (void)TakeEntry();
                return Complete(0, input_.TakeNumber());
            case 2:
                return Complete(input_.Take(), input_.TakeNumber());
            case 3:
                return server_.Push(input_.Take<CompletionEntry>());
            case 4: {
                CompletionEntry entry = Completion(input_.Take(), input_.TakeNumber());
                entry.sequence = static_cast<uint32_t>(input_.TakeNumber());
                server_.memory().completions[input_.TakeNumber() % kNumCompletions] = entry;
                (void)server_.Wake();
                return;
            }
            case 5:
                return server_.Push({.sequence = 0,
                                     .slot = input_.Take(),
                                     .kind = static_cast<uint8_t>(EntryKind::kRemoved),
                                     .status = 0,
                                     .value = 0});
            case 6:
                return WriteData();
            case 7:
                return SendAnything();
            case 8:
                return WriteWord();
            default:
                return AnswerHonestly();
        }
    }

    // Waits for a request, not for long. @return whether there is one.
    bool TakeEntry() {
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
        do {
            if (const auto entry = server_.Take()) {
                last_ = *entry;
                return true;
            }
            std::this_thread::yield();
        } while (server_.Drain() && std::chrono::steady_clock::now() < end);
        return false;
    }

    void AnswerHonestly() {
        if (TakeEntry() && last_.kind != static_cast<uint8_t>(EntryKind::kAbort)) {
            Complete(0, last_.num_pieces != 0 ? 1 : 0);
        }
    }

    CompletionEntry Completion(uint8_t choice, uint64_t value) {
        CompletionEntry entry = {
            .sequence = 0, .slot = last_.slot, .kind = last_.kind, .status = 0, .value = value};
        if ((choice & 1) != 0) {
            entry.slot = static_cast<uint16_t>(input_.TakeNumber());
        }
        if ((choice & 2) != 0) {
            entry.kind = input_.Take();
        }
        if ((choice & 4) != 0) {
            entry.status = input_.Take();
        }
        return entry;
    }
    void Complete(uint8_t choice, uint64_t value) { server_.Push(Completion(choice, value)); }

    // Over what lies in the slot of the last request: data, ranges, frames.
    void WriteData() {
        auto &data = server_.memory().slots[last_.slot % kNumSlots].data;
        const uint64_t offset = input_.TakeNumber() % kSlotBytes;
        const auto words = input_.Take<std::array<uint32_t, 3>>();
        std::memcpy(data.data() + offset, words.data(),
                    std::min<uint64_t>(sizeof(words), kSlotBytes - offset));
    }

    void SendAnything() {
        auto message = input_.Take<SessionMessage>();
        const UniqueFd fd(memfd_create("usb-fuzz", MFD_CLOEXEC));
        (void)server_.Send(message, (message.kind & 1) != 0 ? fd.get() : -1);
    }

    void WriteWord() {
        const uint8_t choice = input_.Take();
        std::atomic<uint32_t> &word = (choice & 3) == 0 ? server_.memory().control.server_sleeps
                                      : (choice & 3) == 1
                                          ? server_.memory().control.client_sleeps
                                          : server_.memory().slots[choice >> 2].is_polled;
        word.store(static_cast<uint32_t>(input_.TakeNumber()));
    }

    RawSessionServer server_;
    SessionInput input_;
    SubmissionEntry last_ = {};
};

/// What became of a driver's transfers. Outlives them.
struct Account {
    std::atomic<int> num_submitted = 0;
    std::atomic<int> num_ended = 0;
    std::atomic<int> num_alive = 0;
};

class Transfer final : public UsbTransfer {
public:
    Transfer(Account &account, UsbTransferType what, uint8_t address, size_t num_bytes)
        : account_(account), bytes_(num_bytes) {
        type = what;
        endpoint = {address};
        buffer = {{.address = bytes_.data(), .num_bytes = num_bytes}};
        if (what == UsbTransferType::kControl) {
            setup = {.request_type = 0xC0, .length = static_cast<uint16_t>(num_bytes)};
        }
        ++account_.num_alive;
    }
    ~Transfer() override { --account_.num_alive; }
    void OnComplete(const UsbOutcome &outcome) override {
        Require(!std::exchange(has_ended_, true));
        Require(outcome.status <= UsbStatus::kUnderrun && outcome.num_bytes <= num_bytes());
        for (const UsbIsochronousFrame &frame : frames) {
            Require(outcome.status != UsbStatus::kSuccess || frame.num_done <= frame.num_requested);
        }
        ++account_.num_ended;
        account_.num_ended.notify_all();
        if (word != nullptr) {
            word->store(1);
            word->notify_all();
        }
    }

    std::atomic<uint32_t> *word = nullptr;

private:
    Account &account_;
    std::vector<std::byte> bytes_;
    bool has_ended_ = false;
};

/// A driver that does one thing after the other.
class Driver {
public:
    Driver(UsbBackend &session, Account &account, const std::shared_ptr<SharedRegion> &region)
        : session_(session), account_(account), region_(region) {}

    void Do(uint8_t what) {
        switch (what % 10) {
            case 0:
                return Submit(New(UsbTransferType::kBulk, 0x81, 600));
            case 1:  // through a staging block
                return Submit(New(UsbTransferType::kBulk, 0x81, 20000));
            case 2:
                return SubmitRegion();
            case 3: {
                auto transfer = New(UsbTransferType::kIsochronous, 0x83, 64);
                transfer->frames.resize(4, {.num_requested = 16});
                return Submit(std::move(transfer));
            }
            case 4:
                return SubmitAndWait();
            case 5:
                return (void)session_.Claim(0);
            case 6:
                return (void)session_.CurrentFrame();
            case 7:
                return session_.Abort({0x81}, 0);
            case 8:
                return (void)session_.NewSession();
            default:
                return (void)(session_.Configuration() + session_.AlternateSetting(0));
        }
    }

private:
    std::unique_ptr<Transfer> New(UsbTransferType type, uint8_t endpoint, size_t num_bytes) {
        return std::make_unique<Transfer>(account_, type, endpoint, num_bytes);
    }
    void Submit(std::unique_ptr<Transfer> transfer) {
        ++account_.num_submitted;
        session_.Submit(std::move(transfer));
    }
    void SubmitRegion() {
        auto transfer = New(UsbTransferType::kBulk, 0x01, 0);
        transfer->buffer.clear();
        for (const uint64_t offset : {0U, 8192U}) {
            transfer->buffer.push_back({.address = region_->Writable() + offset,
                                        .num_bytes = 5000,
                                        .region = region_.get(),
                                        .region_offset = offset});
        }
        Submit(std::move(transfer));
    }
    void SubmitAndWait() {
        std::atomic<uint32_t> word = 0;
        auto transfer = New(UsbTransferType::kControl, 0, 18);
        transfer->word = &word;
        ++account_.num_submitted;
        session_.SubmitAndPoll(std::move(transfer), word, 0);
        word.wait(0);
    }

    UsbBackend &session_;
    Account &account_;
    const std::shared_ptr<SharedRegion> &region_;
};

class CountingListener final : public opendext::backends::RemovalListener {
public:
    void OnDeviceRemoved() override { Require(++count_ == 1); }

private:
    std::atomic<int> count_ = 0;
};

void UseOne(SessionInput input, uint64_t plan) {
    auto sockets = CreateUsbSessionSockets().value();
    std::thread process([&sockets, input] {
        Device device(std::move(sockets.server), input);
        device.Run();
    });
    Account account;
    CountingListener listener;
    if (auto session = RemoteUsbBackend::Connect(std::move(sockets.client))) {
        const auto region = SharedRegion::Create(16384, "usb-fuzz").value();
        (*session)->SetRemovalListener(&listener);
        Driver driver(**session, account, region);
        const bool leaves_at_once = plan >> 63 != 0;
        for (; plan != 0; plan >>= 8) {
            driver.Do(static_cast<uint8_t>(plan));
        }
        // The device's end is the end of all.
        for (int ended = account.num_ended; !leaves_at_once && ended != account.num_submitted;
             ended = account.num_ended) {
            account.num_ended.wait(ended);
        }
        (*session)->SetRemovalListener(nullptr);
        session->reset();
        Require(account.num_ended == account.num_submitted && account.num_alive == 0);
    }
    process.join();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    LogNothing();
    const size_t num_files = NumOpenFiles();
    SessionInput input({data, num_bytes});
    const auto plan = input.Take<uint64_t>();
    UseOne(input, plan);
    Require(NumOpenFiles() == num_files);
    return 0;
}
