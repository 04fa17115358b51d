// SPDX-License-Identifier: Apache-2.0
/// @file Services.h
/// Finding the driver's services, waiting for one to come, and what errors mean.
#ifndef SERVICES_H
#define SERVICES_H

#include <IOKit/IOKitLib.h>

#include <string>

/// An open connection; closed by the destructor.
class Connection {
public:
    Connection() = default;
    ~Connection();
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;

    /// Connects to the service of that name, waiting up to `seconds` for it to come.
    /// @return kIOReturnNoDevice when it does not.
    [[nodiscard]] kern_return_t open(const char *serviceName, double seconds);

    io_connect_t get() const { return connection_; }

private:
    io_connect_t connection_ = IO_OBJECT_NULL;
};

/// What an error means and what to do, in one line.
std::string describeError(kern_return_t error);

#endif
