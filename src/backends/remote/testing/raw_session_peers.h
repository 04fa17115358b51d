// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include "backends/remote/descriptor_copy.h"
#include "backends/remote/session_ring.h"
#include "backends/remote/session_socket.h"
#include "backends/remote/session_wire.h"

namespace opendext::backends::remote {

/// What both ends of a session by hand have: they write what they are told to, whatever the protocol says.
class RawSessionPeer {
public:
    explicit RawSessionPeer(UniqueFd socket)
        : raw_(dup(socket.get())), socket_(SessionSocket::Adopt(std::move(socket)).value()) {}

    /// Sends a descriptor so many times with one message.
    template <typename Message>
    bool SendWithFds(Message message, int fd, size_t num_fds) const {
        constexpr size_t kMostFds = 16;
        iovec data = {.iov_base = &message, .iov_len = sizeof(message)};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostFds * sizeof(int))> control = {};
        msghdr header = {};
        header.msg_iov = &data;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(num_fds * sizeof(int));
        cmsghdr *const rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(num_fds * sizeof(int));
        for (size_t i = 0; i < num_fds; ++i) {
            std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd, sizeof(int));
        }
        return sendmsg(raw_.get(), &header, MSG_NOSIGNAL) == sizeof(message);
    }

    template <typename Message>
    bool Send(const Message &message, int fd = -1) const {
        return socket_.Send(message, fd);
    }
    bool Wake() const {
        return Send(SessionMessage{.kind = static_cast<uint32_t>(MessageKind::kWake)});
    }
    /// Takes what has come. @return whether the other end is still there.
    bool Drain() const {
        IncomingMessage message;
        SessionSocket::Receipt receipt = SessionSocket::Receipt::kMessage;
        while (receipt == SessionSocket::Receipt::kMessage) {
            receipt = socket_.Receive(message);
        }
        return receipt != SessionSocket::Receipt::kEnded;
    }
    void WaitForEnd() const {
        while (Drain()) {
            socket_.WaitForInput();
        }
    }
    void HangUp() const { socket_.End(); }

protected:
    const UniqueFd raw_;
    const SessionSocket socket_;
};

/// The driver's end.
class RawSessionClient final : public RawSessionPeer {
public:
    explicit RawSessionClient(UniqueFd socket)
        : RawSessionPeer(std::move(socket)),
          region_(SharedRegion::Create(sizeof(SessionMemory), "usb-raw-session").value()),
          memory_(std::launder(reinterpret_cast<SessionMemory *>(region_->Writable()))),
          submissions_(memory_->submissions),
          completions_(memory_->completions) {}

    static SessionHello Hello() {
        return {.magic = kSessionMagic,
                .version = kSessionVersion,
                .region_bytes = sizeof(SessionMemory)};
    }
    void Join() const {
        (void)Send(Hello(), region_->ExportFd());
        socket_.WaitForInput();
        IncomingMessage welcome;
        (void)socket_.Receive(welcome);
    }
    [[nodiscard]] SharedRegion &region() const { return *region_; }
    [[nodiscard]] SessionMemory &memory() const { return *memory_; }

    void Push(const SubmissionEntry &entry) {
        PushUntold(entry);
        (void)Wake();
    }
    /// Without waking the server.
    void PushUntold(const SubmissionEntry &entry) { submissions_.Push(entry); }
    [[nodiscard]] std::optional<CompletionEntry> Take() { return completions_.Take(); }

private:
    const std::shared_ptr<SharedRegion> region_;
    SessionMemory *const memory_;
    RingWriter<SubmissionEntry, kNumSubmissions> submissions_;
    RingReader<CompletionEntry, kNumCompletions> completions_;
};

/// The device's end.
class RawSessionServer final : public RawSessionPeer {
public:
    using RawSessionPeer::RawSessionPeer;

    static SessionWelcome Welcome(const PackedDescriptors &descriptors) {
        return {.magic = kSessionMagic,
                .version = kSessionVersion,
                .speed = 3,
                .address = 3,
                .is_present = 1,
                .configuration = 1,
                .num_configurations = descriptors.num_configurations,
                .descriptor_bytes = descriptors.num_bytes};
    }
    /// Waits for the client's memory. @return false when it did not come.
    [[nodiscard]] bool TakeHello() {
        socket_.WaitForInput();
        IncomingMessage message;
        if (socket_.Receive(message) != SessionSocket::Receipt::kMessage) {
            return false;
        }
        region_ = SharedRegion::Adopt(std::move(message.fd), sizeof(SessionMemory)).value();
        memory_ = std::launder(reinterpret_cast<SessionMemory *>(region_->Writable()));
        submissions_.emplace(memory_->submissions);
        completions_.emplace(memory_->completions);
        return true;
    }
    [[nodiscard]] SessionMemory &memory() const { return *memory_; }

    [[nodiscard]] std::optional<SubmissionEntry> Take() { return submissions_->Take(); }
    void Push(const CompletionEntry &entry) {
        completions_->Push(entry);
        (void)Wake();
    }

private:
    std::shared_ptr<SharedRegion> region_;
    SessionMemory *memory_ = nullptr;
    std::optional<RingReader<SubmissionEntry, kNumSubmissions>> submissions_;
    std::optional<RingWriter<CompletionEntry, kNumCompletions>> completions_;
};

}  // namespace opendext::backends::remote
