// SPDX-License-Identifier: Apache-2.0
// Reports of this driver process to the registry.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "channel/transport/entry_list.h"
#include "channel/transport/registry_connection.h"
#include "channel/wire/bus_names.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace names = bus::reports;

namespace {

/// Lines that may wait for the bus thread; a driver that logs faster loses lines.
constexpr uint32_t kMaxWaitingLines = 4096;

/// The place of one line among those that wait.
class WaitingLine {
public:
    static std::optional<WaitingLine> Take(std::shared_ptr<std::atomic<uint32_t>> count) {
        if (count->fetch_add(1) >= kMaxWaitingLines) {
            count->fetch_sub(1);
            return std::nullopt;
        }
        return WaitingLine(std::move(count));
    }
    WaitingLine(WaitingLine &&) noexcept = default;
    WaitingLine &operator=(WaitingLine &&) = delete;
    ~WaitingLine() {
        if (count_ != nullptr) {
            count_->fetch_sub(1);
        }
    }

private:
    explicit WaitingLine(std::shared_ptr<std::atomic<uint32_t>> count) : count_(std::move(count)) {}
    std::shared_ptr<std::atomic<uint32_t>> count_;
};

}  // namespace

std::expected<EntryId, int32_t> RegistryConnection::CreateChild(EntryId creator,
                                                                const PropertyValue &properties) {
    EntryId child = EntryId::kNone;
    const int32_t result = Ask(
        names::kCreateChild,
        [&](MessageWriter &writer) {
            WriteEntry(writer, creator);
            writer.Property(properties);
        },
        [&](MessageReader &reader) { child = ReadEntry(reader); });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return child;
}

void RegistryConnection::ChildFailed(EntryId entry) {
    peer_->CallAsync(
        {names::kInterface, names::kChildFailed},
        [entry](MessageWriter &writer) { WriteEntry(writer, entry); }, [](MessageReader *) {});
}

int32_t RegistryConnection::RegisterService(EntryId entry) {
    return AskResult(names::kRegisterService,
                     [entry](MessageWriter &writer) { WriteEntry(writer, entry); });
}

int32_t RegistryConnection::Terminate(EntryId entry) {
    return AskResult(names::kTerminate,
                     [entry](MessageWriter &writer) { WriteEntry(writer, entry); });
}

std::expected<PropertyValue, int32_t> RegistryConnection::CopyProperties(EntryId entry) {
    PropertyValue properties;
    const int32_t result = Ask(
        names::kCopyProperties, [entry](MessageWriter &writer) { WriteEntry(writer, entry); },
        [&](MessageReader &reader) { properties = reader.Property(); });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return properties;
}

int32_t RegistryConnection::MergeProperties(EntryId entry, const PropertyValue &properties) {
    return AskResult(names::kMergeProperties, [&](MessageWriter &writer) {
        WriteEntry(writer, entry);
        writer.Property(properties);
    });
}

int32_t RegistryConnection::RemoveProperty(EntryId entry, const std::string &key) {
    return AskResult(names::kRemoveProperty, [&](MessageWriter &writer) {
        WriteEntry(writer, entry);
        writer.Text(key);
    });
}

std::expected<PropertyValue, int32_t> RegistryConnection::SearchProperty(EntryId entry,
                                                                         const std::string &key,
                                                                         const std::string &plane,
                                                                         bool parents) {
    PropertyValue value;
    const int32_t result = Ask(
        names::kSearchProperty,
        [&](MessageWriter &writer) {
            WriteEntry(writer, entry);
            writer.Text(key);
            writer.Text(plane);
            writer.Bool(parents);
        },
        [&](MessageReader &reader) { value = reader.Property(); });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return value;
}

int32_t RegistryConnection::SetName(EntryId entry, const std::string &name) {
    return AskResult(names::kSetName, [&](MessageWriter &writer) {
        WriteEntry(writer, entry);
        writer.Text(name);
    });
}

std::expected<std::string, int32_t> RegistryConnection::CopyName(EntryId entry) {
    std::string name;
    const int32_t result = Ask(
        names::kCopyName, [entry](MessageWriter &writer) { WriteEntry(writer, entry); },
        [&](MessageReader &reader) { name = reader.Text(); });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return name;
}

std::expected<std::vector<PropertyValue>, int32_t> RegistryConnection::CopyProviderProperties(
    EntryId entry, const std::vector<std::string> &keys) {
    PropertyValue found;
    const int32_t result = Ask(
        names::kCopyProviderProperties,
        [&](MessageWriter &writer) {
            WriteEntry(writer, entry);
            writer.TextList(keys);
        },
        [&](MessageReader &reader) {
            found = reader.Property();
            if (found.IfArray() == nullptr) {
                reader.Fail();
            }
        });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return std::move(*found.IfArray());
}

std::expected<RelatedEntry, int32_t> RegistryConnection::CopyParent(EntryId entry) {
    RelatedEntry parent;
    const int32_t result = Ask(
        names::kCopyParent, [entry](MessageWriter &writer) { WriteEntry(writer, entry); },
        [&](MessageReader &reader) {
            parent.entry = ReadEntry(reader);
            parent.class_name = reader.Text();
            parent.part = reader.Text();
        });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return parent;
}

