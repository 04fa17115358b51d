// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <utility>

#include <systemd/sd-bus.h>

#include "base/unique_fd.h"
#include "channel/transport/bus_message.h"
#include "channel/transport/bus_thread.h"
#include "channel/wire/directory_backend.h"

namespace opendext::channel {

/// One end of a socket. The two ends must differ; which is which has no other meaning.
enum class BusSide { kServer, kClient };

/// A method or signal of the peer's one object.
struct BusMember {
    const char *interface_name = nullptr;
    const char *member = nullptr;
};

/// Two connected sockets, close-on-exec, for two BusPeers.
[[nodiscard]] std::expected<std::pair<UniqueFd, UniqueFd>, int> MakeBusSocketPair();

/// The answer to a received call that cannot be given at once. Movable; answer it once, from any thread. One
/// that is dropped answers with an error.
class DeferredReply {
public:
    /// Bus thread, in the method's handler.
    DeferredReply(BusThread &bus_thread, sd_bus_message *call);
    ~DeferredReply();
    DeferredReply(DeferredReply &&) noexcept = default;
    DeferredReply &operator=(DeferredReply &&) = delete;

    /// Sends what `write` puts in; it runs on the bus thread.
    void Send(std::move_only_function<void(MessageWriter &)> write);

private:
    BusThread *bus_thread_;
    std::unique_ptr<sd_bus_message, sd_bus_message *(*)(sd_bus_message *)> call_;
};

/// Answers `call` with what `write` puts in, or with an error when that fails. Bus thread.
int ReplyNow(sd_bus_message *call, const std::function<void(MessageWriter &)> &write);

/// Answers a call whose arguments are out of range. Bus thread; for `return RejectCall(call)` in a handler.
int RejectCall(sd_bus_message *call);

/// One end of a socket that carries D-Bus messages without a bus daemon: sd-bus, on a BusThread. The peer has
/// one object, which introspection finds at kObjectPath. Any thread, except where noted.
class BusPeer {
public:
    static constexpr const char *kObjectPath = "/org/opendext";

    using Write = std::move_only_function<void(MessageWriter &)>;
    /// Called on the bus thread with the answer, or with NULL when the peer is gone or answered with an error.
    using OnReply = std::move_only_function<void(MessageReader *)>;

    /// Takes the socket. `on_gone` runs on the bus thread, once, when the peer has hung up or sent what is no
    /// D-Bus; it may destroy the BusPeer. `set_up` runs on the bus thread before the first message is read: the
    /// place for AddVtable and AddSignalHandler.
    [[nodiscard]] static std::expected<std::unique_ptr<BusPeer>, int> Attach(
        BusThread &bus_thread, UniqueFd socket, BusSide side, std::function<void()> on_gone,
        const std::function<void(BusPeer &)> &set_up);

    /// Closes the connection. After return no handler runs; calls under way have got NULL.
    ~BusPeer();
    BusPeer(const BusPeer &) = delete;
    BusPeer &operator=(const BusPeer &) = delete;

    /// Sends a call and waits for the answer; `read` takes it apart, on the bus thread. Not on the bus thread.
    /// @return whether there was an answer and `read` found it valid.
    [[nodiscard]] bool Call(BusMember method, Write write,
                            std::move_only_function<void(MessageReader &)> read);

    /// Sends a call; `on_reply` runs exactly once.
    void CallAsync(BusMember method, Write write, OnReply on_reply);

    /// Sends a message that has no answer: a signal.
    void Emit(BusMember signal, Write write);

    /// Serves the methods of `vtable` (static storage) with `userdata`. Bus thread.
    void AddVtable(const char *interface_name, const sd_bus_vtable *vtable, void *userdata);

    /// As above, for an interface whose only handler calls the std::function<void()> that it gets as userdata.
    void AddVtableWithAction(const char *interface_name, const sd_bus_vtable *vtable,
                             std::function<void()> action);

    /// Calls `handler` for each such signal of the peer. Bus thread.
    void AddSignalHandler(BusMember signal, std::function<void(MessageReader &)> handler);

    /// Closes the connection before this is destroyed: calls under way have got NULL when it returns.
    void Disconnect();

    /// False once the peer is gone. Anything sent then is dropped.
    [[nodiscard]] bool is_connected() const;

    /// Messages that wait because the peer does not read. Bus thread.
    [[nodiscard]] uint64_t num_queued() const;

    [[nodiscard]] const PeerIdentity &identity() const { return identity_; }
    [[nodiscard]] BusThread &bus_thread() const { return bus_thread_; }

private:
    struct Link;  // outlives the BusPeer while calls hold it
    struct CallTag;

    BusPeer(BusThread &bus_thread, std::shared_ptr<Link> link, const PeerIdentity &identity);
    static int OnDisconnected(sd_bus_message *message, void *userdata, void *error);

    BusThread &bus_thread_;
    const std::shared_ptr<Link> link_;
    const PeerIdentity identity_;
};

/// Adapts `int Class::Method(sd_bus_message *)` to the handler of a vtable entry whose userdata is the object:
/// kBusHandler<&Class::Method>.
template <auto kMethod>
struct BusMethodAdaptor;
template <typename Class, int (Class::*kMethod)(sd_bus_message *)>
struct BusMethodAdaptor<kMethod> {
    static int Invoke(sd_bus_message *message, void *userdata, sd_bus_error *) {
        return (static_cast<Class *>(userdata)->*kMethod)(message);
    }
};
template <auto kMethod>
inline constexpr auto kBusHandler = &BusMethodAdaptor<kMethod>::Invoke;

}  // namespace opendext::channel
