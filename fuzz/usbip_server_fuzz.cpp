// SPDX-License-Identifier: Apache-2.0
// A server of USB/IP that means harm, against the whole client: the input says how it answers each command. Whatever it
// does, every transfer ends once, and no byte is written outside of a transfer or after its end (AddressSanitizer looks).
#include <sys/socket.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "backends/api/usb_urb.h"
#include "backends/usbip/test_transfer.h"
#include "backends/usbip/usbip_wire.h"
#include "base/log.h"

namespace {

using namespace opendext::backends;

void Require(bool truth) {
    if (!truth) {
        std::abort();
    }
}

// Takes numbers off the front of the input; 0 when it is used up.
class Input {
public:
    explicit Input(std::span<const uint8_t> bytes) : bytes_(bytes) {}
    [[nodiscard]] bool IsEmpty() const { return bytes_.empty(); }
    uint8_t Take() {
        if (bytes_.empty()) {
            return 0;
        }
        const uint8_t first = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return first;
    }
    std::vector<std::byte> TakeBytes(size_t num_bytes) {
        std::vector<std::byte> taken(num_bytes);
        std::ranges::generate(taken, [this] { return std::byte{Take()}; });
        return taken;
    }

private:
    std::span<const uint8_t> bytes_;
};

// A device whose setting has a bulk pair and an isochronous endpoint.
constexpr std::array<uint8_t, 18> kDevice = {18,   1, 0, 2, 0, 0, 0, 64, 9,
                                             0x12, 1, 0, 0, 1, 1, 2, 3,  1};
constexpr std::array<uint8_t, 39> kConfiguration = {
    9,    2, 39, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 3, 0xFF, 0, 0, 0, 7, 5,
    0x81, 2, 0,  2, 0, 7, 5, 0x02, 2,  0, 2, 0, 7, 5, 0x83, 1, 8, 0, 1};

class HostileServer {
public:
    HostileServer(int socket, Input input)
        : socket_(socket), input_(input), thread_([this] { Serve(); }) {}
    ~HostileServer() {
        shutdown(socket_.get(), SHUT_RDWR);
        thread_.join();
    }

private:
    bool Receive(std::span<std::byte> bytes) {
        return bytes.empty() || recv(socket_.get(), bytes.data(), bytes.size(), MSG_WAITALL) ==
                                    static_cast<ssize_t>(bytes.size());
    }

    void Send(const std::vector<std::byte> &bytes) {
        (void)send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }

    void Serve() {
        std::array<std::byte, kUsbipHeaderBytes> header = {};
        while (Receive(header)) {
            const auto command = DecodeUsbipCommand(header);
            Require(command.has_value());
            if (const auto *submit = std::get_if<UsbipSubmit>(&*command)) {
                std::vector<std::byte> body((submit->to.is_in ? 0 : submit->num_bytes) +
                                            submit->num_frames * kUsbipFrameBytes);
                if (!Receive(body)) {
                    return;
                }
                Answer(*submit);
            } else if (input_.Take() % 4 != 3) {
                const UsbipUnlinkReply reply{
                    .from = {.seqnum = std::get<UsbipUnlink>(*command).to.seqnum},
                    .status = -static_cast<int32_t>(input_.Take())};
                std::vector<std::byte> bytes;
                EncodeUsbip(reply, bytes);
                Send(bytes);
            }
            if (input_.IsEmpty()) {
                shutdown(socket_.get(), SHUT_RDWR);
                return;
            }
        }
    }

    void Answer(const UsbipSubmit &submit) {
        switch (input_.Take() % 8) {
            case 0:
                return;  // never
            case 1:
                return Send(input_.TakeBytes(input_.Take()));
            case 2:
                return Send(Reply(submit, input_.Take() % 128, input_.Take()));
            default:
                return Send(Reply(submit, 0, 255));
        }
    }

