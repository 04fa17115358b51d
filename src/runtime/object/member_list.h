// SPDX-License-Identifier: Apache-2.0
/// @file member_list.h
/// The retained members of an array or a set. Private to the object room.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <DriverKit/OSObject.h>

namespace opendext::object {

/// A pointer that a collection was given, as what it is: all objects are OSObjects.
inline OSObject *AsObject(const OSMetaClassBase *object) {
    return static_cast<OSObject *>(const_cast<OSMetaClassBase *>(object));
}

/// Objects in order, each retained once per place it has. Not locked.
class MemberList {
public:
    MemberList() = default;
    MemberList(const MemberList &) = delete;
    MemberList &operator=(const MemberList &) = delete;
    ~MemberList() { Clear(); }

    [[nodiscard]] uint32_t Count() const { return static_cast<uint32_t>(members_.size()); }
    [[nodiscard]] uint32_t Capacity() const { return static_cast<uint32_t>(members_.capacity()); }
    void Reserve(uint32_t capacity) { members_.reserve(capacity); }

    /// The member, +0; NULL beyond the end.
    [[nodiscard]] OSObject *At(uint32_t index) const {
        return index < Count() ? members_[index] : nullptr;
    }

    /// Index of the object itself, searched from `first` on.
    [[nodiscard]] std::optional<uint32_t> IndexOf(const OSMetaClassBase *object,
                                                  uint32_t first = 0) const {
        for (uint32_t index = first; index < Count(); ++index) {
            if (members_[index] == object) {
                return index;
            }
        }
        return std::nullopt;
    }

    /// `index` is at most Count().
    void Insert(uint32_t index, OSObject *object) {
        object->retain();
        members_.insert(members_.begin() + index, object);
    }

    void Append(OSObject *object) { Insert(Count(), object); }

    /// `index` is below Count().
    void Replace(uint32_t index, OSObject *object) {
        object->retain();
        std::exchange(members_[index], object)->release();
    }

    /// `index` is below Count().
    void Remove(uint32_t index) {
        OSObject *removed = members_[index];
        members_.erase(members_.begin() + index);
        removed->release();
    }

    void Clear() {
        // A member's free may look at the collection: it finds it empty.
        for (OSObject *member : std::exchange(members_, {})) {
            member->release();
        }
    }

    template <typename Visitor>
    void ForEach(Visitor visit) const {
        for (OSObject *member : members_) {
            if (visit(member)) {
                return;
            }
        }
    }

private:
    std::vector<OSObject *> members_;
};

/// Allocates and initialises a container; NULL when memory is short.
template <typename Container>
Container *MakeContainer() {
    auto *container = static_cast<Container *>(Container::sGetMetaClass()->alloc());
    if (container != nullptr && !container->init()) {
        container->release();
        return nullptr;
    }
    return container;
}

}  // namespace opendext::object
