// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backends/api/usb_urb.h"
#include "backends/usbip/usbip_protocol.h"
#include "base/unique_fd.h"

namespace opendext::backends {

/// A server of USB/IP for tests: it answers requests for descriptors, and does with everything else what the test says.
class ScriptedUsbipServer {
public:
    using Bytes = std::vector<std::byte>;
    struct Command {
        UsbipSubmit submit;
        Bytes data;  ///< OUT.
    };
    /// On the server's thread. It may reply.
    using Handler = std::function<void(ScriptedUsbipServer &server, const Command &command)>;

    /// `socket` is connected to the client, which has imported the device. `descriptors` are by type and index:
    /// 0x0100 is the device's. Without a handler requests succeed, and transfers are kept for AwaitCommand.
    ScriptedUsbipServer(UniqueFd socket, std::map<uint16_t, Bytes> descriptors,
                        Handler handler = {})
        : socket_(std::move(socket)),
          descriptors_(std::move(descriptors)),
          handler_(std::move(handler)),
          thread_([this] { Serve(); }) {}

    ~ScriptedUsbipServer() {
        Hang();
        thread_.join();
    }

    /// Ends the connection.
    void Hang() { shutdown(socket_.get(), SHUT_RDWR); }

    void Reply(uint32_t seqnum, int32_t status, uint32_t num_bytes,
               std::span<const std::byte> data) {
        Bytes bytes;
        EncodeUsbip(
            UsbipSubmitReply{.from = {.seqnum = seqnum}, .status = status, .num_bytes = num_bytes},
            bytes);
        bytes.insert(bytes.end(), data.begin(), data.end());
        Send(bytes);
    }

    void Send(std::span<const std::byte> bytes) {
        const std::lock_guard lock(send_mutex_);
        while (!bytes.empty()) {
            const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) {
                return;
            }
            bytes = bytes.subspan(static_cast<size_t>(sent));
        }
    }

    /// The next transfer that no handler took.
    Command AwaitCommand() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !commands_.empty(); });
        Command command = std::move(commands_.front());
        commands_.erase(commands_.begin());
        return command;
    }

    /// Waits until the client has cancelled this command. Replies to it only if told so.
    void AwaitUnlink(uint32_t victim) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return std::ranges::count(unlinked_, victim) != 0; });
    }

    /// From now on commands to cancel are answered.
    std::atomic<bool> answers_unlinks{true};

    /// Control requests other than for descriptors, in their order.
    std::vector<UsbSetup> requests() {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

    /// How such a request is answered.
    std::atomic<int32_t> request_status{0};

private:
    bool Receive(std::span<std::byte> bytes) {
        while (!bytes.empty()) {
            const ssize_t length = recv(socket_.get(), bytes.data(), bytes.size(), 0);
            if (length <= 0) {
                return false;
            }
            bytes = bytes.subspan(static_cast<size_t>(length));
        }
        return true;
    }

    void Serve() {
        std::array<std::byte, kUsbipHeaderBytes> header = {};
        while (Receive(header)) {
            const auto command = DecodeUsbipCommand(header);
            if (!command) {
                return;
            }
            if (const auto *unlink = std::get_if<UsbipUnlink>(&*command)) {
                TakeUnlink(*unlink);
            } else if (!TakeSubmit(std::get<UsbipSubmit>(*command))) {
                return;
            }
        }
    }

    void TakeUnlink(const UsbipUnlink &unlink) {
        {
            const std::lock_guard lock(mutex_);
            unlinked_.push_back(unlink.victim);
            changed_.notify_all();
        }
        if (answers_unlinks) {
            Bytes bytes;
            EncodeUsbip(
                UsbipUnlinkReply{.from = {.seqnum = unlink.to.seqnum}, .status = -ECONNRESET},
                bytes);
            Send(bytes);
        }
    }

    bool TakeSubmit(const UsbipSubmit &submit) {
        Command command{.submit = submit};
        command.data.resize(submit.to.is_in ? 0 : submit.num_bytes);
        Bytes frames(submit.num_frames * kUsbipFrameBytes);
        if (!Receive(command.data) || !Receive(frames)) {
            return false;
        }
        if (submit.to.endpoint == 0 && AnswerRequest(submit)) {
            return true;
        }
        if (handler_) {
            handler_(*this, command);
            return true;
        }
        const std::lock_guard lock(mutex_);
        commands_.push_back(std::move(command));
        changed_.notify_all();
        return true;
    }

    bool AnswerRequest(const UsbipSubmit &submit) {
        const UsbSetup setup = DecodeUsbSetup(submit.setup);
        if (setup.request_type == 0x80 && setup.request == 6) {
            const auto found = descriptors_.find(setup.value);
            if (found == descriptors_.end()) {
                Reply(submit.to.seqnum, -EPIPE, 0, {});
            } else {
                const auto some = std::span(found->second)
                                      .first(std::min<size_t>(found->second.size(), setup.length));
                Reply(submit.to.seqnum, 0, static_cast<uint32_t>(some.size()), some);
            }
            return true;
        }
        if ((setup.request_type & 0x60) != 0 && setup.request_type != 0x23) {
            return false;
        }
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back(setup);
        }
        Reply(submit.to.seqnum, request_status, 0, {});
        return true;
    }

    const UniqueFd socket_;
    const std::map<uint16_t, Bytes> descriptors_;
    const Handler handler_;
    std::mutex send_mutex_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Command> commands_;
    std::vector<uint32_t> unlinked_;
    std::vector<UsbSetup> requests_;
    std::thread thread_;  // last: it uses the others
};

