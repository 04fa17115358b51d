// SPDX-License-Identifier: Apache-2.0
#include "tests/system/core_test.h"

namespace opendext::rig {

void CoreTest::SetUp() {
    DriverTest::SetUp();
    DriverTest::Start({.dexts = {BuiltDext("core")}});
}

void CoreTest::TearDown() {
    connection_.Close();
    DriverTest::TearDown();
}

void CoreTest::OpenClient(CoreClientType type) {
    if (rig_ != nullptr) {
        connection_ = Open(FindService("CoreService"), type);
    }
}

kern_return_t CoreTest::Call(uint32_t selector, const Scalars &input) {
    return IOConnectCallScalarMethod(connect(), selector, input.data(),
                                     static_cast<uint32_t>(input.size()), nullptr, nullptr);
}

Scalars CoreTest::Ask(uint32_t selector, size_t num_outputs, const Scalars &input) {
    Scalars output(num_outputs);
    auto count = static_cast<uint32_t>(num_outputs);
    EXPECT_EQ(IOConnectCallScalarMethod(connect(), selector, input.data(),
                                        static_cast<uint32_t>(input.size()), output.data(), &count),
              kIOReturnSuccess);
    return output;
}

bool CoreTest::WaitFor(uint32_t selector, const Scalars &expected) {
    return WaitUntil([&] { return Ask(selector, expected.size()) == expected; });
}

}  // namespace opendext::rig
