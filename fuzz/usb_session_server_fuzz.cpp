// SPDX-License-Identifier: Apache-2.0
// A driver's process that means harm, against a UsbSessionServer: the input says which entries, sequence numbers, memory,
// regions and messages it sends. Whatever it does, the session ends with it: no transfer is left, no claim and no
// descriptor, and no byte outside of what it registered is reached (AddressSanitizer and guard pages look).
//
// Input: commands, a byte each with what it needs behind it; see Driver::Act.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "backends/remote/testing/raw_session_peers.h"
#include "backends/remote/usb_session_server.h"
#include "backends/usb/recorded_transfers.h"
#include "backends/usb/scripted_usb_wire.h"
#include "backends/usb/wired_usb_port.h"
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

constexpr uint64_t kRegionBytes = 12288;

// Reads or writes both ends of each piece. Interrupt transfers and request 4 stay until they are aborted.
void Carry(ScriptedUsbWire &wire, UsbTransfer &transfer) {
    const bool is_control = transfer.type == UsbTransferType::kControl;
    const bool is_in = is_control ? transfer.setup.is_in() : transfer.endpoint.is_in();
    for (const HostSpan &piece : transfer.buffer) {
        const auto num_bytes = static_cast<size_t>(std::min<uint64_t>(piece.num_bytes, 64));
        std::array<std::byte, 64> bytes = {};
        for (std::byte *const part : {piece.address, piece.address + piece.num_bytes - num_bytes}) {
            is_in ? std::memcpy(part, bytes.data(), num_bytes)
                  : std::memcpy(bytes.data(), part, num_bytes);
        }
    }
    for (UsbIsochronousFrame &frame : transfer.frames) {
        frame.num_done = frame.num_requested;
    }
    if (transfer.type != UsbTransferType::kInterrupt &&
        (!is_control || transfer.setup.request != 4)) {
        wire.Finish(transfer);
    }
}

class Driver {
public:
    Driver(UniqueFd socket, SessionInput &input)
        : client_(std::move(socket)),
          input_(input),
          region_(SharedRegion::Create(kRegionBytes, "usb-fuzz").value()) {}

    void Run() {
        Greet();
        for (int i = 0; i < 200 && !input_.IsEmpty() && client_.Drain(); ++i) {
            Act();
        }
        Settle();
    }

private:
    void Greet() {
        const uint8_t choice = input_.Take();
        SessionHello hello = RawSessionClient::Hello();
        if (choice == 1) {
            hello = input_.Take<SessionHello>();
        } else if (choice == 2) {
            hello.region_bytes = input_.TakeNumber();
        }
        const int fd = choice == 3   ? -1
                       : choice == 4 ? region_->ExportFd()
                                     : client_.region().ExportFd();
        (void)client_.Send(hello, fd);
        Settle();
    }

    void Act() {
        switch (input_.Take() % 14) {
            case 0:
                return client_.Push(input_.Take<SubmissionEntry>());
            case 1:
                return PushAnywhere();
            case 2:
                return client_.Push(Transfer());
            case 3:
                return client_.Push(Abort());
            case 4:
                return client_.Push(Call());
            case 5:
                return Claim();
            case 6:
                return SendRegion();
            case 7:
                return Send(MessageKind::kDropRegion, input_.TakeNumber());
            case 8:
                return OpenSession();
            case 9:
                return SendAnything();
            case 10:
                return WriteList();
            case 11:
                return WriteWord();
            case 12:
                while (client_.Take()) {}
                return;
            default:
                return Settle();
        }
    }

