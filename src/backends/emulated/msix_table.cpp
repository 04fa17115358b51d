// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/msix_table.h"

#include <algorithm>

#include "backends/api/pci_registers.h"

namespace opendext::backends {
namespace {

constexpr uint32_t kWordsPerEntry = pci::kMsixEntryBytes / 4;
constexpr uint32_t kControlWord = pci::kMsixEntryControl / 4;

// 0 when the access is not allowed, else how many words it takes.
size_t NumWords(const std::vector<uint32_t> &words, uint64_t offset, AccessWidth width) {
    const uint64_t num_bytes = NumBytes(width);
    if (num_bytes < 4 || offset % num_bytes != 0 || offset > words.size() * 4 - num_bytes) {
        return 0;
    }
    return num_bytes / 4;
}

uint64_t ReadWords(const std::vector<uint32_t> &words, uint64_t offset, AccessWidth width) {
    const size_t num_words = NumWords(words, offset, width);
    if (num_words == 0) {
        return AllOnes(width);
    }
    const uint64_t low = words[offset / 4];
    return num_words == 1 ? low : low | static_cast<uint64_t>(words[offset / 4 + 1]) << 32;
}

}  // namespace

MsixTable::MsixTable(uint32_t num_vectors)
    : entries_(size_t{num_vectors} * kWordsPerEntry),
      pending_((size_t{num_vectors} + 63) / 64 * 2) {
    Reset();
}

uint64_t MsixTable::ReadTable(uint64_t offset, AccessWidth width) const {
    return ReadWords(entries_, offset, width);
}

uint64_t MsixTable::ReadPending(uint64_t offset, AccessWidth width) const {
    return ReadWords(pending_, offset, width);
}

void MsixTable::WriteTable(uint64_t offset, AccessWidth width, uint64_t value) {
    for (size_t i = 0; i < NumWords(entries_, offset, width); ++i) {
        const size_t index = offset / 4 + i;
        const auto word = static_cast<uint32_t>(value >> (32 * i));
        entries_[index] =
            index % kWordsPerEntry == kControlWord ? word & pci::kMsixEntryMasked : word;
    }
}

bool MsixTable::IsMasked(InterruptVector vector) const {
    return (entries_[size_t{vector} * kWordsPerEntry + kControlWord] & pci::kMsixEntryMasked) != 0;
}

void MsixTable::SetPending(InterruptVector vector, bool pending) {
    const uint32_t bit = 1U << (vector % 32);
    uint32_t &word = pending_[vector / 32];
    word = pending ? word | bit : word & ~bit;
}

void MsixTable::Program(InterruptVector vector, uint64_t message_address, uint32_t message_data) {
    const size_t first = size_t{vector} * kWordsPerEntry;
    entries_[first] = static_cast<uint32_t>(message_address);
    entries_[first + 1] = static_cast<uint32_t>(message_address >> 32);
    entries_[first + 2] = message_data;
    entries_[first + kControlWord] = 0;
}

void MsixTable::Reset() {
    std::ranges::fill(entries_, 0);
    std::ranges::fill(pending_, 0);
    for (size_t i = kControlWord; i < entries_.size(); i += kWordsPerEntry) {
        entries_[i] = pci::kMsixEntryMasked;
    }
}

}  // namespace opendext::backends
