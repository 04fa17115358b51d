// SPDX-License-Identifier: Apache-2.0
#include "backends/remote/remote_usb_backend.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "backends/remote/client_session.h"
#include "backends/remote/descriptor_copy.h"
#include "backends/remote/session_wire.h"

namespace opendext::backends {

using remote::Operation;
using remote::OperationEntry;

namespace {

/// How long a server may take to answer the first message; a machine may be busy.
constexpr std::chrono::seconds kMostHandshakeTime{30};

BackendResult<std::shared_ptr<SharedRegion>> MakeMemory() {
    auto made = SharedRegion::Create(sizeof(remote::SessionMemory), "opendext-usb-session");
    if (!made || (*made)->Writable() == nullptr) {
        return Refuse(BackendErrorCode::kNoResources, "no memory for a USB session");
    }
    return std::move(*made);
}

OperationEntry Entry(Operation operation, uint8_t target = 0, bool option = false) {
    OperationEntry entry = {};
    entry.operation = static_cast<uint8_t>(operation);
    entry.target = target;
    entry.flags = option ? remote::kOption : 0;
    return entry;
}

OperationEntry ClaimEntry(Operation operation, UsbClaim what) {
    OperationEntry entry = Entry(operation, what.value_or(0));
    entry.flags = what ? 0 : remote::kWholeDevice;
    return entry;
}

BackendResult<void> Outcome(const BackendResult<remote::ClientSession::Answer> &answer) {
    return answer ? BackendResult<void>() : std::unexpected(answer.error());
}

}  // namespace

struct RemoteUsbBackend::Greeting {
    UsbDescriptors descriptors;
    remote::SessionWelcome welcome = {};
};

RemoteUsbBackend::RemoteUsbBackend(std::shared_ptr<remote::ClientSession> session,
                                   Greeting greeting)
    : session_(std::move(session)),
      descriptors_(std::move(greeting.descriptors)),
      speed_(static_cast<UsbSpeed>(greeting.welcome.speed)),
      address_(greeting.welcome.address),
      last_configuration_(greeting.welcome.configuration) {}

BackendResult<std::shared_ptr<UsbBackend>> RemoteUsbBackend::Connect(UniqueFd socket_fd) {
    auto adopted = remote::SessionSocket::Adopt(std::move(socket_fd));
    if (!adopted) {
        return std::unexpected(std::move(adopted.error()));
    }
    const auto socket = std::make_shared<const remote::SessionSocket>(std::move(*adopted));
    auto memory = MakeMemory();
    if (!memory) {
        return std::unexpected(std::move(memory.error()));
    }
    const remote::SessionHello hello = {.magic = remote::kSessionMagic,
                                        .version = remote::kSessionVersion,
                                        .region_bytes = sizeof(remote::SessionMemory)};
    if (!socket->Send(hello, (*memory)->ExportFd())) {
        return Refuse(BackendErrorCode::kRemoved, "no process serves this USB session");
    }
    auto greeting = ReceiveWelcome(*socket);
    if (!greeting) {
        return std::unexpected(std::move(greeting.error()));
    }
    auto session = std::make_shared<remote::ClientSession>(socket, std::move(*memory),
                                                           greeting->welcome.is_present != 0);
    if (auto started = session->Start(); !started) {
        return std::unexpected(std::move(started.error()));
    }
    return std::shared_ptr<UsbBackend>(
        new RemoteUsbBackend(std::move(session), std::move(*greeting)));
}

BackendResult<RemoteUsbBackend::Greeting> RemoteUsbBackend::ReceiveWelcome(
    const remote::SessionSocket &socket) {
    socket.WaitForInput(std::chrono::steady_clock::now() + kMostHandshakeTime);
    remote::IncomingMessage message;
    if (socket.Receive(message) != remote::SessionSocket::Receipt::kMessage) {
        return Refuse(BackendErrorCode::kRemoved, "the process that serves a USB session is gone");
    }
    if (message.is_cut) {
        return Refuse(BackendErrorCode::kNoResources,
                      "USB session: this process may open no more files (ulimit -n)");
    }
    const auto welcome = message.As<remote::SessionWelcome>();
    if (!welcome || welcome->magic != remote::kSessionMagic ||
        welcome->version != remote::kSessionVersion) {
        return Refuse(BackendErrorCode::kUnsupported,
                      "the process that has the USB device is of another version of OpenDext");
    }
    auto descriptors = remote::UnpackDescriptors(std::move(message.fd), welcome->descriptor_bytes,
                                                 welcome->num_configurations);
    if (!descriptors) {
        return Refuse(BackendErrorCode::kUnsupported,
                      fmt::format("USB session: {}", descriptors.error()));
    }
    if (welcome->speed > static_cast<uint8_t>(UsbSpeed::kSuperPlus) || welcome->address == 0 ||
        welcome->address > 127) {
        return Refuse(BackendErrorCode::kUnsupported,
                      "USB session: a device with no known speed or no valid address");
    }
    return Greeting{.descriptors = std::move(*descriptors), .welcome = *welcome};
}

RemoteUsbBackend::~RemoteUsbBackend() {
    session_->Close();
}

BackendResult<std::shared_ptr<UsbBackend>> RemoteUsbBackend::NewSession() {
    auto sockets = CreateUsbSessionSockets();
    if (!sockets) {
        return Refuse(BackendErrorCode::kNoResources, sockets.error().ToString());
    }
    OperationEntry entry = Entry(Operation::kNewSession);
    entry.session_id = session_->SendSocket(sockets->server);
    sockets->server.Reset();
    if (entry.session_id == 0) {
        return IsPresent()
                   ? Refuse(BackendErrorCode::kNoResources, "the device's process is overloaded")
                   : Refuse(BackendErrorCode::kRemoved, "the USB device is gone");
    }
    if (auto answer = session_->Run(entry); !answer) {
        return std::unexpected(std::move(answer.error()));
    }
    return Connect(std::move(sockets->client));
}

bool RemoteUsbBackend::IsPresent() const {
    return session_->IsPresent();
}

UsbFrameTime RemoteUsbBackend::CurrentFrame() const {
    if (const auto answer = session_->Run(Entry(Operation::kCurrentFrame))) {
        last_frame_.store(answer->value);
        last_frame_time_.store(answer->mach_time);
        return {.frame = answer->value, .mach_time = answer->mach_time};
    }
    return {.frame = last_frame_.load(), .mach_time = last_frame_time_.load()};
}

BackendResult<void> RemoteUsbBackend::Claim(UsbClaim what) {
    return Outcome(session_->Run(ClaimEntry(Operation::kClaim, what)));
}

void RemoteUsbBackend::Release(UsbClaim what) {
    (void)session_->Run(ClaimEntry(Operation::kRelease, what));
}

uint8_t RemoteUsbBackend::Configuration() const {
    if (const auto answer = session_->Run(Entry(Operation::kConfiguration))) {
        last_configuration_.store(static_cast<uint8_t>(answer->value));
    }
    return last_configuration_.load();
}

BackendResult<void> RemoteUsbBackend::SetConfiguration(uint8_t value, bool publishes_interfaces) {
    return Outcome(session_->Run(Entry(Operation::kSetConfiguration, value, publishes_interfaces)));
}

uint8_t RemoteUsbBackend::AlternateSetting(uint8_t interface_number) const {
    const auto answer = session_->Run(Entry(Operation::kAlternateSetting, interface_number));
    return answer ? static_cast<uint8_t>(answer->value) : 0;
}

BackendResult<void> RemoteUsbBackend::SetAlternateSetting(uint8_t interface_number,
                                                          uint8_t alternate) {
    OperationEntry entry = Entry(Operation::kSetAlternateSetting, interface_number);
    entry.alternate = alternate;
    return Outcome(session_->Run(entry));
}

BackendResult<void> RemoteUsbBackend::ClearHalt(UsbEndpointAddress endpoint, bool tells_device) {
    return Outcome(session_->Run(Entry(Operation::kClearHalt, endpoint.value, tells_device)));
}

BackendResult<void> RemoteUsbBackend::Reset() {
    return Outcome(session_->Run(Entry(Operation::kReset)));
}

BackendResult<void> RemoteUsbBackend::SetStreams(UsbEndpointAddress endpoint,
                                                 uint16_t num_streams) {
    OperationEntry entry = Entry(Operation::kSetStreams, endpoint.value);
    entry.num_streams = num_streams;
    return Outcome(session_->Run(entry));
}

void RemoteUsbBackend::Submit(std::unique_ptr<UsbTransfer> transfer) {
    session_->Submit(std::move(transfer));
}

void RemoteUsbBackend::SubmitAndPoll(std::unique_ptr<UsbTransfer> transfer,
                                     const std::atomic<uint32_t> &word, uint32_t expected) {
    session_->SubmitAndPoll(std::move(transfer), word, expected);
}

void RemoteUsbBackend::Abort(UsbEndpointAddress endpoint, uint16_t stream) {
    session_->Abort(endpoint, stream);
}

void RemoteUsbBackend::SetRemovalListener(RemovalListener *listener) {
    session_->SetRemovalListener(listener);
}

}  // namespace opendext::backends
