// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/libusb_descriptors.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace opendext::backends {
namespace {

TEST(LibusbStrings, Utf16_BecomesUtf8) {
    const std::vector<uint8_t> bytes = {12, 3, 'A', 0, 0xE9, 0, 0xAC, 0x20, 0x3D, 0xD8, 0x00, 0xDE};
    EXPECT_EQ(DecodeStringDescriptor(bytes), "A\u00E9\u20AC\U0001F600");
}

TEST(LibusbStrings, LoneSurrogate_IsReplaced) {
    EXPECT_EQ(DecodeStringDescriptor(std::vector<uint8_t>{6, 3, 0x3D, 0xD8, 'A', 0}), "\uFFFDA");
    EXPECT_EQ(DecodeStringDescriptor(std::vector<uint8_t>{4, 3, 0x00, 0xDE}), "\uFFFD");
}

TEST(LibusbStrings, Length_IsTheSmallerOfBoth) {
    EXPECT_EQ(DecodeStringDescriptor(std::vector<uint8_t>{255, 3, 'A', 0, 'B'}), "A");
    EXPECT_EQ(DecodeStringDescriptor(std::vector<uint8_t>{4, 3, 'A', 0, 'B', 0}), "A");
}

TEST(LibusbStrings, OtherBytes_AreNoText) {
    EXPECT_EQ(DecodeStringDescriptor({}), "");
    EXPECT_EQ(DecodeStringDescriptor(std::vector<uint8_t>{2}), "");
    EXPECT_EQ(DecodeStringDescriptor(std::vector<uint8_t>{4, 1, 'A', 0}), "");
}

}  // namespace
}  // namespace opendext::backends
