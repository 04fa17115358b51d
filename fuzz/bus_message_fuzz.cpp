// SPDX-License-Identifier: Apache-2.0
// A hostile peer sends arbitrary bytes after an honest handshake, or from the start (first byte odd), to the
// control socket of a driver process. The connection may end, and nothing else.
#include <sys/socket.h>
#include <sys/uio.h>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "channel/transport/connection_server.h"
#include "channel/wire/io_result.h"

namespace {

using namespace opendext;
using namespace opendext::channel;

class IdleUserClient final : public UserClientPort {
public:
    void Attach(CompletionSink *, ClientMemorySource *) override {}
    void Detach() override {}
    void Call(const CallRequest &, CallReply &) override {}
    std::expected<SharedMemoryGrant, int32_t> MapMemory(uint64_t) override {
        return std::unexpected(kIoBadArgument);
    }
    std::expected<uint64_t, int32_t> UnmapMemory(uint64_t) override {
        return std::unexpected(kIoBadArgument);
    }
    int32_t GiveLink(LinkKind, std::string_view, std::shared_ptr<EventLink>) override {
        return kIoBadArgument;
    }
    void Close() override {}
};

void Send(int socket, const void *bytes, size_t num_bytes) {
    [[maybe_unused]] const ssize_t sent = send(socket, bytes, num_bytes, MSG_NOSIGNAL);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    static auto *bus_thread = BusThread::Start("fuzz-bus")->release();
    auto server =
        *ConnectionServer::Start(*bus_thread, std::make_shared<IdleUserClient>(), nullptr);
    const TransportEndpoint endpoint = server->MakeEndpoint();
    if (num_bytes != 0 && data[0] % 2 == 0) {
        using namespace std::string_view_literals;
        constexpr auto kHandshake = "\0AUTH ANONYMOUS\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"sv;
        Send(endpoint.control.get(), kHandshake.data(), kHandshake.size());
    }
    if (num_bytes > 1) {
        Send(endpoint.control.get(), data + 1, num_bytes - 1);
    }
    shutdown(endpoint.control.get(), SHUT_WR);
    // Two passes of the loop, so that the bytes are read before the server goes.
    bus_thread->RunAndWait([] {});
    bus_thread->RunAndWait([] {});
    return 0;
}
