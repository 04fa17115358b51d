// SPDX-License-Identifier: Apache-2.0
// The C functions that reach a driver without a selector.
#include <array>
#include <string_view>

#include <IOKit/IOKitLib.h>

#include "base/event_link.h"
#include "channel/wire/call.h"
#include "iokit/os_object.h"
#include "iokit/registry_object.h"
#include "iokit/session.h"

namespace {

using opendext::LinkKind;
using opendext::iokit::ConnectionObject;
using opendext::iokit::LinkPort;
using opendext::iokit::Session;

constexpr std::array kKinds = {LinkKind::kEventLink, LinkKind::kWorkGroup};

kern_return_t RefuseTrap(io_connect_t connect) {
    return Session::Current().objects().Find<ConnectionObject>(connect) != nullptr
               ? kIOReturnUnsupported
               : kIOReturnBadArgument;
}

}  // namespace

kern_return_t IOConnectTrap3(io_connect_t connect, uint32_t index, uintptr_t p1, uintptr_t p2,
                             uintptr_t p3) {
    const auto connection = Session::Current().objects().Find<ConnectionObject>(connect);
    if (connection == nullptr || index >= kKinds.size()) {
        return RefuseTrap(connect);
    }
    const auto port = Session::Current().objects().Find<LinkPort>(static_cast<mach_port_t>(p3));
    if (p1 == 0 || p2 >= opendext::kMaxLinkName || port == nullptr ||
        port->kind() != kKinds[index]) {
        return kIOReturnBadArgument;
    }
    const std::string_view name(reinterpret_cast<const char *>(p1), p2);
    return connection->connection().GiveLink(port->kind(), name, port->link());
}

kern_return_t IOConnectTrap0(io_connect_t connect, uint32_t /*index*/) {
    return RefuseTrap(connect);
}

kern_return_t IOConnectTrap1(io_connect_t connect, uint32_t /*index*/, uintptr_t /*p1*/) {
    return RefuseTrap(connect);
}

kern_return_t IOConnectTrap2(io_connect_t connect, uint32_t /*index*/, uintptr_t /*p1*/,
                             uintptr_t /*p2*/) {
    return RefuseTrap(connect);
}

kern_return_t IOConnectTrap4(io_connect_t connect, uint32_t /*index*/, uintptr_t /*p1*/,
                             uintptr_t /*p2*/, uintptr_t /*p3*/, uintptr_t /*p4*/) {
    return RefuseTrap(connect);
}

kern_return_t IOConnectTrap5(io_connect_t connect, uint32_t /*index*/, uintptr_t /*p1*/,
                             uintptr_t /*p2*/, uintptr_t /*p3*/, uintptr_t /*p4*/,
                             uintptr_t /*p5*/) {
    return RefuseTrap(connect);
}

kern_return_t IOConnectTrap6(io_connect_t connect, uint32_t /*index*/, uintptr_t /*p1*/,
                             uintptr_t /*p2*/, uintptr_t /*p3*/, uintptr_t /*p4*/, uintptr_t /*p5*/,
                             uintptr_t /*p6*/) {
    return RefuseTrap(connect);
}
