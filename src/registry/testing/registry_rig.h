// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "registry/registry.h"
#include "registry/testing/fake_hosts.h"
#include "registry/testing/fake_scheduler.h"

namespace opendext::registry::testing {

using Dictionary = PropertyValue::Dictionary;

/// A folder that is removed with the object.
class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder &) = delete;
    TemporaryFolder &operator=(const TemporaryFolder &) = delete;

    [[nodiscard]] const std::filesystem::path &path() const { return path_; }
    void Write(const std::filesystem::path &relative, const std::string &text) const;

private:
    std::filesystem::path path_;
};

/// `value` in the XML of a property list, without the frame.
std::string PlistXml(const PropertyValue &value);
/// A whole property list.
std::string PlistText(const Dictionary &value);

/// The keys a personality needs, with `more` on top; the provider is IOUserResources unless that says otherwise.
Dictionary PersonalityOf(const std::string &user_class, const Dictionary &more = {});

/// Little-endian bytes, as PCI registers are published.
PropertyValue Register(uint32_t value);

/// A PCI function: 10ee:7024, class 0x058000 revision 2, subsystem 10ee:0007.
ProviderSpec FpgaCard(const std::string &name = "pci10ee,7024");

/// A registry among fakes.
class RegistryRig {
public:
    explicit RegistryRig(Registry::Options options = {});

    /// A bundle on disk with these personalities, added to the registry.
    void AddDext(const std::string &identifier, const Dictionary &personalities,
                 const std::optional<Dictionary> &entitlements = std::nullopt);
    /// One driver named `user_class` on IOUserResources, in a process that is ready and has answered Start.
    EntryId StartDriver(const std::string &user_class, const Dictionary &more = {});

    /// A client that the driver made in NewUserClient.
    std::expected<EntryId, int32_t> CreateChild(FakeHost &host, EntryId creator,
                                                const Dictionary &more = {});

    [[nodiscard]] const RegistryEntry *Find(EntryId entry) const {
        return registry->tree().Find(entry);
    }
    /// The entries of that name, in the order they were made.
    [[nodiscard]] std::vector<EntryId> Named(const std::string &name) const;

    FakeScheduler scheduler;
    FakeLauncher launcher;
    TemporaryFolder folder;
    std::unique_ptr<Registry> registry;
    EntryId resources = EntryId::kNone;  ///< IOUserResources.

private:
    int num_bundles_ = 0;
};

}  // namespace opendext::registry::testing
