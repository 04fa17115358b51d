// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include <mach/port.h>

#include "channel/wire/service_directory.h"

namespace opendext::iokit {

/// Something that an io_object_t names. Lives as long as the table or a running call holds it.
class NamedObject {
public:
    virtual ~NamedObject() = default;

    /// False once the table has taken its name away; who had found it by then may go on. Any thread.
    [[nodiscard]] bool has_name() const { return has_name_.load(std::memory_order_acquire); }

    /// Kernel class, as IOObjectGetClass tells it.
    [[nodiscard]] virtual std::string ClassName() const = 0;

    /// The registry entry that it is, or kNone.
    [[nodiscard]] virtual channel::EntryId entry() const { return channel::EntryId::kNone; }

private:
    friend class ObjectTable;

    std::atomic<bool> has_name_ = true;
};

/// The io_object_t names of this process. As with ports, one name stands for one object however often it is
/// handed out, and counts its references; it goes with the last one. Names are not used again. Thread-safe.
class ObjectTable {
public:
    /// A name for a new object, with one reference.
    mach_port_t Insert(std::shared_ptr<NamedObject> object);

    /// The name of a registry entry, with one reference more.
    mach_port_t InsertEntry(channel::EntryId entry);

    /// False: there is no such name.
    bool Retain(mach_port_t name);
    bool Release(mach_port_t name);

    /// Takes the name away with all its references, and returns the object.
    std::shared_ptr<NamedObject> Remove(mach_port_t name);

    [[nodiscard]] uint32_t References(mach_port_t name) const;

    /// The object when the name stands for a `T`, else NULL.
    template <typename T>
    [[nodiscard]] std::shared_ptr<T> Find(mach_port_t name) const {
        return std::dynamic_pointer_cast<T>(FindAny(name));
    }
    [[nodiscard]] std::shared_ptr<NamedObject> FindAny(mach_port_t name) const;

private:
    struct Slot {
        std::shared_ptr<NamedObject> object;
        uint32_t references = 1;
    };

    using Slots = std::unordered_map<mach_port_t, Slot>;

    std::shared_ptr<NamedObject> TakeLocked(Slots::iterator slot);

    mutable std::mutex mutex_;
    mach_port_t next_name_ = 0x1003;  // guarded by mutex_, as the two below
    Slots slots_;
    std::unordered_map<uint64_t, mach_port_t> entry_names_;
};

}  // namespace opendext::iokit
