// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSSharedPtr.h>

#include "base/log.h"
#include "runtime/service/user_client_state.h"

namespace opendext::service {
namespace {

// semantics.md 2.11
TEST(ClientEntitlements, OnceSet_AreCopied) {
    OSSharedPtr<IOUserClient> client(OSTypeAlloc(IOUserClient), OSNoRetain);
    ASSERT_TRUE(client->init());
    OSDictionary *copy = nullptr;
    EXPECT_EQ(client->CopyClientEntitlements(&copy), kIOReturnNotReady);
    SetClientEntitlements(
        client.get(), PropertyValue(PropertyValue::Dictionary{{"key", PropertyValue("value")}}));
    ASSERT_EQ(client->CopyClientEntitlements(&copy), kIOReturnSuccess);
    EXPECT_EQ(copy->getCount(), 1U);
    copy->release();
}

TEST(ClientEntitlements, ClientThatDidNotCallSuperInit_IsToldAndHasNone) {
    OSSharedPtr<IOUserClient> client(OSTypeAlloc(IOUserClient), OSNoRetain);
    testing::internal::CaptureStderr();
    SetClientEntitlements(client.get(), PropertyValue(PropertyValue::Dictionary{}));
    EXPECT_NE(testing::internal::GetCapturedStderr().find("super::init()"), std::string::npos);
    OSDictionary *copy = nullptr;
    EXPECT_EQ(client->CopyClientEntitlements(&copy), kIOReturnNotReady);
    EXPECT_EQ(copy, nullptr);
}

// semantics.md 2.6: the reason is told, once for each selector and reason.
TEST(DispatchTable, CallThatDoesNotFit_IsToldOnceWithTheReason) {
    const auto lines = std::make_shared<std::vector<std::string>>();
    SetLogSink([lines](LogLevel, std::string_view line) { lines->emplace_back(line); });
    OSSharedPtr<IOUserClient> client(OSTypeAlloc(IOUserClient), OSNoRetain);
    OSSharedPtr<OSData> input(OSData::withBytes("12345", 5), OSNoRetain);
    IOUserClientMethodDispatch entry{};
    entry.checkStructureInputSize = 4;
    IOUserClientMethodArguments arguments{};
    arguments.structureInput = input.get();
    const auto call = [&](uint64_t selector) {
        return client->ExternalMethod(selector, &arguments, &entry, nullptr, nullptr);
    };
    EXPECT_EQ(call(1), kIOReturnBadArgument);
    EXPECT_EQ(call(1), kIOReturnBadArgument);
    EXPECT_EQ(call(2), kIOReturnBadArgument);
    arguments.scalarOutputCount = 2;
    EXPECT_EQ(call(1), kIOReturnBadArgument);
    entry.checkCompletionExists = 1;
    EXPECT_EQ(call(1), kIOReturnBadArgument);
    SetLogSink({});
    EXPECT_THAT(
        *lines,
        testing::ElementsAre(
            testing::StrEq("IOUserClient: selector 1: structure input is 5 bytes, the table "
                           "wants 4; the application gets kIOReturnBadArgument (0xe00002c2)"),
            testing::HasSubstr("selector 2: structure input is 5 bytes"),
            testing::HasSubstr("selector 1: scalar output is 2 values, the table wants 0"),
            testing::HasSubstr("selector 1: called synchronously")));
}

}  // namespace
}  // namespace opendext::service
