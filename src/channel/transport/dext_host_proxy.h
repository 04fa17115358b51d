// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <vector>

#include "channel/transport/bus_peer.h"
#include "channel/wire/host_seam.h"

namespace opendext::channel {

/// A driver process as the registry holds it: sends orders, and passes the process's reports to `reports`. Never
/// waits for the process. Used on the bus thread, where answers come too.
class DextHostProxy final : public DextHostPort {
public:
    struct Options {
        /// Receives what the process asks; outlives the proxy.
        HostReports *reports = nullptr;
        /// The process serves orders from now on: 0, or why it cannot.
        std::function<void(int32_t)> on_ready;
        /// Sends the process a signal: who started it does that.
        std::function<void(int signal)> kill;
        /// The socket hung up: all orders under way have been or will be answered with kHostGone. May destroy the
        /// proxy.
        std::function<void()> on_gone;
    };

    /// Takes the registry's end of the socket that the process was started with. @return errno.
    [[nodiscard]] static std::expected<std::unique_ptr<DextHostProxy>, int> Attach(
        BusThread &bus_thread, UniqueFd socket, Options options);
    ~DextHostProxy() override;

    void StartService(const ServiceStart &start, std::function<void(int32_t)> answer) override;
    void OpenClient(const ClientOpen &open,
                    std::function<void(std::expected<OpenedClient, int32_t>)> answer) override;
    void StopService(EntryId entry, StopMode mode, std::function<void(int32_t)> answer) override;
    void SetPowerState(EntryId entry, uint32_t flags, std::function<void(int32_t)> answer) override;
    void NotifyService(uint64_t watch, ServiceEvent event,
                       const ProviderDescription &service) override;
    void NotifyState(uint64_t watch) override;
    void ReadReports(
        EntryId service, const std::vector<uint64_t> &channels,
        std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) override;
    void Exit() override;
    void Kill(int signal) override;

    /// What the kernel says of the process at the other end. Of a socketpair: of this process.
    [[nodiscard]] const PeerIdentity &identity() const { return peer_->identity(); }

    /// A report of the process: reads the arguments of a method of HostReports, calls it and answers its result. Bus
    /// thread.
    template <auto kReport>
    int OnReport(sd_bus_message *call);
    int OnChildFailed(sd_bus_message *call);

private:
    explicit DextHostProxy(Options options) : options_(std::move(options)) {}
    void SetUpPeer(BusPeer &peer);

    Options options_;
    std::unique_ptr<BusPeer> peer_;
};

}  // namespace opendext::channel
