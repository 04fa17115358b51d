// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace opendext::backends {

/// The place of a T in one list.
template <typename T>
struct ListLink {
    T *previous = nullptr;
    T *next = nullptr;
};

/// A doubly linked list through a member of its elements, which it does not own. Allocates nothing. Not thread-safe.
template <typename T, ListLink<T> T::*kLink>
class IntrusiveList {
public:
    [[nodiscard]] bool empty() const { return front_ == nullptr; }
    [[nodiscard]] T *front() const { return front_; }
    [[nodiscard]] T *back() const { return back_; }
    [[nodiscard]] static T *Next(const T &element) { return (element.*kLink).next; }
    [[nodiscard]] static T *Previous(const T &element) { return (element.*kLink).previous; }

    /// `element` is in no list of this link.
    void PushBack(T &element) {
        element.*kLink = {.previous = back_, .next = nullptr};
        (back_ != nullptr ? (back_->*kLink).next : front_) = &element;
        back_ = &element;
    }

    /// `element` is in this list.
    void Remove(T &element) {
        const ListLink<T> link = element.*kLink;
        (link.previous != nullptr ? (link.previous->*kLink).next : front_) = link.next;
        (link.next != nullptr ? (link.next->*kLink).previous : back_) = link.previous;
        element.*kLink = {};
    }

    /// NULL when it is empty.
    T *PopFront() {
        T *const element = front_;
        if (element != nullptr) {
            Remove(*element);
        }
        return element;
    }

private:
    T *front_ = nullptr;
    T *back_ = nullptr;
};

}  // namespace opendext::backends
