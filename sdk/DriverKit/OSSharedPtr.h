// SPDX-License-Identifier: Apache-2.0
/// @file OSSharedPtr.h
/// OSSharedPtr, a smart pointer that holds one reference on an object.
#ifndef OPENDEXT_DRIVERKIT_OSSHAREDPTR_H
#define OPENDEXT_DRIVERKIT_OSSHAREDPTR_H

extern "C++" {

#include <cstddef>
#include <type_traits>
#include <utility>

#include <DriverKit/OSMetaClass.h>

/// How a raw pointer enters an OSSharedPtr: OSRetain takes a new reference, OSNoRetain takes over the caller's.
struct OSRetainTag {};
struct OSNoRetainTag {};
inline constexpr OSRetainTag OSRetain{};
inline constexpr OSNoRetainTag OSNoRetain{};

/// One reference on a `T`, or none. All zero bytes are an empty pointer, so it may live in memory of IONewZero.
/// One object is for one thread at a time, as a raw pointer is.
template <typename T>
class OSSharedPtr {
public:
    using element_type = T;

    /// Empty.
    constexpr OSSharedPtr() noexcept = default;
    /// Empty.
    constexpr OSSharedPtr(std::nullptr_t) noexcept {}
    /// Shares `object`: retains it.
    OSSharedPtr(T *object, OSRetainTag) noexcept : object_(object) { Retain(); }
    /// Owns the reference that the caller had.
    constexpr OSSharedPtr(T *object, OSNoRetainTag) noexcept : object_(object) {}

    /// Another reference on the same object.
    OSSharedPtr(const OSSharedPtr &other) noexcept : object_(other.object_) { Retain(); }
    /// The reference of `other`, which is empty afterwards.
    OSSharedPtr(OSSharedPtr &&other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    /// Another reference on the same object, as its base class.
    template <typename U, typename = std::enable_if_t<std::is_convertible_v<U *, T *>>>
    OSSharedPtr(const OSSharedPtr<U> &other) noexcept : object_(other.get()) {
        Retain();
    }
    /// The reference of `other`, as one on the base class.
    template <typename U, typename = std::enable_if_t<std::is_convertible_v<U *, T *>>>
    OSSharedPtr(OSSharedPtr<U> &&other) noexcept : object_(other.detach()) {}

    ~OSSharedPtr() { Drop(object_); }

    OSSharedPtr &operator=(const OSSharedPtr &other) noexcept {
        OSSharedPtr(other).swap(*this);
        return *this;
    }
    OSSharedPtr &operator=(OSSharedPtr &&other) noexcept {
        OSSharedPtr(std::move(other)).swap(*this);
        return *this;
    }
    OSSharedPtr &operator=(std::nullptr_t) noexcept {
        reset();
        return *this;
    }
    template <typename U, typename = std::enable_if_t<std::is_convertible_v<U *, T *>>>
    OSSharedPtr &operator=(const OSSharedPtr<U> &other) noexcept {
        OSSharedPtr(other).swap(*this);
        return *this;
    }
    template <typename U, typename = std::enable_if_t<std::is_convertible_v<U *, T *>>>
    OSSharedPtr &operator=(OSSharedPtr<U> &&other) noexcept {
        OSSharedPtr(std::move(other)).swap(*this);
        return *this;
    }

    T &operator*() const noexcept { return *object_; }
    T *operator->() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }

    /// The object, +0.
    T *get() const noexcept { return object_; }

    /// Releases the object; empty afterwards.
    void reset() noexcept { Drop(std::exchange(object_, nullptr)); }
    void reset(T *object, OSRetainTag tag) noexcept { OSSharedPtr(object, tag).swap(*this); }
    void reset(T *object, OSNoRetainTag tag) noexcept { OSSharedPtr(object, tag).swap(*this); }

    /// Gives the reference to the caller (+1); empty afterwards.
    T *detach() noexcept { return std::exchange(object_, nullptr); }

    /// Takes over the caller's reference, as reset(object, OSNoRetain).
    void attach(T *object) noexcept { reset(object, OSNoRetain); }
    /// For a `T **` parameter that returns +1: releases the object, and the result is where to put the new one.
    T **attach() noexcept {
        reset();
        return &object_;
    }

    /// Exchanges the references; retains and releases nothing.
    void swap(OSSharedPtr &other) noexcept { std::swap(object_, other.object_); }

private:
    void Retain() const noexcept {
        if (object_ != nullptr) {
            object_->retain();
        }
    }
    static void Drop(T *object) noexcept {
        if (object != nullptr) {
            object->release();
        }
    }

    T *object_ = nullptr;
};

/// `OSSharedPtr(object, OSRetain)` finds the class by itself, ...
template <typename T>
OSSharedPtr(T *, OSRetainTag) -> OSSharedPtr<T>;
/// ... and so does `OSSharedPtr(object, OSNoRetain)`.
template <typename T>
OSSharedPtr(T *, OSNoRetainTag) -> OSSharedPtr<T>;

template <typename T, typename U>
bool operator==(const OSSharedPtr<T> &a, const OSSharedPtr<U> &b) noexcept {
    return a.get() == b.get();
}
template <typename T, typename U>
bool operator!=(const OSSharedPtr<T> &a, const OSSharedPtr<U> &b) noexcept {
    return a.get() != b.get();
}
template <typename T>
bool operator==(const OSSharedPtr<T> &a, std::nullptr_t) noexcept {
    return a.get() == nullptr;
}
template <typename T>
bool operator!=(const OSSharedPtr<T> &a, std::nullptr_t) noexcept {
    return a.get() != nullptr;
}
template <typename T, typename U>
bool operator==(const OSSharedPtr<T> &a, const U *b) noexcept {
    return a.get() == b;
}
template <typename T, typename U>
bool operator!=(const OSSharedPtr<T> &a, const U *b) noexcept {
    return a.get() != b;
}

/// `a.swap(b)`.
template <typename T>
void swap(OSSharedPtr<T> &a, OSSharedPtr<T> &b) noexcept {
    a.swap(b);
}

/// The pointer as one to a derived class `To`, by metaclass; empty when the object is of another class.
template <typename To, typename From>
OSSharedPtr<To> OSDynamicPtrCast(const OSSharedPtr<From> &from) noexcept {
    return OSSharedPtr<To>(
        static_cast<To *>(OSMetaClassBase::safeMetaCast(from.get(), To::sGetMetaClass())),
        OSRetain);
}

/// The pointer without the const of its class.
template <typename To, typename From>
OSSharedPtr<To> OSConstPtrCast(const OSSharedPtr<From> &from) noexcept {
    return OSSharedPtr<To>(const_cast<To *>(from.get()), OSRetain);
}

/// The pointer as one to `To`, without a check.
template <typename To, typename From>
OSSharedPtr<To> OSStaticPtrCast(const OSSharedPtr<From> &from) noexcept {
    return OSSharedPtr<To>(static_cast<To *>(from.get()), OSRetain);
}

}  // extern "C++"

#endif
