// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "backends/api/pci_types.h"

namespace opendext::backends {

/// The MSI-X table and pending bits of one function, as software sees them in a BAR. Not thread-safe.
class MsixTable {
public:
    explicit MsixTable(uint32_t num_vectors);

    /// Access of the table or of the pending bits, at an offset from its own start. 32 and 64 bits, aligned:
    /// anything else reads as all ones and writes nothing, as does an offset behind the end.
    [[nodiscard]] uint64_t ReadTable(uint64_t offset, AccessWidth width) const;
    void WriteTable(uint64_t offset, AccessWidth width, uint64_t value);
    [[nodiscard]] uint64_t ReadPending(uint64_t offset, AccessWidth width) const;

    [[nodiscard]] bool IsMasked(InterruptVector vector) const;
    void SetPending(InterruptVector vector, bool pending);

    /// Programs one entry and unmasks it.
    void Program(InterruptVector vector, uint64_t message_address, uint32_t message_data);

    /// All entries zero and masked, nothing pending.
    void Reset();

private:
    std::vector<uint32_t> entries_;  // four words a vector
    std::vector<uint32_t> pending_;  // one bit a vector, whole 64-bit words
};

}  // namespace opendext::backends
