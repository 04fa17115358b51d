// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "channel/wire/call.h"
#include "channel/wire/service_directory.h"
#include "iokit/object_table.h"

namespace opendext::iokit {

/// A registry entry that the application holds. Immutable.
class RegistryObject final : public NamedObject {
public:
    explicit RegistryObject(channel::EntryId entry) : entry_(entry) {}

    [[nodiscard]] std::string ClassName() const override;
    [[nodiscard]] channel::EntryId entry() const override { return entry_; }

private:
    const channel::EntryId entry_;
};

/// A list of entries to go through: an io_iterator_t that is no notification's. Thread-safe.
class EntryIterator final : public NamedObject {
public:
    explicit EntryIterator(std::vector<channel::EntryId> entries) : entries_(std::move(entries)) {}

    [[nodiscard]] std::string ClassName() const override { return "IOUserIterator"; }

    /// kNone at the end.
    channel::EntryId Next();
    void Reset();

private:
    const std::vector<channel::EntryId> entries_;
    std::mutex mutex_;
    size_t next_ = 0;  // guarded by mutex_
};

/// An open connection.
class ConnectionObject final : public NamedObject {
public:
    explicit ConnectionObject(std::shared_ptr<channel::ClientConnection> connection)
        : connection_(std::move(connection)) {}
    ~ConnectionObject() override { connection_->Close(); }

    [[nodiscard]] std::string ClassName() const override { return "IOUserUserClient"; }
    [[nodiscard]] channel::ClientConnection &connection() const { return *connection_; }

private:
    const std::shared_ptr<channel::ClientConnection> connection_;
};

}  // namespace opendext::iokit
