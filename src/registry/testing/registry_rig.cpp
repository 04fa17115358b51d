// SPDX-License-Identifier: Apache-2.0
#include "registry/testing/registry_rig.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace opendext::registry::testing {

TemporaryFolder::TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "registry-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error("no temporary folder");
    }
    path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
}

void TemporaryFolder::Write(const std::filesystem::path &relative, const std::string &text) const {
    std::filesystem::create_directories((path_ / relative).parent_path());
    std::ofstream(path_ / relative, std::ios::binary) << text;
}

std::string PlistXml(const PropertyValue &value) {
    std::string xml;
    if (const std::string *text = value.IfString()) {
        for (const char c : *text) {
            xml += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
        }
        return "<string>" + xml + "</string>";
    }
    if (const bool *truth = value.IfBool()) {
        return *truth ? "<true/>" : "<false/>";
    }
    if (const auto *integer = value.IfInteger()) {
        return fmt::format("<integer>{}</integer>", static_cast<int64_t>(integer->value));
    }
    if (const auto *array = value.IfArray()) {
        for (const PropertyValue &element : *array) {
            xml += PlistXml(element);
        }
        return "<array>" + xml + "</array>";
    }
    if (const auto *dictionary = value.IfDictionary()) {
        for (const auto &[key, element] : *dictionary) {
            xml += "<key>" + key + "</key>" + PlistXml(element) + "\n";
        }
        return "<dict>" + xml + "</dict>";
    }
    throw std::logic_error("this kind is not needed in a test's property list");
}

std::string PlistText(const Dictionary &value) {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">" + PlistXml(value) +
           "</plist>\n";
}

Dictionary PersonalityOf(const std::string &user_class, const Dictionary &more) {
    Dictionary personality = more;
    if (!more.contains("IOProviderClass")) {
        personality.insert({{"IOProviderClass", "IOUserResources"}, {"IOResourceMatch", "IOKit"}});
    }
    personality.insert({{"IOClass", "IOUserService"},
                        {"IOUserClass", user_class},
                        {"IOUserServerName", "com.example.driver"}});
    return personality;
}

PropertyValue Register(uint32_t value) {
    PropertyValue::Data bytes;
    for (int shift = 0; shift < 32; shift += 8) {
        bytes.push_back(static_cast<uint8_t>(value >> shift));
    }
    return PropertyValue(std::move(bytes));
}

ProviderSpec FpgaCard(const std::string &name) {
    return {.class_name = "IOPCIDevice",
            .name = name,
            .location = "0,0",
            .device = "model:fpga",
            .properties = {{"vendor-id", Register(0x10ee)},
                           {"device-id", Register(0x7024)},
                           {"class-code", Register(0x058000)},
                           {"revision-id", Register(2)},
                           {"subsystem-vendor-id", Register(0x10ee)},
                           {"subsystem-id", Register(7)}}};
}

RegistryRig::RegistryRig(Registry::Options options)
    : registry(std::make_unique<Registry>(launcher, scheduler, std::move(options))) {
    resources = Named("IOUserResources").at(0);
}

void RegistryRig::AddDext(const std::string &identifier, const Dictionary &personalities,
                          const std::optional<Dictionary> &entitlements) {
    const std::filesystem::path bundle = fmt::format("{}-{}.dext", identifier, num_bundles_++);
    folder.Write(bundle / "Info.plist", PlistText({{"CFBundleIdentifier", identifier},
                                                   {"IOKitPersonalities", personalities}}));
    if (entitlements) {
        folder.Write(bundle / "entitlements.plist", PlistText(*entitlements));
    }
    if (const auto added = registry->AddBundle(folder.path() / bundle); !added) {
        throw std::runtime_error(added.error());
    }
}

EntryId RegistryRig::StartDriver(const std::string &user_class, const Dictionary &more) {
    Dictionary keys = more;
    keys.try_emplace("IOMatchCategory", "category of " + user_class);
    AddDext("com.example.driver", {{user_class, PersonalityOf(user_class, keys)}});
    FakeHost &host = launcher.last();
    if (host.ready) {
        host.BecomeReady();
    }
    host.AnswerStart(user_class);
    scheduler.Run();
    return host.EntryOf(user_class);
}

std::expected<EntryId, int32_t> RegistryRig::CreateChild(FakeHost &host, EntryId creator,
                                                         const Dictionary &more) {
    Dictionary keys = more;
    keys.insert({{"IOClass", "IOUserUserClient"}, {"IOUserClass", "Client"}});
    return host.reports().CreateChild(creator, PropertyValue(keys));
}

std::vector<EntryId> RegistryRig::Named(const std::string &name) const {
    std::vector<EntryId> named;
    for (const RegistryEntry *entry : registry->tree().All()) {
        if (entry->name == name) {
            named.push_back(entry->id);
        }
    }
    return named;
}

}  // namespace opendext::registry::testing
