// SPDX-License-Identifier: Apache-2.0
#include "tests/system/probe_test.h"

#include <sys/mman.h>
#include <algorithm>
#include <functional>

namespace opendext::rig {

namespace {

constexpr size_t kPagesBytes = 1024 * 1024;

}  // namespace

void ProbeTest::SetUp() {
    DriverTest::SetUp();
    DriverTest::Start({.dexts = {BuiltDext("probe")}});
    if (rig_ != nullptr) {
        connection_ = Open(FindService("ProbeService"));
    }
}

void ProbeTest::TearDown() {
    connection_.Close();
    DriverTest::TearDown();
}

kern_return_t ProbeTest::CallScalars(uint32_t selector, const std::vector<uint64_t> &input,
                                     std::vector<uint64_t> *output) {
    uint32_t num_outputs = output == nullptr ? 0 : static_cast<uint32_t>(output->size());
    const kern_return_t result = IOConnectCallScalarMethod(
        connect(), selector, input.data(), static_cast<uint32_t>(input.size()),
        output == nullptr ? nullptr : output->data(), output == nullptr ? nullptr : &num_outputs);
    if (output != nullptr && result == kIOReturnSuccess) {
        output->resize(num_outputs);
    }
    return result;
}

void ProbeTest::ExpectStillWorks() {
    EXPECT_EQ(AddOne(connection_), kIOReturnSuccess);
    const std::vector<uint8_t> input(100000, 3);
    uint64_t sums[2] = {};
    uint32_t num_sums = 2;
    EXPECT_EQ(IOConnectCallMethod(connect(), kProbeSumInput, nullptr, 0, input.data(), input.size(),
                                  sums, &num_sums, nullptr, nullptr),
              kIOReturnSuccess);
    EXPECT_EQ(sums[0], input.size());
    EXPECT_EQ(sums[1], 3 * input.size());
    const uint64_t value = 0x5a;
    std::vector<uint8_t> output(100000, 0);
    size_t num_bytes = output.size();
    EXPECT_EQ(IOConnectCallMethod(connect(), kProbeFillOutput, &value, 1, nullptr, 0, nullptr,
                                  nullptr, output.data(), &num_bytes),
              kIOReturnSuccess);
    EXPECT_EQ(num_bytes, output.size());
    EXPECT_TRUE(std::ranges::all_of(output, [](uint8_t byte) { return byte == 0x5a; }));
}

std::vector<uint64_t> ProbeTest::Census() {
    std::vector<uint64_t> counts(3);
    EXPECT_EQ(CallScalars(kProbeCensus, {}, &counts), kIOReturnSuccess);
    return counts;
}

::testing::AssertionResult ProbeTest::ComesBackTo(const std::vector<uint64_t> &before) {
    std::vector<uint64_t> now;
    const auto is_no_more = [&] {
        now = Census();
        return std::ranges::equal(now, before, std::less_equal<>());
    };
    if (WaitUntil(is_no_more)) {
        return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure()
           << "objects, descriptors, mappings: " << ::testing::PrintToString(before) << " before, "
           << ::testing::PrintToString(now) << " now";
}

MissingPage::MissingPage()
    : pages_(
          mmap(nullptr, kPagesBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
      address_(static_cast<char *>(pages_) + kPagesBytes / 2) {
    // Kept, and out of reach: what another thread maps must not come to lie there.
    mprotect(address_, kPagesBytes / 2, PROT_NONE);
}

MissingPage::~MissingPage() {
    munmap(pages_, kPagesBytes);
}

}  // namespace opendext::rig
