// SPDX-License-Identifier: Apache-2.0
// Values of PCI matching keys, from a driver's or an application's property list. The first byte chooses the key,
// the next twelve are the device's registers, the rest is the text.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "registry/pci_match.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    using opendext::registry::PciKeyMatches;
    constexpr std::array<std::string_view, 4> kKeys = {"IOPCIMatch", "IOPCIPrimaryMatch",
                                                       "IOPCISecondaryMatch", "IOPCIClassMatch"};
    opendext::registry::PciIdentity identity;
    static_assert(sizeof(identity) == 12);
    if (num_bytes < 1 + sizeof(identity)) {
        return 0;
    }
    const std::string_view key = kKeys[data[0] % kKeys.size()];
    std::memcpy(&identity, data + 1, sizeof(identity));
    const std::string text(reinterpret_cast<const char *>(data) + 1 + sizeof(identity),
                           num_bytes - 1 - sizeof(identity));
    const auto matches = PciKeyMatches(key, text, identity);
    // Terms are alternatives: one that always holds decides, and a wrong one spoils all.
    const auto with_any = PciKeyMatches(key, text + " 0&0", identity);
    if (matches.has_value() != with_any.has_value() || (with_any && !*with_any)) {
        std::abort();
    }
    if (PciKeyMatches(key, text + " x", identity)) {
        std::abort();
    }
    return 0;
}
