// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/connection.h"

#include <fmt/format.h>

namespace opendext::bench {

std::expected<Connection, std::string> Connection::Open(const char *service_name) {
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching(service_name));
    if (service == IO_OBJECT_NULL) {
        return std::unexpected(fmt::format("the registry has no {}", service_name));
    }
    io_connect_t connect = IO_OBJECT_NULL;
    const kern_return_t status = IOServiceOpen(service, mach_task_self(), 0, &connect);
    IOObjectRelease(service);
    if (status != kIOReturnSuccess) {
        return std::unexpected(
            fmt::format("{} cannot be opened: {:#x}", service_name, static_cast<uint32_t>(status)));
    }
    return Connection(connect);
}

Connection::~Connection() {
    if (connect_ != IO_OBJECT_NULL) {
        IOServiceClose(connect_);
    }
}

}  // namespace opendext::bench
