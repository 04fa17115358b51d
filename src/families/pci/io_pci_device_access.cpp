// SPDX-License-Identifier: Apache-2.0
// IOPCIDevice: accesses to configuration space and memory ranges (semantics.md 6.2, 6.3). No message, no
// lock: a driver polls registers with these.
#include "backends/api/pci_registers.h"
#include "base/checked.h"
#include "base/log.h"
#include "families/pci/pci_device_state.h"

using opendext::backends::AccessWidth;
using opendext::backends::AllOnes;
using opendext::pci::PciAccess;
namespace registers = opendext::backends::pci;

namespace {

template <typename Word>
constexpr AccessWidth kWidthOf = static_cast<AccessWidth>(sizeof(Word));

[[gnu::cold, gnu::noinline]] void WarnOfRange(IOPCIDevice_IVars &state, uint8_t index,
                                              uint64_t offset, uint32_t num_bytes) {
    if (!state.has_warned_of_range.exchange(true)) {
        opendext::LogWarning(
            "PCI device: access of {} bytes at {:#x} of memory index {}, which has {:#x} bytes: "
            "reads all ones "
            "here and faults on the original; check the offset",
            num_bytes, offset, index, state.ranges[index].num_bytes);
    }
}

void WarnOnce(std::atomic<bool> &has_warned, const char *text) {
    if (!has_warned.exchange(true)) {
        opendext::LogWarning("PCI device: {}", text);
    }
}

// Whether a device that is not, or not yet surely, set up for accesses has a session. Says what its driver forgot.
[[gnu::cold, gnu::noinline]] bool IsOpenThough(IOPCIDevice_IVars &state, bool is_memory) {
    PciAccess seen = state.access.load();
    if (seen == PciAccess::kNone) {
        const std::scoped_lock lock(state.mutex);
        // Neither unplugged nor in a reset.
        if (state.client == nullptr && state.backend != nullptr && state.backend->IsPresent()) {
            WarnOnce(
                state.has_warned_of_close,
                "access while it is not open: reads all ones and drops writes; call Open first");
        }
        return false;
    }
    if (is_memory && seen == PciAccess::kUnchecked &&
        state.access.compare_exchange_strong(seen, PciAccess::kChecked)) {
        const uint32_t command = state.backend->ReadConfig(registers::kCommand, AccessWidth::k16);
        if ((command & registers::kCommandMemory) == 0) {
            WarnOnce(
                state.has_warned_of_decoding,
                "memory access while memory space is off: reads all ones and drops writes; set "
                "kIOPCICommandMemorySpace in the command register first");
        }
    }
    return seen != PciAccess::kNone;  // a reset may have begun
}

// Whether an access goes to the device.
template <typename Word>
inline bool Reaches(IOPCIDevice_IVars &state, uint8_t index, uint64_t offset) {
    if (state.access.load(std::memory_order_acquire) != PciAccess::kChecked &&
        !IsOpenThough(state, true)) [[unlikely]] {
        return false;
    }
    if (index >= state.ranges.size()) {
        return false;
    }
    if (!opendext::RangeIsWithin<uint64_t>(offset, sizeof(Word), state.ranges[index].num_bytes)) {
        WarnOfRange(state, index, offset, sizeof(Word));
        return false;
    }
    return true;
}

template <typename Word>
inline void ReadMemory(IOPCIDevice_IVars &state, uint8_t index, uint64_t offset, Word *value) {
    *value = Reaches<Word>(state, index, offset)
                 ? static_cast<Word>(state.backend->ReadMemory(index, offset, kWidthOf<Word>))
                 : static_cast<Word>(AllOnes(kWidthOf<Word>));
}

template <typename Word>
inline void WriteMemory(IOPCIDevice_IVars &state, uint8_t index, uint64_t offset, Word value) {
    if (Reaches<Word>(state, index, offset)) {
        state.backend->WriteMemory(index, offset, kWidthOf<Word>, value);
    }
}

bool ConfigReaches(IOPCIDevice_IVars &state, uint64_t offset) {
    const bool is_open = state.access.load(std::memory_order_acquire) == PciAccess::kChecked ||
                         IsOpenThough(state, false);
    return is_open && offset < 0x1000;
}

template <typename Word>
void ReadConfig(IOPCIDevice_IVars &state, uint64_t offset, Word *value) {
    *value = ConfigReaches(state, offset) ? static_cast<Word>(state.backend->ReadConfig(
                                                static_cast<uint32_t>(offset), kWidthOf<Word>))
                                          : static_cast<Word>(AllOnes(kWidthOf<Word>));
}

template <typename Word>
void WriteConfig(IOPCIDevice_IVars &state, uint64_t offset, Word value) {
    if (ConfigReaches(state, offset)) {
        state.backend->WriteConfig(static_cast<uint32_t>(offset), kWidthOf<Word>, value);
    }
}

}  // namespace

// The public accessors, by width.
#define OPENDEXT_CONFIGURATION_ACCESSORS(bits)                                             \
    void IOPCIDevice::ConfigurationRead##bits(uint64_t offset, uint##bits##_t *readData) { \
        ReadConfig(*ivars, offset, readData);                                              \
    }                                                                                      \
    void IOPCIDevice::ConfigurationWrite##bits(uint64_t offset, uint##bits##_t data) {     \
        WriteConfig(*ivars, offset, data);                                                 \
    }
#define OPENDEXT_MEMORY_ACCESSORS(bits)                                                            \
    void IOPCIDevice::MemoryRead##bits(uint8_t memoryIndex, uint64_t offset,                       \
                                       uint##bits##_t *readData) {                                 \
        ReadMemory(*ivars, memoryIndex, offset, readData);                                         \
    }                                                                                              \
    void IOPCIDevice::MemoryRead##bits(uint8_t memoryIndex, uint64_t offset,                       \
                                       uint##bits##_t *readData, IOOptionBits) {                   \
        ReadMemory(*ivars, memoryIndex, offset, readData);                                         \
    }                                                                                              \
    void IOPCIDevice::MemoryWrite##bits(uint8_t memoryIndex, uint64_t offset,                      \
                                        uint##bits##_t data) {                                     \
        WriteMemory(*ivars, memoryIndex, offset, data);                                            \
    }                                                                                              \
    void IOPCIDevice::MemoryWrite##bits(uint8_t memoryIndex, uint64_t offset, uint##bits##_t data, \
                                        IOOptionBits) {                                            \
        WriteMemory(*ivars, memoryIndex, offset, data);                                            \
    }

OPENDEXT_CONFIGURATION_ACCESSORS(8)
OPENDEXT_CONFIGURATION_ACCESSORS(16)
OPENDEXT_CONFIGURATION_ACCESSORS(32)
OPENDEXT_MEMORY_ACCESSORS(8)
OPENDEXT_MEMORY_ACCESSORS(16)
OPENDEXT_MEMORY_ACCESSORS(32)
OPENDEXT_MEMORY_ACCESSORS(64)
