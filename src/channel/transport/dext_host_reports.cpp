// SPDX-License-Identifier: Apache-2.0
// Reports of a driver process, answered from the registry's tables.
#include <utility>

#include "channel/transport/dext_host_proxy.h"
#include "channel/transport/entry_list.h"
#include "channel/wire/bus_names.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace names = bus::reports;

namespace {

using Proxy = DextHostProxy;

const sd_bus_vtable kReportsVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD(names::kCreateChild, names::kCreateChildIn, names::kCreateChildOut,
                  kBusHandler<&Proxy::OnCreateChild>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kChildFailed, names::kChildFailedIn, bus::kNothing,
                  kBusHandler<&Proxy::OnChildFailed>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kRegisterService, names::kEntryIn, names::kResultOut,
                  kBusHandler<&Proxy::OnRegisterService>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kTerminate, names::kEntryIn, names::kResultOut,
                  kBusHandler<&Proxy::OnTerminate>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kCopyProperties, names::kEntryIn, names::kCopyPropertiesOut,
                  kBusHandler<&Proxy::OnCopyProperties>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kMergeProperties, names::kMergePropertiesIn, names::kResultOut,
                  kBusHandler<&Proxy::OnMergeProperties>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kRemoveProperty, names::kRemovePropertyIn, names::kResultOut,
                  kBusHandler<&Proxy::OnRemoveProperty>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kSearchProperty, names::kSearchPropertyIn, names::kSearchPropertyOut,
                  kBusHandler<&Proxy::OnSearchProperty>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kSetName, names::kSetNameIn, names::kResultOut,
                  kBusHandler<&Proxy::OnSetName>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kCopyName, names::kEntryIn, names::kCopyNameOut,
                  kBusHandler<&Proxy::OnCopyName>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kCopyProviderProperties, names::kCopyProviderPropertiesIn,
                  names::kCopyProviderPropertiesOut, kBusHandler<&Proxy::OnCopyProviderProperties>,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kCopyParent, names::kEntryIn, names::kCopyParentOut,
                  kBusHandler<&Proxy::OnCopyParent>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kCopyChildren, names::kEntryIn, names::kCopyChildrenOut,
                  kBusHandler<&Proxy::OnCopyChildren>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kOpenDevice, names::kEntryIn, names::kOpenDeviceOut,
                  kBusHandler<&Proxy::OnOpenDevice>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kJoinPowerTree, names::kEntryIn, names::kResultOut,
                  kBusHandler<&Proxy::OnJoinPowerTree>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kChangePowerState, names::kChangePowerStateIn, names::kResultOut,
                  kBusHandler<&Proxy::OnChangePowerState>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kSetPowerOverride, names::kSetPowerOverrideIn, names::kResultOut,
                  kBusHandler<&Proxy::OnSetPowerOverride>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kAdjustBusy, names::kAdjustBusyIn, names::kResultOut,
                  kBusHandler<&Proxy::OnAdjustBusy>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kGetBusyState, names::kEntryIn, names::kGetBusyStateOut,
                  kBusHandler<&Proxy::OnGetBusyState>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kWatchServices, names::kWatchServicesIn, names::kResultOut,
                  kBusHandler<&Proxy::OnWatchServices>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

int ReplyResult(sd_bus_message *call, int32_t result) {
    return ReplyNow(call, [&](MessageWriter &writer) { writer.I32(result); });
}

int ReplyProperty(sd_bus_message *call, const std::expected<PropertyValue, int32_t> &value) {
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.I32(value ? kSuccess : value.error());
        writer.Property(value.value_or(PropertyValue()));
    });
}

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

int DextHostProxy::OnCreateChild(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId creator = ReadEntry(reader);
    const PropertyValue properties = reader.Property();
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    const auto child = options_.reports->CreateChild(creator, properties);
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.I32(child ? kSuccess : child.error());
        WriteEntry(writer, child.value_or(EntryId::kNone));
    });
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

int DextHostProxy::OnRegisterService(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    return reader.is_ok() ? ReplyResult(call, options_.reports->RegisterService(entry))
                          : RejectCall(call);
}