/// Listens on a port of this machine and answers operations with `exported`; for one that imports it hands the socket to
/// `on_import`.
class ScriptedUsbipListener {
public:
    using OnImport = std::function<void(UniqueFd socket)>;

    ScriptedUsbipListener(std::vector<UsbipDevice> exported, OnImport on_import)
        : exported_(std::move(exported)), on_import_(std::move(on_import)) {
        listener_.Reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t length = sizeof(address);
        if (bind(listener_.get(), reinterpret_cast<sockaddr *>(&address), length) == 0 &&
            listen(listener_.get(), 8) == 0 &&
            getsockname(listener_.get(), reinterpret_cast<sockaddr *>(&address), &length) == 0) {
            port_ = ntohs(address.sin_port);
        }
        thread_ = std::thread([this] { Serve(); });
    }

    ~ScriptedUsbipListener() {
        shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }

    [[nodiscard]] uint16_t port() const { return port_; }

private:
    void Serve() {
        for (;;) {
            UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!client) {
                return;
            }
            Answer(std::move(client));
        }
    }

    void Answer(UniqueFd client) {
        std::array<std::byte, kUsbipOperationBytes> request = {};
        if (recv(client.get(), request.data(), request.size(), MSG_WAITALL) !=
            static_cast<ssize_t>(request.size())) {
            return;
        }
        const auto operation = DecodeUsbipOperation(request);
        std::vector<std::byte> reply;
        if (operation && operation->code == UsbipOperationCode::kListRequest) {
            EncodeUsbip(UsbipOperation{.code = UsbipOperationCode::kListReply}, reply);
            reply.resize(reply.size() + 3);
            reply.push_back(static_cast<std::byte>(exported_.size()));
            for (const UsbipDevice &device : exported_) {
                EncodeUsbip(device, reply);
                reply.resize(reply.size() + device.num_interfaces * kUsbipInterfaceBytes);
            }
            (void)send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
            return;
        }
        std::array<std::byte, kUsbipBusIdBytes> wanted = {};
        if (recv(client.get(), wanted.data(), wanted.size(), MSG_WAITALL) !=
            static_cast<ssize_t>(wanted.size())) {
            return;
        }
        const auto bus_id = DecodeUsbipBusId(wanted).value_or("");
        const auto found = std::ranges::find(exported_, bus_id, &UsbipDevice::bus_id);
        const uint32_t status = found == exported_.end() ? 4 : 0;
        EncodeUsbip(UsbipOperation{.code = UsbipOperationCode::kImportReply, .status = status},
                    reply);
        if (found != exported_.end()) {
            EncodeUsbip(*found, reply);
        }
        (void)send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
        if (found != exported_.end()) {
            on_import_(std::move(client));
        }
    }

    const std::vector<UsbipDevice> exported_;
    const OnImport on_import_;
    UniqueFd listener_;
    uint16_t port_ = 0;
    std::thread thread_;
};

}  // namespace opendext::backends
