// SPDX-License-Identifier: Apache-2.0
// A driver that is written with the toolkit gives an application its bytes back. How structures travel: semantics.md
// 2.4 and 2.5.
#include <sys/mman.h>
#include <algorithm>
#include <vector>

#include "tests/rig/driver_test.h"
#include "tests/rig/private_folder.h"
#include "tests/toolkit/driver/MirrorProtocol.h"

namespace opendext::rig {

namespace {

using Buffer = std::vector<uint8_t>;

constexpr size_t kSizes[] = {1, 100, 4096, 4097, 65536, 1000003};

Buffer Pattern(size_t num_bytes) {
    Buffer bytes(num_bytes);
    for (size_t i = 0; i < num_bytes; ++i) {
        bytes[i] = static_cast<uint8_t>(i * 31 + (i >> 8));
    }
    return bytes;
}

class ToolkitDriver : public DriverTest {
protected:
    void SetUp() override {
        DriverTest::SetUp();
        DriverTest::Start({.dexts = {BuiltDext("mirror")}});
        if (rig_ != nullptr) {
            connection_ = Open(FindService("MirrorService"));
        }
    }
    void TearDown() override {
        connection_.Close();
        DriverTest::TearDown();
    }

    /// The call with `output` as the application's room; resized to what the driver returned.
    kern_return_t Call(uint32_t selector, const Buffer &input, Buffer &output,
                       const std::vector<uint64_t> &scalars = {}) {
        size_t num_bytes = output.size();
        const kern_return_t ret = IOConnectCallMethod(
            connection_.get(), selector, scalars.data(), static_cast<uint32_t>(scalars.size()),
            input.data(), input.size(), nullptr, nullptr, output.data(), &num_bytes);
        if (ret == kIOReturnSuccess) {
            EXPECT_LE(num_bytes, output.size());
            output.resize(std::min(num_bytes, output.size()));
        }
        return ret;
    }

    Connection connection_;
};

TEST_P(ToolkitDriver, InputAndOutputOfAnySize_AreTheSameToIt) {
    for (const size_t num_bytes : kSizes) {
        for (const size_t room : kSizes) {
            const Buffer input = Pattern(num_bytes);
            Buffer output(room, 0xee);
            const kern_return_t ret = Call(kMirrorReverse, input, output);
            if (room < num_bytes) {
                EXPECT_EQ(ret, kIOReturnNoSpace) << num_bytes << " into " << room;
                continue;
            }
            ASSERT_EQ(ret, kIOReturnSuccess) << num_bytes << " into " << room;
            // With memory of its own the application is told all of it.
            EXPECT_EQ(output.size(), room > 4096 ? room : num_bytes);
            EXPECT_TRUE(std::equal(input.rbegin(), input.rend(), output.begin()));
            EXPECT_TRUE(std::all_of(output.begin() + static_cast<ptrdiff_t>(num_bytes),
                                    output.end(), [](uint8_t byte) { return byte == 0xee; }));
        }
    }
}

TEST_P(ToolkitDriver, OutputOfUnknownSize_IsAsLongAsWhatItWrote) {
    for (const size_t num_bytes : {size_t{1}, size_t{4096}, size_t{100000}}) {
        const Buffer input = Pattern(num_bytes);
        void *output = nullptr;
        auto size = static_cast<size_t>(kIOConnectMethodVarOutputSize);
        ASSERT_EQ(IOConnectCallMethod(connection_.get(), kMirrorReverse, nullptr, 0, input.data(),
                                      input.size(), nullptr, nullptr, &output, &size),
                  kIOReturnSuccess);
        ASSERT_EQ(size, num_bytes);
        EXPECT_TRUE(std::equal(input.rbegin(), input.rend(), static_cast<const uint8_t *>(output)));
        munmap(output, size);
    }
}

TEST_P(ToolkitDriver, RangeOfTheInput_IsChecked) {
    for (const size_t num_bytes : kSizes) {
        const Buffer input = Pattern(num_bytes);
        Buffer output(100);
        const uint64_t length = std::min<uint64_t>(num_bytes, 100);
        const uint64_t offset = num_bytes - length;
        ASSERT_EQ(Call(kMirrorRange, input, output, {offset, length}), kIOReturnSuccess);
        EXPECT_EQ(output, Buffer(input.begin() + static_cast<ptrdiff_t>(offset), input.end()));
        output.assign(101, 0);
        EXPECT_EQ(Call(kMirrorRange, input, output, {offset + 1, length}), kIOReturnUnderrun);
        EXPECT_EQ(Call(kMirrorRange, input, output, {UINT64_MAX, 2}), kIOReturnUnderrun);
    }
}

TEST_P(ToolkitDriver, PooledBuffer_CarriesTheBytes) {
    for (const size_t num_bytes : {size_t{1}, size_t{4096}, size_t{4097}, size_t{65536}}) {
        for (int i = 0; i < 3; ++i) {
            const Buffer input = Pattern(num_bytes);
            Buffer output(num_bytes);
            ASSERT_EQ(Call(kMirrorPooled, input, output), kIOReturnSuccess);
            EXPECT_EQ(output, input);
        }
    }
    Buffer output(kMirrorPooledBytes + 1);
    EXPECT_EQ(Call(kMirrorPooled, Pattern(output.size()), output), kIOReturnNoSpace);
}

OPENDEXT_BOTH_VARIANTS(ToolkitDriver);

}  // namespace

}  // namespace opendext::rig
