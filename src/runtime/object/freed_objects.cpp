// SPDX-License-Identifier: Apache-2.0
#include "runtime/object/freed_objects.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "runtime/diagnostics/diagnostic.h"
#include "runtime/object/object_header.h"
#include "runtime/object/object_internals.h"

namespace opendext::object {

using diagnostics::CallSite;

namespace {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kKeepsFreed = false;
#else
constexpr bool kKeepsFreed = true;
#endif

constexpr size_t kNumKept = 1024;

/// How far from a member's address an access still counts as one through it.
constexpr size_t kReachBytes = size_t{64} << 10;

/// The headers of what is kept. Each slot is one object's, until the next one takes it.
std::array<std::atomic<ObjectHeader *>, kNumKept> slots;
std::atomic<uint64_t> num_freed = 0;

/// Address space without memory: kReachBytes for each slot. NULL: there is none.
std::byte *Nowhere() {
    static std::byte *const start = [] {
        void *reserved = mmap(nullptr, kNumKept * kReachBytes, PROT_NONE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        return reserved == MAP_FAILED ? nullptr : static_cast<std::byte *>(reserved);
    }();
    return start;
}

std::string DescribeEnd(const ObjectHeader &header) {
    const std::string place = header.made_at.DescribeWithLines();
    return place.empty() ? "" : fmt::format(" (it was freed in {})", place);
}

constexpr std::string_view kFix =
    "retain an object for as long as you use it, and cancel what may still call it before its last "
    "release; an address-sanitized build also tells of memory that is no object";

diagnostics::Occurrence UseOf(const ObjectHeader &header, const void *object,
                              const CallSite &place) {
    return {.id = diagnostics::DiagnosticId::kUsedAfterFree,
            .class_name = header.freed_class,
            .object = object,
            .method = {},
            .place = place,
            .level = LogLevel::kError};
}

/// "FpgaClient::Send(unsigned long)".
std::string NameOfVirtual(const ObjectHeader &header, size_t index) {
    const void *function = static_cast<const void *const *>(header.freed_virtuals)[index];
    const std::string text = CallSite::AtFunction(function).DescribeWithLines();
    return text.substr(0, text.find(" at "));
}

[[noreturn]] void EndForUse(const void *object, size_t index) {
    const ObjectHeader &header = *ObjectHeader::Of(static_cast<const OSObject *>(object));
    const std::string name = NameOfVirtual(header, index);
    const bool is_release = name.contains("::release() const");
    diagnostics::Report(
        UseOf(header, object, CallSite::OfDriver()),
        fmt::format("{} is called after its free(){}{}", name,
                    is_release ? ": it is released once too often" : "", DescribeEnd(header)),
        kFix);
    std::abort();
}

template <size_t index>
[[noreturn]] void CallOfFreed(const void *object) {
    EndForUse(object, index);
}

/// What a freed object has for virtual functions. More than any class has.
constexpr size_t kNumVirtuals = 256;

template <size_t... index>
constexpr std::array<void (*)(const void *), sizeof...(index)> VirtualsOfFreed(
    std::index_sequence<index...> /*sequence*/) {
    return {&CallOfFreed<index>...};
}

/// Two words in front: offset and type information.
struct VirtualTable {
    std::array<const void *, 2> nothing = {};
    std::array<void (*)(const void *), kNumVirtuals> functions =
        VirtualsOfFreed(std::make_index_sequence<kNumVirtuals>());
};
const VirtualTable virtuals_of_freed;

void Spoil(OSObject *object, size_t num_bytes, size_t slot) {
    const std::byte *nowhere = Nowhere();
    const void *address = nowhere == nullptr ? nullptr : nowhere + slot * kReachBytes;
    auto *words = reinterpret_cast<const volatile void **>(object);
    for (size_t i = 1; i < num_bytes / sizeof(void *); ++i) {
        words[i] = address;
    }
    words[0] = virtuals_of_freed.functions.data();
}

void Discard(ObjectHeader *header) {
    if (header != nullptr) {
        header->~ObjectHeader();
        std::free(static_cast<void *>(header));
    }
}

}  // namespace

EndingObject BeginEnd(OSObject *object) {
    const OSMetaClass &meta_class = *object->getMetaClass();
    ObjectHeader &header = *ObjectHeader::Of(object);
    EndingObject ending{.class_name = meta_class.getClassName(),
                        .virtuals = *reinterpret_cast<const void *const *>(object),
                        .num_bytes = meta_class.description().instanceSize};
    if (kKeepsFreed) {
        const CallSite freed_at = CallSite::OfDriver();
        ending.is_kept = freed_at.is_known() || header.state.load() == ObjectHeader::State::kListed;
        header.made_at = freed_at;
    }
    return ending;
}

void EndStorage(void *storage, const EndingObject &ending) {
    auto *object = static_cast<OSObject *>(storage);
    ObjectHeader *header = ObjectHeader::Of(object);
    if (!ending.is_kept) {
        Discard(header);
        return;
    }
    header->freed_class = ending.class_name;
    header->freed_virtuals = ending.virtuals;
    header->state = ObjectHeader::State::kFreed;
    const size_t slot = num_freed.fetch_add(1, std::memory_order_relaxed) % kNumKept;
    Spoil(object, ending.num_bytes, slot);
    Discard(slots[slot].exchange(header, std::memory_order_acq_rel));
}

void ForgetFreedObjects() {
    for (auto &slot : slots) {
        Discard(slot.exchange(nullptr, std::memory_order_acq_rel));
    }
}

bool ReportFreedObjectFault(uintptr_t address, const CallSite &place) {
    const auto start = reinterpret_cast<uintptr_t>(Nowhere());
    if (start == 0 || address < start || address >= start + kNumKept * kReachBytes) {
        return false;
    }
    ObjectHeader *header = slots[(address - start) / kReachBytes].load(std::memory_order_acquire);
    if (header == nullptr) {
        return false;
    }
    diagnostics::Report(
        UseOf(*header, header->object(), place),
        fmt::format("a member of it (ivars, say) is used after its free(), at offset {:#x}{}",
                    (address - start) % kReachBytes, DescribeEnd(*header)),
        kFix);
    return true;
}

}  // namespace opendext::object