    // Waits until `condition` is true or the server is gone; not for long.
    template <typename Condition>
    void WaitFor(Condition condition) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
        while (!condition() && client_.Drain() && std::chrono::steady_clock::now() < end) {
            std::this_thread::yield();
        }
    }

    // Waits until the server has taken everything. The first time it is about to sleep, it may still look at the ring.
    void Settle() {
        std::atomic<uint32_t> &sleeps = client_.memory().control.server_sleeps;
        for (int round = 0; round < 2; ++round) {
            sleeps.store(0);
            (void)client_.Wake();
            WaitFor([&] { return sleeps.load() != 0; });
        }
    }

    void PushAnywhere() {
        SubmissionEntry entry = Transfer();
        entry.sequence = static_cast<uint32_t>(input_.TakeNumber());
        client_.memory().submissions[input_.TakeNumber() % kNumSubmissions] = entry;
        (void)client_.Wake();
    }

    uint8_t TakeEndpoint() {
        constexpr std::array<uint8_t, 7> kEndpoints = {0, 0x01, 0x81, 0x82, 0x83, 0x80, 0x05};
        return kEndpoints[input_.Take() % kEndpoints.size()];
    }
    WireRange TakeRange() {
        return {.region_id = input_.Take() % 4U,
                .offset = input_.TakeNumber(),
                .num_bytes = input_.TakeNumber()};
    }

    SubmissionEntry Transfer() {
        const uint8_t setup = input_.Take();
        return {.sequence = 0,
                .slot = static_cast<uint16_t>(input_.TakeNumber()),
                .kind = static_cast<uint8_t>(EntryKind::kTransfer),
                .reserved = 0,
                .type = static_cast<uint8_t>(input_.Take() % 5),
                .endpoint = TakeEndpoint(),
                .stream = static_cast<uint16_t>(input_.Take() % 3),
                .timeout_ms = input_.Take() % 8U,
                .setup_request_type = static_cast<uint8_t>(setup & 0x80),
                .setup_request = static_cast<uint8_t>(setup & 0x0F),
                .setup_value = 0,
                .setup_index = 0,
                .setup_length = static_cast<uint16_t>(input_.TakeNumber()),
                .first_frame = 0,
                .num_pieces = static_cast<uint32_t>(input_.TakeNumber()),
                .num_frames = static_cast<uint32_t>(input_.TakeNumber()),
                .data = TakeRange()};
    }

    SubmissionEntry Abort() {
        SubmissionEntry entry = {};
        entry.kind = static_cast<uint8_t>(EntryKind::kAbort);
        entry.endpoint = TakeEndpoint();
        entry.stream = input_.Take() % 3;
        return entry;
    }

    SubmissionEntry Call() {
        OperationEntry entry = {};
        entry.slot = static_cast<uint16_t>(input_.TakeNumber());
        entry.kind = static_cast<uint8_t>(EntryKind::kOperation);
        entry.operation = input_.Take() % (kNumOperations + 1);
        entry.flags = input_.Take() % 4;
        entry.target = input_.Take();
        entry.alternate = input_.Take() % 3;
        entry.num_streams = static_cast<uint32_t>(input_.TakeNumber());
        entry.session_id = input_.Take() % 4;
        return std::bit_cast<SubmissionEntry>(entry);
    }

    // Takes both interfaces, so that their endpoints can be reached.
    void Claim() {
        for (uint16_t i = 0; i < 2; ++i) {
            OperationEntry entry = {};
            entry.slot = static_cast<uint16_t>(kNumSlots - 1 - i);
            entry.kind = static_cast<uint8_t>(EntryKind::kOperation);
            entry.operation = static_cast<uint8_t>(Operation::kClaim);
            entry.target = static_cast<uint8_t>(i);
            client_.Push(std::bit_cast<SubmissionEntry>(entry));
            WaitFor([&] { return client_.Take().has_value(); });
        }
    }

    void Send(MessageKind kind, uint64_t id, uint64_t num_bytes = 0, int fd = -1) {
        (void)client_.Send(SessionMessage{.kind = static_cast<uint32_t>(kind),
                                          .reserved = 0,
                                          .id = id,
                                          .num_bytes = num_bytes},
                           fd);
    }

    void SendRegion() {
        const uint8_t choice = input_.Take();
        const uint64_t id = choice >> 3 & 3;
        UniqueFd fd;
        switch (choice & 7) {
            case 0:
                return Send(MessageKind::kRegion, id, kRegionBytes);
            case 1:
                fd.Reset(open("/dev/null", O_RDWR | O_CLOEXEC));
                break;
            case 2:  // may shrink
                fd.Reset(memfd_create("usb-fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING));
                (void)ftruncate(fd.get(), kRegionBytes);
                break;
            case 3:  // cannot be written
                fd.Reset(memfd_create("usb-fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING));
                (void)ftruncate(fd.get(), kRegionBytes);
                (void)fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE);
                break;
            case 4:
                return Send(MessageKind::kRegion, id, input_.TakeNumber(), region_->ExportFd());
            default:
                return Send(MessageKind::kRegion, id, kRegionBytes, region_->ExportFd());
        }
        Send(MessageKind::kRegion, id, kRegionBytes, fd.get());
    }

    void OpenSession() {
        const uint8_t choice = input_.Take();
        const uint64_t id = choice >> 2 & 3;
        if ((choice & 3) == 0) {
            const UniqueFd fd(open("/dev/null", O_RDWR | O_CLOEXEC));
            return Send(MessageKind::kSocket, id, 0, fd.get());
        }
        auto sockets = CreateUsbSessionSockets().value();
        Send(MessageKind::kSocket, id, 0, sockets.server.get());
        if ((choice & 3) != 1) {
            opened_.push_back(std::make_unique<RawSessionClient>(std::move(sockets.client)));
            (void)opened_.back()->Send(RawSessionClient::Hello(),
                                       opened_.back()->region().ExportFd());
        }
    }

    void SendAnything() {
        auto message = input_.Take<SessionMessage>();
        if (input_.Take() % 4 == 0) {
            (void)client_.Send(message.kind);
        } else {
            (void)client_.Send(message);
        }
    }

    // Pieces and frames, for an entry to name: in a slot or the region, at offset 0.
    void WriteList() {
        const uint8_t choice = input_.Take();
        std::byte *next = (choice & 1) != 0 ? region_->Writable()
                                            : client_.memory().slots[choice >> 4].data.data();
        for (int i = choice >> 1 & 7; i > 0; --i, next += sizeof(WireRange)) {
            const WireRange range = TakeRange();
            std::memcpy(next, &range, sizeof(range));
        }
        for (int i = input_.Take() % 8; i > 0; --i, next += sizeof(WireFrame)) {
            WireFrame frame = {};
            frame.num_requested = static_cast<uint32_t>(input_.TakeNumber());
            std::memcpy(next, &frame, sizeof(frame));
        }
    }

    void WriteWord() {
        const uint8_t choice = input_.Take();
        std::atomic<uint32_t> &word = (choice & 3) == 0 ? client_.memory().control.server_sleeps
                                      : (choice & 3) == 1
                                          ? client_.memory().control.client_sleeps
                                          : client_.memory().slots[choice >> 2].is_polled;
        word.store(static_cast<uint32_t>(input_.TakeNumber()));
    }

    RawSessionClient client_;
    SessionInput &input_;
    const std::shared_ptr<SharedRegion> region_;
    std::vector<std::unique_ptr<RawSessionClient>> opened_;
};

void ServeOne(SessionInput &input) {
    RecordingPortListener listener;
    auto owned = std::make_unique<ScriptedUsbWire>(Carry);
    ScriptedUsbWire &wire = *owned;
    const auto port = WiredUsbPort::Create(std::move(owned));
    port->SetListener(&listener);
    const uint8_t choice = input.Take();
    const auto id = listener.latest().id;
    std::atomic<bool> has_ended = false;
    {
        UsbSessionServer server;
        auto sockets = CreateUsbSessionSockets().value();
        Require(server
                    .Serve(std::move(sockets.server), port->Open(id).value(),
                           [&] {
                               has_ended.store(true);
                               has_ended.notify_all();
                           })
                    .has_value());
        {
            Driver driver(std::move(sockets.client), input);
            driver.Run();
            if (choice == 1) {
                wire.Detach();
            }
        }
        has_ended.wait(false);
    }
    Require(wire.Outstanding().empty());
    if (choice != 1) {
        Require(port->Open(id).value()->Claim({}).has_value());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    LogNothing();
    const size_t num_files = NumOpenFiles();
    SessionInput input({data, num_bytes});
    ServeOne(input);
    Require(NumOpenFiles() == num_files);
    return 0;
}
