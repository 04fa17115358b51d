// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "channel/transport/bus_peer.h"

namespace opendext::channel {

/// One line of a log, as it travels.
struct LogFeedLine {
    uint32_t level = 0;  ///< The sender's: os_log_type_t of a driver's line.
    std::string source;  ///< Which driver or program.
    std::string text;
};

/// The registry's end of `opendext log`: passes lines to those that have subscribed. A subscriber that does not
/// read loses lines. Outlives the peers that it is added to; bus thread.
class LogFeedServer {
public:
    /// Serves org.opendext.Log on a peer. In the peer's set-up.
    void Add(BusPeer &peer);

    /// The peer goes.
    void Remove(BusPeer &peer) { subscribers_.erase(&peer); }

    /// Sends the line to all subscribers.
    void Publish(const LogFeedLine &line);

    [[nodiscard]] size_t num_subscribers() const { return subscribers_.size(); }

private:
    std::set<BusPeer *> subscribers_;
};

/// The tool's end of `opendext log`.
class LogFeedClient {
public:
    /// Asks for lines on an attached peer (BusServiceDirectory::peer); `on_line` runs on the bus thread for each,
    /// from before this returns until the peer is destroyed. Not on the bus thread.
    /// @return whether the registry serves a log.
    [[nodiscard]] static bool Subscribe(BusPeer &peer,
                                        std::function<void(const LogFeedLine &)> on_line);
};

}  // namespace opendext::channel