int DextHostProxy::OnTerminate(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    return reader.is_ok() ? ReplyResult(call, options_.reports->Terminate(entry))
                          : RejectCall(call);
}

int DextHostProxy::OnCopyProperties(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    return reader.is_ok() ? ReplyProperty(call, options_.reports->CopyProperties(entry))
                          : RejectCall(call);
}

int DextHostProxy::OnMergeProperties(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    const PropertyValue properties = reader.Property();
    return reader.is_ok() ? ReplyResult(call, options_.reports->MergeProperties(entry, properties))
                          : RejectCall(call);
}

int DextHostProxy::OnRemoveProperty(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    const std::string key = reader.Text();
    return reader.is_ok() ? ReplyResult(call, options_.reports->RemoveProperty(entry, key))
                          : RejectCall(call);
}

int DextHostProxy::OnSearchProperty(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    const std::string key = reader.Text();
    const std::string plane = reader.Text();
    const bool parents = reader.Bool();
    return reader.is_ok()
               ? ReplyProperty(call, options_.reports->SearchProperty(entry, key, plane, parents))
               : RejectCall(call);
}

int DextHostProxy::OnSetName(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    const std::string name = reader.Text();
    return reader.is_ok() ? ReplyResult(call, options_.reports->SetName(entry, name))
                          : RejectCall(call);
}

int DextHostProxy::OnCopyName(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    const auto name = options_.reports->CopyName(entry);
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.I32(name ? kSuccess : name.error());
        writer.Text(name.value_or(""));
    });
}

int DextHostProxy::OnCopyProviderProperties(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    const std::vector<std::string> keys = reader.TextList();
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    auto found = options_.reports->CopyProviderProperties(entry, keys);
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.I32(found ? kSuccess : found.error());
        writer.Property(found ? PropertyValue(std::move(*found)) : PropertyValue());
    });
}

int DextHostProxy::OnCopyParent(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    const auto parent = options_.reports->CopyParent(entry);
    return ReplyNow(call, [&](MessageWriter &writer) {
        const RelatedEntry found = parent.value_or(RelatedEntry());
        writer.I32(parent ? kSuccess : parent.error());
        WriteEntry(writer, found.entry);
        writer.Text(found.class_name);
        writer.Text(found.part);
    });
}

int DextHostProxy::OnCopyChildren(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    const auto children = options_.reports->CopyChildren(entry);
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.I32(children ? kSuccess : children.error());
        WriteRelated(writer, children.value_or(std::vector<RelatedEntry>()));
    });
}

int DextHostProxy::OnOpenDevice(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    const auto socket = options_.reports->OpenDevice(entry);
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.I32(socket ? kSuccess : socket.error());
        writer.OptionalFd(socket ? socket->get() : -1);
    });
}

int DextHostProxy::OnJoinPowerTree(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    return reader.is_ok() ? ReplyResult(call, options_.reports->JoinPowerTree(entry))
                          : RejectCall(call);
}

int DextHostProxy::OnChangePowerState(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    const uint32_t flags = reader.U32();
    return reader.is_ok() ? ReplyResult(call, options_.reports->ChangePowerState(entry, flags))
                          : RejectCall(call);
}

int DextHostProxy::OnSetPowerOverride(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    const bool enable = reader.Bool();
    return reader.is_ok() ? ReplyResult(call, options_.reports->SetPowerOverride(entry, enable))
                          : RejectCall(call);
}

int DextHostProxy::OnAdjustBusy(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    const int32_t delta = reader.I32();
    return reader.is_ok() ? ReplyResult(call, options_.reports->AdjustBusy(entry, delta))
                          : RejectCall(call);
}

int DextHostProxy::OnGetBusyState(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    const auto state = options_.reports->GetBusyState(entry);
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.I32(state ? kSuccess : state.error());
        writer.U32(state.value_or(0));
    });
}

int DextHostProxy::OnWatchServices(sd_bus_message *call) {
    MessageReader reader(call);
    const uint64_t watch = reader.U64();
    const PropertyValue matching = reader.Property();
    return reader.is_ok() ? ReplyResult(call, options_.reports->WatchServices(watch, matching))
                          : RejectCall(call);
}

}  // namespace opendext::channel
