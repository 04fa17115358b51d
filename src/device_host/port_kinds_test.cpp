// SPDX-License-Identifier: Apache-2.0
#include "device_host/port_kinds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace opendext::device_host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(PortKinds, ModelIsMadeWithAndWithoutPrefix) {
    for (const char *specification :
         {"model:usb-loopback", "usb-loopback", "model:usb-loopback,class=composite"}) {
        EXPECT_TRUE(IsUsbPort(specification)) << specification;
        EXPECT_TRUE(MakePort(specification).has_value()) << specification;
    }
}

TEST(PortKinds, PciModelIsNoUsbPort) {
    EXPECT_FALSE(IsUsbPort("model:fpga-dma"));
    EXPECT_FALSE(IsUsbPort("fpga-dma,ram-mib=64"));
}

TEST(PortKinds, UnknownModel_IsToldInTheCatalogsLine) {
    EXPECT_TRUE(IsUsbPort("model:nothing"));
    EXPECT_THAT(MakePort("model:nothing").error(),
                AllOf(HasSubstr("'nothing'"), HasSubstr("usb-loopback"), HasSubstr("fpga-dma")));
}

TEST(PortKinds, OptionThatTheModelHasNot_IsTold) {
    EXPECT_THAT(MakePort("model:usb-loopback,colour=red").error(), HasSubstr("colour"));
}

TEST(PortKinds, RecordingOfAPciDevice_IsRefused) {
    EXPECT_THAT(MakePort("record:a.pcapng,model:fpga-dma").error(), HasSubstr("PCI"));
}

TEST(PortKinds, RecordingWithoutADevice_IsToldTheForm) {
    EXPECT_THAT(MakePort("record:a.pcapng").error(), HasSubstr("record:FILE"));
}

TEST(PortKinds, ReplayOfAFileThatIsNotThere_NamesIt) {
    EXPECT_THAT(MakePort("replay:/nonexistent.pcapng").error(), HasSubstr("/nonexistent.pcapng"));
}

TEST(PortKinds, UnknownKind_IsToldWithAnExampleOfEach) {
    EXPECT_TRUE(IsUsbPort("serial:tty0"));
    const auto port = MakePort("serial:tty0");
    ASSERT_FALSE(port.has_value());
    for (const PortKind &kind : PortKinds()) {
        EXPECT_THAT(port.error(), HasSubstr(std::string(kind.example)));
    }
}

}  // namespace
}  // namespace opendext::device_host
