// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/usbip/scripted_server.h"

namespace opendext::backends {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

UsbipDevice Device(const char *bus_id) {
    return {.path = "/test",
            .bus_id = bus_id,
            .bus = 1,
            .address = 2,
            .vendor = 0x1209,
            .product = 1,
            .num_interfaces = 3};
}

std::string ErrorOf(uint16_t port, std::string_view rest) {
    const auto wire = CreateUsbipWire(fmt::format("127.0.0.1:{}{}", port, rest));
    return wire ? "" : wire.error();
}

TEST(UsbipSpecification, EveryForm_IsUnderstood) {
    const auto host = ParseUsbipSpecification("server");
    ASSERT_TRUE(host) << host.error();
    EXPECT_EQ(host->server.host, "server");
    EXPECT_EQ(host->server.port, 3240);
    EXPECT_EQ(host->bus_id, "");
    const auto all = ParseUsbipSpecification("10.0.0.1:99/1-1.2");
    ASSERT_TRUE(all) << all.error();
    EXPECT_EQ(all->server.host, "10.0.0.1");
    EXPECT_EQ(all->server.port, 99);
    EXPECT_EQ(all->bus_id, "1-1.2");
    const auto ipv6 = ParseUsbipSpecification("[fe80::1]:99/1-1");
    ASSERT_TRUE(ipv6) << ipv6.error();
    EXPECT_EQ(ipv6->server.host, "fe80::1");
    EXPECT_EQ(ipv6->server.port, 99);
    EXPECT_TRUE(ParseUsbipSpecification("[::1]/1-1"));
    const auto prefixed = ParseUsbipSpecification("usbip:server/1-1");
    ASSERT_TRUE(prefixed) << prefixed.error();
    EXPECT_EQ(prefixed->server.host, "server");
}

TEST(UsbipSpecification, Nonsense_IsRefused) {
    for (const char *text :
         {"", "/1-1", "host:", "host:0", "host:65536", "host:12x", "host/", "::1", "[::1", "[::1]x",
          "[]:3", "host/0123456789012345678901234567890123"}) {
        EXPECT_FALSE(ParseUsbipSpecification(text)) << text;
    }
}

TEST(UsbipPort, ServerWithSeveralDevices_ListsThem) {
    const ScriptedUsbipListener server({Device("1-1"), Device("1-2")}, [](UniqueFd) {});
    EXPECT_THAT(ErrorOf(server.port(), ""),
                AllOf(HasSubstr("2 devices"), HasSubstr("/1-1 (1209:0001), /1-2 (1209:0001)")));
}

TEST(UsbipPort, ServerWithoutDevices_SaysHowToExportOne) {
    const ScriptedUsbipListener server({}, [](UniqueFd) {});
    EXPECT_THAT(ErrorOf(server.port(), ""), HasSubstr("usbip bind"));
}

TEST(UsbipPort, UnknownBusId_IsTheServersRefusal) {
    const ScriptedUsbipListener server({Device("1-1")}, [](UniqueFd) {});
    EXPECT_THAT(ErrorOf(server.port(), "/9-9"), HasSubstr("no such device"));
}

TEST(UsbipPort, OnlyDevice_IsImportedWithoutItsBusId) {
    const ScriptedUsbipListener server({Device("1-1")},
                                       [](UniqueFd) {});  // hangs up after the import
    // The end is noticed before the first request, by it, or as a reset: it names the device in each case.
    EXPECT_THAT(ErrorOf(server.port(), ""), HasSubstr("/1-1: "));
}

TEST(UsbipPort, NobodyListening_IsAnError) {
    // Bound, so that nobody else gets the port, and not listening.
    const UniqueFd bound(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    ASSERT_EQ(bind(bound.get(), reinterpret_cast<sockaddr *>(&address), length), 0);
    ASSERT_EQ(getsockname(bound.get(), reinterpret_cast<sockaddr *>(&address), &length), 0);
    EXPECT_THAT(ErrorOf(ntohs(address.sin_port), "/1-1"), HasSubstr("refused"));
}

}  // namespace
}  // namespace opendext::backends
