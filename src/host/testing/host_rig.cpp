// SPDX-License-Identifier: Apache-2.0
#include "host/testing/host_rig.h"

#include <algorithm>
#include <utility>

namespace opendext::host {

using channel::EntryId;

EntryId FakeReports::Add(EntryId parent, const PropertyValue::Dictionary &properties) {
    const std::scoped_lock lock(mutex_);
    const EntryId id{++last_};
    entries_[id] = {.parent = parent, .properties = properties, .user_properties = {}, .name = {}};
    return id;
}

FakeReports::Entry FakeReports::Get(EntryId id) {
    const std::scoped_lock lock(mutex_);
    return entries_[id];
}

std::expected<EntryId, int32_t> FakeReports::CreateChild(EntryId creator,
                                                         const PropertyValue &properties) {
    return Add(creator, *properties.IfDictionary());
}

void FakeReports::ChildFailed(EntryId entry) {
    const std::scoped_lock lock(mutex_);
    entries_[entry].failed = true;
}

int32_t FakeReports::RegisterService(EntryId entry) {
    const std::scoped_lock lock(mutex_);
    entries_[entry].registered = true;
    return kIOReturnSuccess;
}

int32_t FakeReports::Terminate(EntryId entry) {
    return on_terminate ? on_terminate(entry) : kIOReturnOffline;
}

std::expected<PropertyValue, int32_t> FakeReports::CopyProperties(EntryId entry) {
    const std::scoped_lock lock(mutex_);
    PropertyValue::Dictionary all = entries_[entry].user_properties;
    all.insert(entries_[entry].properties.begin(), entries_[entry].properties.end());
    return PropertyValue(std::move(all));
}

int32_t FakeReports::MergeProperties(EntryId entry, const PropertyValue &properties) {
    const std::scoped_lock lock(mutex_);
    for (const auto &[key, value] : *properties.IfDictionary()) {
        entries_[entry].user_properties.insert_or_assign(key, value);
    }
    return kIOReturnSuccess;
}

int32_t FakeReports::RemoveProperty(EntryId entry, const std::string &key) {
    const std::scoped_lock lock(mutex_);
    return entries_[entry].user_properties.erase(key) != 0 ? kIOReturnSuccess : kIOReturnNotFound;
}

std::expected<PropertyValue, int32_t> FakeReports::SearchProperty(EntryId entry,
                                                                  const std::string &key,
                                                                  const std::string &,
                                                                  bool parents) {
    const std::scoped_lock lock(mutex_);
    for (EntryId id = entry; entries_.contains(id); id = entries_[id].parent) {
        for (const auto *table : {&entries_[id].properties, &entries_[id].user_properties}) {
            if (const auto found = table->find(key); found != table->end()) {
                return found->second;
            }
        }
        if (!parents) {
            break;
        }
    }
    return std::unexpected(kIOReturnNotFound);
}

int32_t FakeReports::SetName(EntryId entry, const std::string &name) {
    const std::scoped_lock lock(mutex_);
    entries_[entry].name = name;
    return kIOReturnSuccess;
}

std::expected<std::string, int32_t> FakeReports::CopyName(EntryId entry) {
    const std::scoped_lock lock(mutex_);
    return entries_[entry].name;
}

std::expected<std::vector<PropertyValue>, int32_t> FakeReports::CopyProviderProperties(
    EntryId entry, const std::vector<std::string> &keys) {
    const std::scoped_lock lock(mutex_);
    std::vector<PropertyValue> all;
    for (EntryId id = entry; entries_.contains(id); id = entries_[id].parent) {
        PropertyValue::Dictionary wanted;
        for (const auto &[key, value] : entries_[id].properties) {
            if (keys.empty() || std::ranges::find(keys, key) != keys.end()) {
                wanted.emplace(key, value);
            }
        }
        all.emplace_back(std::move(wanted));
    }
    return all;
}

RelatedEntry FakeReports::RelationTo(EntryId entry) {
    const auto text = [&](const std::string &key) {
        const auto found = entries_[entry].properties.find(key);
        return found == entries_[entry].properties.end() ? std::string()
                                                         : *found->second.IfString();
    };
    return {.entry = entry, .class_name = text("IOClass"), .part = text("part")};
}

std::expected<RelatedEntry, int32_t> FakeReports::CopyParent(EntryId entry) {
    const std::scoped_lock lock(mutex_);
    if (!entries_.contains(entry) || !entries_.contains(entries_[entry].parent)) {
        return std::unexpected(kIOReturnNotFound);
    }
    return RelationTo(entries_[entry].parent);
}

std::expected<std::vector<RelatedEntry>, int32_t> FakeReports::CopyChildren(EntryId parent) {
    const std::scoped_lock lock(mutex_);
    std::vector<RelatedEntry> children;
    for (const auto &[id, entry] : entries_) {
        if (entry.parent == parent) {
            children.push_back(RelationTo(id));
        }
    }
    return children;
}

std::expected<UniqueFd, int32_t> FakeReports::OpenDevice(EntryId) {
    return std::unexpected(kIOReturnNoDevice);
}

void FakeReports::ServiceStopped(EntryId entry) {
    const std::scoped_lock lock(mutex_);
    entries_[entry].stopped = true;
}

LogCapture::LogCapture() {
    SetLogSink([lines = lines_](LogLevel, std::string_view line) {
        const std::scoped_lock lock(lines->mutex);
        lines->lines.emplace_back(line);
    });
}

LogCapture::~LogCapture() {
    SetLogSink({});
}

bool LogCapture::Has(const std::string &text) {
    const std::scoped_lock lock(lines_->mutex);
    return std::ranges::any_of(lines_->lines,
                               [&](const std::string &line) { return line.contains(text); });
}

LoadedDext TestDext() {
    static const char kAnyAddress = 0;
    LoadedDext dext;
    dext.identifier = "org.opendext.test";
    dext.image = &kAnyAddress;
    return dext;
}

HostRig::HostRig(service::DriverScript given, DextHostOptions options) : script(std::move(given)) {
    if (options.dext == nullptr) {
        options.dext = std::make_shared<const LoadedDext>(TestDext());
    }
    options.reports = &reports;
    host = std::make_unique<DextHost>(std::move(options));
    reports.on_terminate = [this](EntryId entry) {
        host->StopService(entry, channel::StopMode::kAwaitReturn, [](int32_t) {});
        return kIOReturnSuccess;
    };
    provider_entry = reports.Add({}, {{"IOClass", "IOUserResources"}});
    const PropertyValue client(
        PropertyValue::Dictionary{{"IOClass", "IOUserUserClient"}, {"IOUserClass", "TestClient"}});
    service_entry = reports.Add(provider_entry, {{"UserClientProperties", client},
                                                 {"CFBundleIdentifier", "org.opendext.test"},
                                                 {"IOUserServerName", "org.opendext.test"}});
    provider = {.entry = provider_entry,
                .class_name = "IOUserResources",
                .name = "IOUserResources",
                .device = "",
                .part = ""};
}

HostRig::~HostRig() {
    (void)Stop(service_entry);
    (void)WaitUntil([this] { return host->NumServices() == 0; });
    host.reset();
}

int32_t HostRig::Start(const std::string &user_class) {
    std::promise<int32_t> status;
    host->StartService({.entry = service_entry, .user_class = user_class, .provider = provider},
                       [&](int32_t answer) { status.set_value(answer); });
    return status.get_future().get();
}

int32_t HostRig::Stop(EntryId entry, channel::StopMode mode) {
    std::promise<int32_t> status;
    host->StopService(entry, mode, [&](int32_t answer) { status.set_value(answer); });
    return status.get_future().get();
}

std::expected<channel::OpenedClient, int32_t> HostRig::Open(uint32_t type,
                                                            const PropertyValue &entitlements) {
    std::promise<std::expected<channel::OpenedClient, int32_t>> opened;
    host->OpenClient({.service = service_entry,
                      .type = type,
                      .creator = "pid 1, test",
                      .entitlements = entitlements},
                     [&](std::expected<channel::OpenedClient, int32_t> answer) {
                         opened.set_value(std::move(answer));
                     });
    return opened.get_future().get();
}

std::shared_ptr<channel::UserClientPort> HostRig::OpenSession() {
    if (Start() != kIOReturnSuccess) {
        return nullptr;
    }
    auto opened = Open();
    return opened ? std::get<std::shared_ptr<channel::UserClientPort>>(opened->endpoint) : nullptr;
}

}  // namespace opendext::host