    // The data that was asked for, or some of it.
    std::vector<std::byte> Reply(const UsbipSubmit &submit, int status, uint8_t share) {
        std::vector<std::byte> data(submit.to.is_in ? submit.num_bytes : 0, std::byte{0x5A});
        const UsbSetup setup = DecodeUsbSetup(submit.setup);
        if (submit.to.endpoint == 0 && setup.request == 6) {
            const std::span<const uint8_t> descriptor =
                setup.value == 0x0100 ? std::span<const uint8_t>(kDevice) : kConfiguration;
            data.resize(std::min(data.size(), descriptor.size()));
            std::memcpy(data.data(), descriptor.data(), data.size());
        }
        data.resize(data.size() * share / 255);
        UsbipSubmitReply reply{
            .from = {.seqnum = submit.to.seqnum},
            .status = -status,
            .num_bytes = static_cast<uint32_t>(submit.to.is_in ? data.size() : submit.num_bytes),
            .num_frames = submit.num_frames};
        std::vector<std::byte> bytes;
        EncodeUsbip(reply, bytes);
        bytes.insert(bytes.end(), data.begin(), data.end());
        size_t left = reply.num_bytes;
        for (uint32_t i = 0; i < submit.num_frames; ++i) {
            const auto num_done =
                static_cast<uint32_t>(std::min<size_t>(left, 1 + input_.Take() % 16));
            EncodeUsbip(UsbipFrame{.num_bytes = 8, .num_done = num_done}, bytes);
            left -= num_done;
        }
        return bytes;
    }

    const opendext::UniqueFd socket_;
    Input input_;
    std::thread thread_;
};

class Listener final : public UsbWireListener {
public:
    void OnAttached(UsbAttachment) override {}
    void OnDetached() override { Require(!was_detached_.exchange(true)); }
    void OnDone(UsbTransfer &transfer, const UsbOutcome &outcome) override {
        transfer.OnComplete(outcome);
    }

private:
    std::atomic<bool> was_detached_{false};
};

// Once, and no more than fits.
void RequireEnd(TestTransfer &transfer) {
    Require(transfer.Await().num_bytes <= transfer.num_bytes());
    Require(transfer.num_completions() == 1);
}

void Use(UsbipWire &wire, uint8_t choices) {
    std::vector<std::unique_ptr<TestTransfer>> transfers;
    transfers.push_back(TestTransfer::Bulk(0x81, {600}));
    transfers.push_back(TestTransfer::Bulk(0x02, {100}));
    transfers.push_back(TestTransfer::Isochronous(0x83, std::vector<uint32_t>(8, 8)));
    transfers.push_back(TestTransfer::Bulk(0x81, {kUsbipMaxUrbBytes + 9}));
    for (auto &transfer : transfers) {
        wire.Start(*transfer);
    }
    for (size_t i = 0; i < transfers.size(); ++i) {
        if ((choices >> i & 1) != 0) {
            wire.Cancel(*transfers[i]);
            // One that had ended by itself may be on its way to here, on the wire's thread.
            RequireEnd(*transfers[i]);
            transfers[i].reset();
        }
    }
    if ((choices & 0x80) != 0) {
        (void)wire.SetAlternateSetting(0, 0);
    }
    wire.End();
    for (const auto &transfer : transfers) {
        if (transfer != nullptr) {
            Require(transfer->num_completions() == 1);  // already
            RequireEnd(*transfer);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    opendext::SetLogLevel(opendext::LogLevel::kError);
    Input input(std::span(data, num_bytes));
    const uint8_t choices = input.Take();
    std::array<int, 2> ends = {-1, -1};
    Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const HostileServer server(ends[1], input);
    const UsbipDevice device{
        .path = "/", .bus_id = "1-1", .bus = 1, .address = 2, .configuration = 1};
    auto wire = UsbipWire::Create(opendext::UniqueFd(ends[0]), device, "fuzz",
                                  {.control_timeout = std::chrono::milliseconds(3)});
    if (wire) {
        Listener listener;
        (*wire)->Begin(listener);
        Use(**wire, choices);
    }
    return 0;
}
