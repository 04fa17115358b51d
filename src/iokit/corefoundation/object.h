// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CFBase.h>
#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

// What every CoreFoundation object starts with, and what its type knows how to do. The public opaque structs
// (__CFString, ...) derive from Object, so that a public reference converts without a cast.
namespace opendext::cf {

struct Object;

// Describes one type; one constant per type, which lives for ever.
struct ClassInfo {
    const char *name;
    CFTypeID id;
    void (*destroy)(const Object *object);  // The last reference is gone.
    bool (*equal)(const Object *left,
                  const Object *right);             // Same type, two objects. NULL: identity.
    CFHashCode (*hash)(const Object *object);       // NULL: the address.
    std::string (*describe)(const Object *object);  // The contents, UTF-8. NULL: none.
};

enum TypeId : CFTypeID {
    kTypeAllocator = 1,
    kTypeNull,
    kTypeString,
    kTypeBoolean,
    kTypeNumber,
    kTypeData,
    kTypeArray,
    kTypeDictionary,
    kTypeRunLoop,
    kTypeRunLoopSource,
    kTypeRunLoopTimer,
};

inline constexpr std::uint32_t kObjectIsMutable = 0x1;
inline constexpr std::uint32_t kImmortalReferences = 0;
// The longest buffer that one object holds: far above what fits in memory, far below overflow.
inline constexpr CFIndex kLengthLimit = CFIndex{1} << 46;

// The compiler lays out CFSTR constants as {class, flags, padding of 0, bytes, length}: the fields here and in
// __CFString match that. `references` of 0 marks an object that lives for ever.
struct Object {
    constexpr Object(const ClassInfo &type, std::uint32_t object_flags,
                     std::uint32_t initial_references)
        : class_info(&type), flags(object_flags), references(initial_references) {}
    Object(const Object &) = delete;
    Object &operator=(const Object &) = delete;

    const ClassInfo *class_info;
    std::uint32_t flags;
    mutable std::atomic<std::uint32_t> references;
};
static_assert(sizeof(Object) == 16);

inline const Object *AsObject(CFTypeRef reference) {
    return static_cast<const Object *>(reference);
}

// Prints "CoreFoundation: FUNCTION: text" to stderr and aborts: for misuse that has no error to return.
[[noreturn]] void AbortMisuse(const char *function, const std::string &text);

template <typename... Args>
[[noreturn]] void Misuse(const char *function, fmt::format_string<Args...> format, Args &&...args) {
    AbortMisuse(function, fmt::format(format, std::forward<Args>(args)...));
}

// Aborts with the caller's name unless `reference` is an object of that type.
void CheckType(const char *function, CFTypeRef reference, CFTypeID type);

// Aborts unless the object was made mutable.
void CheckMutable(const char *function, const Object &object);

// Aborts unless `range` lies within `count` elements.
void CheckRange(const char *function, CFRange range, CFIndex count);

// Aborts unless 0 <= length <= kLengthLimit.
void CheckLength(const char *function, CFIndex length);

// FNV-1a over bytes, for CFHash.
CFHashCode HashBytes(const void *bytes, std::size_t num_bytes);

// CFCopyDescription's text for any object; NULL gives "(null)".
std::string Describe(CFTypeRef reference);

// Owns one reference to a CoreFoundation object; T is a public reference type, such as CFStringRef.
template <typename T>
class Ref {
public:
    Ref() = default;
    Ref(const Ref &other) : value_(other.value_) { RetainValue(); }
    Ref(Ref &&other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
    Ref &operator=(Ref other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    ~Ref() {
        if (value_ != nullptr) {
            CFRelease(value_);
        }
    }

    // Takes over the caller's reference (the +1 of a Create or Copy function).
    [[nodiscard]] static Ref Adopt(T value) {
        Ref ref;
        ref.value_ = value;
        return ref;
    }
    // Adds a reference of its own.
    [[nodiscard]] static Ref Retain(T value) {
        Ref ref = Adopt(value);
        ref.RetainValue();
        return ref;
    }

    [[nodiscard]] T Get() const { return value_; }
    // Hands the reference to the caller.
    [[nodiscard]] T Take() { return std::exchange(value_, nullptr); }
    explicit operator bool() const { return value_ != nullptr; }

private:
    void RetainValue() {
        if (value_ != nullptr) {
            CFRetain(value_);
        }
    }
    T value_ = nullptr;
};

}  // namespace opendext::cf
