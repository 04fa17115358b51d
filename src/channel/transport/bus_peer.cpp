// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/bus_peer.h"

#include <sys/socket.h>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>

#include <systemd/sd-bus.h>

#include "base/log.h"
#include "channel/transport/process_sockets.h"

namespace opendext::channel {

namespace {

constexpr uint64_t kNoTimeout = UINT64_MAX;

struct SignalHandler {
    std::function<void(MessageReader &)> handler;
};

int OnSignal(sd_bus_message *message, void *userdata, sd_bus_error *) {
    MessageReader reader(message);
    static_cast<SignalHandler *>(userdata)->handler(reader);
    return 0;
}

PeerIdentity IdentityOf(int socket) {
    ucred credentials = {};
    socklen_t length = sizeof(credentials);
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
        return {};
    }
    return {.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid};
}

sd_bus *OpenBus(UniqueFd socket, BusSide side) {
    sd_bus *bus = nullptr;
    if (sd_bus_new(&bus) < 0) {
        return nullptr;
    }
    sd_id128_t server_id = {};
    const int fd = socket.get();
    bool is_ok = sd_bus_set_fd(bus, fd, fd) >= 0;
    if (is_ok) {
        (void)socket.Release();  // the bus closes it
    }
    is_ok = is_ok && sd_bus_negotiate_fds(bus, 1) >= 0 && sd_bus_set_anonymous(bus, 1) >= 0;
    if (side == BusSide::kServer) {
        is_ok = is_ok && sd_id128_randomize(&server_id) >= 0 &&
                sd_bus_set_server(bus, 1, server_id) >= 0;
    }
    if (!is_ok) {
        sd_bus_unref(bus);
        return nullptr;
    }
    return bus;
}

}  // namespace

/// The sd_bus and what its callbacks need. Fields but is_connected are used on the bus thread only.
struct BusPeer::Link {
    sd_bus *bus = nullptr;
    int socket = -1;
    std::function<void()> on_gone;
    std::list<SignalHandler> signal_handlers;
    std::list<std::function<void()>> actions;
    std::unordered_map<uint64_t, OnReply> pending_calls;
    uint64_t last_call = 0;
    std::atomic<bool> is_connected = true;
    sd_event_source *first_read = nullptr;

    /// Ends the call if it has not ended yet.
    void FinishCall(uint64_t call, MessageReader *reply) {
        const auto found = pending_calls.find(call);
        if (found != pending_calls.end()) {
            OnReply on_reply = std::move(found->second);
            pending_calls.erase(found);
            on_reply(reply);
        }
    }

    /// A call that fails because the peer hung up fails before the hang-up itself is reported.
    void NoticeHangUp() {
        if (bus == nullptr || sd_bus_is_open(bus) <= 0) {
            is_connected.store(false);
        }
    }

    /// sd-bus leaves a message that came with the end of the authentication in a buffer that no poll
    /// tells of. Until the buffer has been emptied once, every turn of the loop looks there.
    void ReadFirst() {
        const bool is_authenticated = bus != nullptr && sd_bus_is_ready(bus) != 0;
        if (is_authenticated && sd_bus_process(bus, nullptr) <= 0) {
            first_read = sd_event_source_disable_unref(first_read);
        }
    }

    void Close() {
        is_connected.store(false);
        first_read = sd_event_source_disable_unref(first_read);
        on_gone = nullptr;
        if (sd_bus *const closing = std::exchange(bus, nullptr); closing != nullptr) {
            ProcessSockets::Remove(socket);
            sd_bus_close(closing);
            sd_bus_detach_event(closing);
            sd_bus_unref(closing);
        }
        while (!pending_calls.empty()) {
            FinishCall(pending_calls.begin()->first, nullptr);
        }
    }
};

/// What sd-bus keeps of a call that waits for its answer.
struct BusPeer::CallTag {
    std::shared_ptr<Link> link;
    uint64_t call = 0;

    static int OnReply(sd_bus_message *message, void *userdata, sd_bus_error *) {
        const CallTag tag = *static_cast<CallTag *>(userdata);
        if (sd_bus_message_is_method_error(message, nullptr) > 0) {
            tag.link->NoticeHangUp();
            tag.link->FinishCall(tag.call, nullptr);
            return 1;
        }
        MessageReader reader(message);
        tag.link->FinishCall(tag.call, &reader);
        return 1;
    }
    static void Destroy(void *userdata) {
        const std::unique_ptr<CallTag> tag(static_cast<CallTag *>(userdata));
        tag->link->FinishCall(tag->call, nullptr);
    }
};

