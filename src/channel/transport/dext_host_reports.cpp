// SPDX-License-Identifier: Apache-2.0
// Reports of a driver process, answered from the registry's tables.
#include <expected>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "channel/transport/dext_host_proxy.h"
#include "channel/transport/entry_list.h"
#include "channel/wire/bus_names.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace names = bus::reports;

namespace {

// An argument of a report, as its message has it.
template <typename Argument>
Argument Read(MessageReader &reader) {
    if constexpr (std::is_same_v<Argument, EntryId>) {
        return ReadEntry(reader);
    } else if constexpr (std::is_same_v<Argument, bool>) {
        return reader.Bool();
    } else if constexpr (std::is_same_v<Argument, int32_t>) {
        return reader.I32();
    } else if constexpr (std::is_same_v<Argument, uint32_t>) {
        return reader.U32();
    } else if constexpr (std::is_same_v<Argument, uint64_t>) {
        return reader.U64();
    } else if constexpr (std::is_same_v<Argument, std::string>) {
        return reader.Text();
    } else if constexpr (std::is_same_v<Argument, std::vector<std::string>>) {
        return reader.TextList();
    } else {
        static_assert(std::is_same_v<Argument, PropertyValue>);
        return reader.Property();
    }
}

// What follows the result in the answer of a report.
void Write(MessageWriter &writer, EntryId entry) {
    WriteEntry(writer, entry);
}
void Write(MessageWriter &writer, uint32_t value) {
    writer.U32(value);
}
void Write(MessageWriter &writer, const std::string &text) {
    writer.Text(text);
}
void Write(MessageWriter &writer, const PropertyValue &value) {
    writer.Property(value);
}
// An array; of a report that fails, null.
void Write(MessageWriter &writer, const std::vector<PropertyValue> &values) {
    writer.Property(values.empty() ? PropertyValue() : PropertyValue(values));
}
void Write(MessageWriter &writer, const RelatedEntry &related) {
    WriteEntry(writer, related.entry);
    writer.Text(related.class_name);
    writer.Text(related.part);
}
void Write(MessageWriter &writer, const std::vector<RelatedEntry> &related) {
    WriteRelated(writer, related);
}
void Write(MessageWriter &writer, const UniqueFd &fd) {
    writer.OptionalFd(fd.get());
}

void WriteAnswer(MessageWriter &writer, int32_t result) {
    writer.I32(result);
}
template <typename Value>
void WriteAnswer(MessageWriter &writer, const std::expected<Value, int32_t> &answer) {
    writer.I32(answer ? kSuccess : answer.error());
    const Value none = {};
    Write(writer, answer ? *answer : none);
}

template <typename Interface, typename Result, typename... Arguments>
std::tuple<std::decay_t<Arguments>...> ReadArguments(Result (Interface::*)(Arguments...),
                                                     MessageReader &reader) {
    // In braces: from left to right.
    return std::tuple<std::decay_t<Arguments>...>{Read<std::decay_t<Arguments>>(reader)...};
}

}  // namespace

template <auto kReport>
int DextHostProxy::OnReport(sd_bus_message *call) {
    MessageReader reader(call);
    const auto arguments = ReadArguments(kReport, reader);
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    const auto answer = std::apply(
        [this](const auto &...each) { return (options_.reports->*kReport)(each...); }, arguments);
    return ReplyNow(call, [&](MessageWriter &writer) { WriteAnswer(writer, answer); });
}

int DextHostProxy::OnChildFailed(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    options_.reports->ChildFailed(entry);
    return ReplyNow(call, [](MessageWriter &) {});
}

