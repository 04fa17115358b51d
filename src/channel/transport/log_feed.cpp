// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/log_feed.h"

#include <utility>

#include "channel/wire/bus_names.h"

namespace opendext::channel {

namespace names = bus::log;

namespace {

/// Lines that may wait for a subscriber that does not read.
constexpr uint64_t kMaxQueuedLines = 4096;

int OnSubscribe(sd_bus_message *call, void *userdata, sd_bus_error *) {
    (*static_cast<std::function<void()> *>(userdata))();
    return ReplyNow(call, [](MessageWriter &) {});
}

const sd_bus_vtable kLogVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD(names::kSubscribe, bus::kNothing, bus::kNothing, &OnSubscribe,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_SIGNAL(names::kLine, names::kLineArguments, 0),
    SD_BUS_VTABLE_END,
};

}  // namespace

void LogFeedServer::Add(BusPeer &peer) {
    peer.AddVtableWithAction(names::kInterface, kLogVtable,
                             [this, &peer] { subscribers_.insert(&peer); });
}

void LogFeedServer::Publish(const LogFeedLine &line) {
    for (BusPeer *peer : subscribers_) {
        if (peer->num_queued() > kMaxQueuedLines) {
            continue;
        }
        peer->Emit({names::kInterface, names::kLine}, [line](MessageWriter &writer) {
            writer.U32(line.level);
            writer.Text(line.source);
            writer.Text(line.text);
        });
    }
}

bool LogFeedClient::Subscribe(BusPeer &peer, std::function<void(const LogFeedLine &)> on_line) {
    peer.bus_thread().RunAndWait([&] {
        peer.AddSignalHandler({names::kInterface, names::kLine},
                              [on_line = std::move(on_line)](MessageReader &reader) {
                                  LogFeedLine line;
                                  line.level = reader.U32();
                                  line.source = reader.Text();
                                  line.text = reader.Text();
                                  if (reader.is_ok()) {
                                      on_line(line);
                                  }
                              });
    });
    return peer.Call(
        {names::kInterface, names::kSubscribe}, [](MessageWriter &) {}, [](MessageReader &) {});
}

}  // namespace opendext::channel
