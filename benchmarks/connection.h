// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <utility>

#include <IOKit/IOKitLib.h>

namespace opendext::bench {

/// An open connection to a driver's service, made with the IOKit C functions as any application does it.
class Connection {
public:
    /// @return one line when there is no service of that name, or it cannot be opened.
    [[nodiscard]] static std::expected<Connection, std::string> Open(const char *service_name);

    Connection(Connection &&other) noexcept
        : connect_(std::exchange(other.connect_, IO_OBJECT_NULL)) {}
    Connection &operator=(Connection &&) = delete;
    ~Connection();

    [[nodiscard]] io_connect_t get() const { return connect_; }

private:
    explicit Connection(io_connect_t connect) : connect_(connect) {}

    io_connect_t connect_;
};

}  // namespace opendext::bench
