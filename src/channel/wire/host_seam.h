// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/property_value.h"
#include "base/registry_port.h"
#include "base/unique_fd.h"
#include "channel/wire/call.h"
#include "channel/wire/io_result.h"
#include "channel/wire/service_directory.h"

/// The seam between the registry and a driver process. The registry holds one DextHostPort per process and
/// gives orders; the driver process answers and reports through HostReports. Every order is answered
/// exactly once, with kHostGone when the process died first. transport joins the two over the bus;
/// embedded mode joins them directly.
namespace opendext::channel {

/// kIOReturnOffline: the result of every order to a process that is gone.
inline constexpr int32_t kHostGone = kIoOffline;

/// A registry entry as a driver process needs it: its provider or one of that one's ancestors.
struct ProviderDescription {
    EntryId entry = EntryId::kNone;
    std::string class_name;  ///< Kernel class: IOPCIDevice, IOUserResources, IOUserService...
    std::string name;
    std::string device;  ///< Device port that backs it ("model:fpga-dma"), or empty.
    std::string part;    ///< Which part of the device it is: a USB interface's number, or empty.
};

/// Start one service in the process.
struct ServiceStart {
    EntryId entry = EntryId::kNone;
    std::string user_class;  ///< IOUserClass: the dext's own class to make.
    ProviderDescription provider;
};

/// How an application reaches a user client: directly (one process) or by the two descriptors of a
/// transport connection.
struct TransportEndpoint {
    UniqueFd region;   ///< Call slots, see transport.
    UniqueFd control;  ///< Bus peer.
};
using ClientEndpoint = std::variant<std::shared_ptr<UserClientPort>, TransportEndpoint>;

struct ClientOpen {
    EntryId service = EntryId::kNone;
    uint32_t type = 0;
    std::string creator;         ///< "pid N, name": IOUserClientCreator.
    PropertyValue entitlements;  ///< Of the application; a dictionary.
};

struct OpenedClient {
    EntryId client = EntryId::kNone;  ///< The user client's own entry.
    ClientEndpoint endpoint;
};

/// How Stop is to be sent (semantics.md 3.7).
enum class StopMode : uint32_t {
    kAwaitReturn,  ///< The provider is active: Stop is called and its status awaited.
    kOneWay,       ///< The provider is gone: Stop is sent, the service counts as stopped at once.
};

/// What has happened to a service that a driver process watches.
enum class ServiceEvent : uint32_t { kMatched, kTerminated };

/// Orders to a driver process. One thread (the registry's) calls; answers come on that same thread.
class DextHostPort {
public:
    virtual ~DextHostPort() = default;

    /// alloc, init, Start on the service's own queue. The answer is Start's status; after a failure the object is
    /// freed (semantics.md 3.6).
    virtual void StartService(const ServiceStart &start, std::function<void(int32_t)> answer) = 0;

    /// NewUserClient (semantics.md 2.1); the answer has the entry that IOService::Create made.
    virtual void OpenClient(const ClientOpen &open,
                            std::function<void(std::expected<OpenedClient, int32_t>)> answer) = 0;

    /// Sends Stop(provider). The answer comes when the base class's Stop has run (or Stop failed, or mode is
    /// kOneWay and the message is queued). After the answer the registry may drop the entry; the object is
    /// freed by its last reference.
    virtual void StopService(EntryId entry, StopMode mode, std::function<void(int32_t)> answer) = 0;

    /// The service's power state changes. The answer comes when the driver has acknowledged that, or never will.
    virtual void SetPowerState(EntryId entry, uint32_t flags,
                               std::function<void(int32_t)> answer) = 0;

    /// Of a watch of HostReports::WatchServices. Never answered.
    virtual void NotifyService(uint64_t watch, ServiceEvent event,
                               const ProviderDescription &service) = 0;

    /// An item of a watch of HostReports::WatchStates has been set. Never answered.
    virtual void NotifyState(uint64_t watch) = 0;

    /// Has the service report on channels (IOService::ConfigureReport and UpdateReport).
    /// @param channels id and IOReportChannelType, as a number, of each in turn.
    /// The answer has IOReportElements; whoever shows them checks them.
    virtual void ReadReports(
        EntryId service, const std::vector<uint64_t> &channels,
        std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) = 0;

    /// The process ends by itself when it hosts nothing any more; this asks it to. Never answered.
    virtual void Exit() = 0;

    /// Ends the process now with `signal`; its exit is reported as any other. A driver in the caller's own
    /// process (embedded mode) cannot be ended: nothing happens.
    virtual void Kill(int signal) = 0;
};

/// What comes from a driver process: the calls of its services, and its log.
class HostReports : public RegistryPort {
public:
    /// A socket for a session with the USB device that `entry` is, or is a part of; its other end is the device's
    /// process. For devices that have one: in embedded mode kIOReturnUnsupported.
    /// @return kIOReturnNotFound (the process may not read the entry), kIOReturnNoDevice (it is unplugged),
    /// kIOReturnNoResources.
    virtual std::expected<UniqueFd, int32_t> OpenDevice(EntryId entry) = 0;

    /// Begins to tell (DextHostPort::NotifyService) of the services that `matching`, a dictionary, selects, those that
    /// are there included: of drivers with the same IOUserServerName as this process.
    /// @param watch a name that the process has not used before.
    virtual int32_t WatchServices(uint64_t watch, const PropertyValue &matching) = 0;
    /// Begins to tell (DextHostPort::NotifyState) when one of these items of the service is set.
    /// @param watch as of WatchServices.
    virtual int32_t WatchStates(uint64_t watch, EntryId service,
                                const std::vector<std::string> &names) = 0;
    /// Ends a watch of either kind.
    virtual void StopWatch(uint64_t watch) = 0;

    /// One os_log or diagnostic line of the driver.
    virtual void LogLine(uint32_t level, const std::string &text) = 0;
};

/// Told when a driver process is gone. Called on the registry's thread, once.
struct HostExit {
    int pid = 0;
    int signal = 0;         ///< The signal that ended it, or 0.
    int exit_code = 0;      ///< When signal is 0.
    std::string backtrace;  ///< Symbolised frames of a crash, one a line; may be empty.
};

/// Makes driver processes. The registry owns what it returns.
class HostLauncher {
public:
    virtual ~HostLauncher() = default;

    struct Request {
        std::string bundle_path;  ///< The .dext folder.
        std::string server_name;  ///< IOUserServerName and the entry id, for logs and process names.
        HostReports *reports = nullptr;  ///< Outlives the host.
        std::function<void(const HostExit &)> on_exit;
    };
    /// Starts a process and returns before it has checked in; `ready` is called once, with 0 or the reason
    /// (kIOReturnTimeout when it does not check in, kHostGone when it died).
    virtual std::unique_ptr<DextHostPort> Launch(const Request &request,
                                                 std::function<void(int32_t)> ready) = 0;
};

}  // namespace opendext::channel
