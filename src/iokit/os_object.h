// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/event_link.h"
#include "iokit/object_table.h"

namespace opendext::iokit {

/// What os_retain and os_release count: the first base of every object of <os/...>. Starts with one reference.
class OsObject {
public:
    OsObject() = default;
    virtual ~OsObject() = default;
    OsObject(const OsObject &) = delete;
    OsObject &operator=(const OsObject &) = delete;

    void Retain() { num_references_.fetch_add(1, std::memory_order_relaxed); }
    void Release() {
        if (num_references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete this;
        }
    }

private:
    std::atomic<uint32_t> num_references_ = 1;
};

/// What a port name of an event link or a work group stands for: the link, by its first end. Immutable.
class LinkPort final : public NamedObject {
public:
    LinkPort(LinkKind kind, std::shared_ptr<EventLink> link)
        : kind_(kind), link_(std::move(link)) {}

    [[nodiscard]] std::string ClassName() const override {
        return kind_ == LinkKind::kEventLink ? "IOUserEventLink" : "IOUserWorkGroup";
    }
    [[nodiscard]] LinkKind kind() const { return kind_; }
    [[nodiscard]] const std::shared_ptr<EventLink> &link() const { return link_; }

private:
    const LinkKind kind_;
    const std::shared_ptr<EventLink> link_;
};

}  // namespace opendext::iokit