namespace {

using Proxy = DextHostProxy;

template <auto kReport>
inline constexpr auto kReportHandler = kBusHandler<&Proxy::OnReport<kReport>>;

const sd_bus_vtable kReportsVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD(names::kCreateChild, names::kCreateChildIn, names::kCreateChildOut,
                  kReportHandler<&HostReports::CreateChild>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kChildFailed, names::kChildFailedIn, bus::kNothing,
                  kBusHandler<&Proxy::OnChildFailed>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kRegisterService, names::kEntryIn, names::kResultOut,
                  kReportHandler<&HostReports::RegisterService>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kTerminate, names::kEntryIn, names::kResultOut,
                  kReportHandler<&HostReports::Terminate>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kCopyProperties, names::kEntryIn, names::kCopyPropertiesOut,
                  kReportHandler<&HostReports::CopyProperties>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kMergeProperties, names::kMergePropertiesIn, names::kResultOut,
                  kReportHandler<&HostReports::MergeProperties>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kRemoveProperty, names::kRemovePropertyIn, names::kResultOut,
                  kReportHandler<&HostReports::RemoveProperty>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kSearchProperty, names::kSearchPropertyIn, names::kSearchPropertyOut,
                  kReportHandler<&HostReports::SearchProperty>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kSetName, names::kSetNameIn, names::kResultOut,
                  kReportHandler<&HostReports::SetName>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kCopyName, names::kEntryIn, names::kCopyNameOut,
                  kReportHandler<&HostReports::CopyName>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kCopyProviderProperties, names::kCopyProviderPropertiesIn,
                  names::kCopyProviderPropertiesOut,
                  kReportHandler<&HostReports::CopyProviderProperties>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kCopyParent, names::kEntryIn, names::kCopyParentOut,
                  kReportHandler<&HostReports::CopyParent>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kCopyChildren, names::kEntryIn, names::kCopyChildrenOut,
                  kReportHandler<&HostReports::CopyChildren>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kOpenDevice, names::kEntryIn, names::kOpenDeviceOut,
                  kReportHandler<&HostReports::OpenDevice>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kJoinPowerTree, names::kEntryIn, names::kResultOut,
                  kReportHandler<&HostReports::JoinPowerTree>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kChangePowerState, names::kChangePowerStateIn, names::kResultOut,
                  kReportHandler<&HostReports::ChangePowerState>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kSetPowerOverride, names::kSetPowerOverrideIn, names::kResultOut,
                  kReportHandler<&HostReports::SetPowerOverride>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kAdjustBusy, names::kAdjustBusyIn, names::kResultOut,
                  kReportHandler<&HostReports::AdjustBusy>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kGetBusyState, names::kEntryIn, names::kGetBusyStateOut,
                  kReportHandler<&HostReports::GetBusyState>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kWatchServices, names::kWatchServicesIn, names::kResultOut,
                  kReportHandler<&HostReports::WatchServices>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kSystemStateService, bus::kNothing, names::kSystemStateServiceOut,
                  kReportHandler<&HostReports::SystemStateService>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kCreateStateItem, names::kStateItemIn, names::kResultOut,
                  kReportHandler<&HostReports::CreateStateItem>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kSetStateItem, names::kStateItemIn, names::kResultOut,
                  kReportHandler<&HostReports::SetStateItem>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kCopyStateItem, names::kCopyStateItemIn, names::kCopyStateItemOut,
                  kReportHandler<&HostReports::CopyStateItem>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kWatchStates, names::kWatchStatesIn, names::kResultOut,
                  kReportHandler<&HostReports::WatchStates>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

}  // namespace

void DextHostProxy::SetUpPeer(BusPeer &peer) {
    peer.AddVtable(names::kInterface, kReportsVtable, this);
    peer.AddSignalHandler({names::kInterface, names::kReady}, [this](MessageReader &reader) {
        const int32_t result = reader.I32();
        if (const auto on_ready = std::exchange(options_.on_ready, nullptr);
            on_ready && reader.is_ok()) {
            on_ready(result);
        }
    });
    peer.AddSignalHandler({names::kInterface, names::kServiceStopped},
                          [this](MessageReader &reader) {
                              const EntryId entry = ReadEntry(reader);
                              if (reader.is_ok()) {
                                  options_.reports->ServiceStopped(entry);
                              }
                          });
    peer.AddSignalHandler({names::kInterface, names::kStopWatch}, [this](MessageReader &reader) {
        const uint64_t watch = reader.U64();
        if (reader.is_ok()) {
            options_.reports->StopWatch(watch);
        }
    });
    peer.AddSignalHandler({names::kInterface, names::kLogLine}, [this](MessageReader &reader) {
        const uint32_t level = reader.U32();
        const std::string text = reader.Text();
        if (reader.is_ok()) {
            options_.reports->LogLine(level, text);
        }
    });
}

}  // namespace opendext::channel