std::expected<std::pair<UniqueFd, UniqueFd>, int> MakeBusSocketPair() {
    int fds[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
        return std::unexpected(errno);
    }
    return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

DeferredReply::DeferredReply(BusThread &bus_thread, sd_bus_message *call)
    : bus_thread_(&bus_thread), call_(sd_bus_message_ref(call), &sd_bus_message_unref) {}

DeferredReply::~DeferredReply() {
    if (call_ != nullptr) {
        bus_thread_->Post([call = std::move(call_)] { RejectCall(call.get()); });
    }
}

void DeferredReply::Send(std::move_only_function<void(MessageWriter &)> write) {
    if (call_ == nullptr) {
        return;
    }
    bus_thread_->Post([call = std::move(call_), owned = std::move(write)]() mutable {
        ReplyNow(call.get(), [&](MessageWriter &writer) { owned(writer); });
    });
}

int ReplyNow(sd_bus_message *call, const std::function<void(MessageWriter &)> &write) {
    sd_bus_message *made = nullptr;
    if (sd_bus_message_new_method_return(call, &made) < 0) {
        return 1;
    }
    const std::unique_ptr<sd_bus_message, sd_bus_message *(*)(sd_bus_message *)> reply(
        made, &sd_bus_message_unref);
    MessageWriter writer(made);
    write(writer);
    if (!writer.is_ok()) {
        return RejectCall(call);
    }
    sd_bus_send(nullptr, made, nullptr);
    return 1;
}

int RejectCall(sd_bus_message *call) {
    sd_bus_reply_method_errorf(call, SD_BUS_ERROR_INVALID_ARGS, "an argument is out of range");
    return 1;
}

BusPeer::BusPeer(BusThread &bus_thread, std::shared_ptr<Link> link, const PeerIdentity &identity)
    : bus_thread_(bus_thread), link_(std::move(link)), identity_(identity) {}

int BusPeer::OnDisconnected(sd_bus_message *, void *userdata, void *) {
    // Held here: on_gone may destroy the peer.
    const std::shared_ptr<Link> link = static_cast<BusPeer *>(userdata)->link_;
    link->is_connected.store(false);
    if (const std::function<void()> on_gone = std::exchange(link->on_gone, nullptr)) {
        on_gone();
    }
    return 0;
}

std::expected<std::unique_ptr<BusPeer>, int> BusPeer::Attach(
    BusThread &bus_thread, UniqueFd socket, BusSide side, std::function<void()> on_gone,
    const std::function<void(BusPeer &)> &set_up) {
    const PeerIdentity identity = IdentityOf(socket.get());
    std::unique_ptr<BusPeer> peer;
    int error = 0;
    bus_thread.RunAndWait([&] {
        auto link = std::make_shared<Link>();
        link->socket = socket.get();
        link->bus = OpenBus(std::move(socket), side);
        if (link->bus == nullptr) {
            error = EIO;
            return;
        }
        ProcessSockets::Add(link->socket);
        link->on_gone = std::move(on_gone);
        peer.reset(new BusPeer(bus_thread, link, identity));
        const auto on_disconnected = [](sd_bus_message *message, void *userdata,
                                        sd_bus_error *failure) {
            return OnDisconnected(message, userdata, failure);
        };
        int result = sd_bus_match_signal(link->bus, nullptr, nullptr, "/org/freedesktop/DBus/Local",
                                         "org.freedesktop.DBus.Local", "Disconnected",
                                         on_disconnected, peer.get());
        set_up(*peer);
        if (result >= 0) {
            result = sd_bus_start(link->bus);
        }
        if (result >= 0) {
            result = sd_bus_attach_event(link->bus, bus_thread.event(), SD_EVENT_PRIORITY_NORMAL);
        }
        if (result >= 0) {
            const auto on_turn = [](sd_event_source *, void *userdata) {
                // The message may be the one that ends the peer.
                const std::shared_ptr<Link> held = static_cast<BusPeer *>(userdata)->link_;
                held->ReadFirst();
                return 0;
            };
            result = sd_event_add_post(bus_thread.event(), &link->first_read, on_turn, peer.get());
        }
        error = result < 0 ? -result : 0;
    });
    if (error != 0) {
        return std::unexpected(error);
    }
    return peer;
}

BusPeer::~BusPeer() {
    Disconnect();
}

void BusPeer::Disconnect() {
    bus_thread_.RunAndWait([this] { link_->Close(); });
}

bool BusPeer::Call(BusMember method, Write write,
                   std::move_only_function<void(MessageReader &)> read) {
    if (bus_thread_.IsCurrent()) {
        LogError(
            "channel: {}.{} was called on the bus thread, which must not wait; call it on another "
            "thread",
            method.interface_name, method.member);
        return false;
    }
    std::mutex mutex;
    std::condition_variable done_changed;
    std::optional<bool> outcome;
    CallAsync(method, std::move(write), [&](MessageReader *reader) {
        bool is_valid = reader != nullptr;
        if (is_valid) {
            read(*reader);
            is_valid = reader->is_ok();
        }
        const std::lock_guard lock(mutex);
        outcome = is_valid;
        done_changed.notify_one();
    });
    std::unique_lock lock(mutex);
    done_changed.wait(lock, [&] { return outcome.has_value(); });
    return *outcome;
}

void BusPeer::CallAsync(BusMember method, Write write, OnReply on_reply) {
    bus_thread_.Post(
        [link = link_, method, write = std::move(write), on_reply = std::move(on_reply)]() mutable {
            sd_bus_message *made = nullptr;
            if (link->bus == nullptr || !link->is_connected.load() ||
                sd_bus_message_new_method_call(link->bus, &made, nullptr, kObjectPath,
                                               method.interface_name, method.member) < 0) {
                link->NoticeHangUp();
                on_reply(nullptr);
                return;
            }
            const std::unique_ptr<sd_bus_message, sd_bus_message *(*)(sd_bus_message *)> message(
                made, &sd_bus_message_unref);
            MessageWriter writer(made);
            write(writer);
            const uint64_t call = ++link->last_call;
            link->pending_calls.emplace(call, std::move(on_reply));
            auto tag = std::make_unique<CallTag>(CallTag{.link = link, .call = call});
            sd_bus_slot *slot = nullptr;
            if (!writer.is_ok() || sd_bus_call_async(link->bus, &slot, made, &CallTag::OnReply,
                                                     tag.get(), kNoTimeout) < 0) {
                link->NoticeHangUp();
                link->FinishCall(call, nullptr);
                return;
            }
            sd_bus_slot_set_destroy_callback(slot, &CallTag::Destroy);
            [[maybe_unused]] CallTag *const owned_by_slot = tag.release();
            sd_bus_slot_set_floating(slot, 1);
            sd_bus_slot_unref(slot);
        });
}

void BusPeer::Emit(BusMember signal, Write write) {
    bus_thread_.Post([link = link_, signal, write = std::move(write)]() mutable {
        sd_bus_message *made = nullptr;
        if (link->bus == nullptr || !link->is_connected.load() ||
            sd_bus_message_new_signal(link->bus, &made, kObjectPath, signal.interface_name,
                                      signal.member) < 0) {
            return;
        }
        const std::unique_ptr<sd_bus_message, sd_bus_message *(*)(sd_bus_message *)> message(
            made, &sd_bus_message_unref);
        MessageWriter writer(made);
        write(writer);
        if (writer.is_ok()) {
            sd_bus_send(link->bus, made, nullptr);
        }
    });
}

void BusPeer::AddVtable(const char *interface_name, const sd_bus_vtable *vtable, void *userdata) {
    const int result = sd_bus_add_object_vtable(link_->bus, nullptr, kObjectPath, interface_name,
                                                vtable, userdata);
    if (result < 0) {
        LogError("channel: cannot serve {}: {}", interface_name,
                 SystemError{"sd-bus", -result}.ToString());
    }
}

void BusPeer::AddVtableWithAction(const char *interface_name, const sd_bus_vtable *vtable,
                                  std::function<void()> action) {
    link_->actions.push_back(std::move(action));
    AddVtable(interface_name, vtable, &link_->actions.back());
}

void BusPeer::AddSignalHandler(BusMember signal, std::function<void(MessageReader &)> handler) {
    link_->signal_handlers.push_back({std::move(handler)});
    sd_bus_match_signal(link_->bus, nullptr, nullptr, kObjectPath, signal.interface_name,
                        signal.member, &OnSignal, &link_->signal_handlers.back());
}

bool BusPeer::is_connected() const {
    return link_->is_connected.load();
}

uint64_t BusPeer::num_queued() const {
    uint64_t num_messages = 0;
    if (link_->bus == nullptr || sd_bus_get_n_queued_write(link_->bus, &num_messages) < 0) {
        return 0;
    }
    return num_messages;
}

}  // namespace opendext::channel