std::expected<std::vector<RelatedEntry>, int32_t> RegistryConnection::CopyChildren(EntryId entry) {
    std::vector<RelatedEntry> children;
    const int32_t result = Ask(
        names::kCopyChildren, [entry](MessageWriter &writer) { WriteEntry(writer, entry); },
        [&](MessageReader &reader) { children = ReadRelated(reader); });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return children;
}

std::expected<UniqueFd, int32_t> RegistryConnection::OpenDevice(EntryId entry) {
    UniqueFd socket;
    const int32_t result = Ask(
        names::kOpenDevice, [entry](MessageWriter &writer) { WriteEntry(writer, entry); },
        [&](MessageReader &reader) {
            socket = reader.OptionalFd();
            if (!socket.is_valid()) {
                reader.Fail();
            }
        });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return socket;
}

int32_t RegistryConnection::JoinPowerTree(EntryId entry) {
    return AskResult(names::kJoinPowerTree,
                     [entry](MessageWriter &writer) { WriteEntry(writer, entry); });
}

int32_t RegistryConnection::ChangePowerState(EntryId entry, uint32_t flags) {
    return AskResult(names::kChangePowerState, [entry, flags](MessageWriter &writer) {
        WriteEntry(writer, entry);
        writer.U32(flags);
    });
}

int32_t RegistryConnection::SetPowerOverride(EntryId entry, bool enable) {
    return AskResult(names::kSetPowerOverride, [entry, enable](MessageWriter &writer) {
        WriteEntry(writer, entry);
        writer.Bool(enable);
    });
}

int32_t RegistryConnection::AdjustBusy(EntryId entry, int32_t delta) {
    return AskResult(names::kAdjustBusy, [entry, delta](MessageWriter &writer) {
        WriteEntry(writer, entry);
        writer.I32(delta);
    });
}

std::expected<uint32_t, int32_t> RegistryConnection::GetBusyState(EntryId entry) {
    uint32_t state = 0;
    const int32_t result = Ask(
        names::kGetBusyState, [entry](MessageWriter &writer) { WriteEntry(writer, entry); },
        [&](MessageReader &reader) { state = reader.U32(); });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return state;
}

int32_t RegistryConnection::WatchServices(uint64_t watch, const PropertyValue &matching) {
    return AskResult(names::kWatchServices, [&](MessageWriter &writer) {
        writer.U64(watch);
        writer.Property(matching);
    });
}

std::expected<EntryId, int32_t> RegistryConnection::SystemStateService() {
    EntryId service = EntryId::kNone;
    const int32_t result = Ask(
        names::kSystemStateService, [](MessageWriter &) {},
        [&](MessageReader &reader) { service = ReadEntry(reader); });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return service;
}

int32_t RegistryConnection::CreateStateItem(EntryId entry, const std::string &name,
                                            const PropertyValue &value) {
    return AskResult(names::kCreateStateItem, [&](MessageWriter &writer) {
        WriteEntry(writer, entry);
        writer.Text(name);
        writer.Property(value);
    });
}

int32_t RegistryConnection::SetStateItem(EntryId entry, const std::string &name,
                                         const PropertyValue &value) {
    return AskResult(names::kSetStateItem, [&](MessageWriter &writer) {
        WriteEntry(writer, entry);
        writer.Text(name);
        writer.Property(value);
    });
}

std::expected<PropertyValue, int32_t> RegistryConnection::CopyStateItem(EntryId entry,
                                                                        const std::string &name) {
    PropertyValue value;
    const int32_t result = Ask(
        names::kCopyStateItem,
        [&](MessageWriter &writer) {
            WriteEntry(writer, entry);
            writer.Text(name);
        },
        [&](MessageReader &reader) { value = reader.Property(); });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return value;
}

int32_t RegistryConnection::WatchStates(uint64_t watch, EntryId service,
                                        const std::vector<std::string> &items) {
    return AskResult(names::kWatchStates, [&](MessageWriter &writer) {
        writer.U64(watch);
        WriteEntry(writer, service);
        writer.TextList(items);
    });
}

void RegistryConnection::StopWatch(uint64_t watch) {
    peer_->Emit({names::kInterface, names::kStopWatch},
                [watch](MessageWriter &writer) { writer.U64(watch); });
}

void RegistryConnection::ServiceStopped(EntryId entry) {
    peer_->Emit({names::kInterface, names::kServiceStopped},
                [entry](MessageWriter &writer) { WriteEntry(writer, entry); });
}

void RegistryConnection::LogLine(uint32_t level, const std::string &text) {
    std::optional<WaitingLine> waiting = WaitingLine::Take(num_waiting_lines_);
    if (!waiting) {
        num_lost_lines_.fetch_add(1);
        return;
    }
    const uint64_t num_lost = num_lost_lines_.exchange(0);
    std::string line =
        num_lost == 0 ? text : fmt::format("{} lines before this one are lost: {}", num_lost, text);
    peer_->Emit(
        {names::kInterface, names::kLogLine},
        [level, line = std::move(line), waiting = std::move(*waiting)](MessageWriter &writer) {
            writer.U32(level);
            // A long line is cut rather than lost.
            writer.Text(std::string_view(line).substr(0, kMaxTextBytes));
        });
}

}  // namespace opendext::channel
