// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/panic_logs.h"

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <DriverKit/IOExtensiblePaniclog.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSSharedPtr.h>
#include <DriverKit/OSString.h>

namespace opendext::service {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

OSSharedPtr<OSData> Data(std::string_view text) {
    return {OSData::withBytes(text.data(), text.size()), OSNoRetain};
}

kern_return_t Make(std::string_view uuid, const char *name, uint32_t max_len,
                   OSSharedPtr<IOExtensiblePaniclog> &log) {
    const OSSharedPtr<OSString> id(OSString::withCString(name), OSNoRetain);
    return IOExtensiblePaniclog::Create(Data(uuid).get(), id.get(), max_len,
                                        kIOExtensiblePaniclogOptionsNone, log.attach());
}

OSSharedPtr<IOExtensiblePaniclog> Make(const char *name, uint32_t max_len = 16) {
    OSSharedPtr<IOExtensiblePaniclog> log;
    EXPECT_EQ(Make("0123456789abcdef", name, max_len, log), kIOReturnSuccess);
    return log;
}

// Name and data of all that would be shown.
std::vector<std::string> Shown() {
    std::vector<std::string> shown;
    for (size_t i = 0; i < PanicLogs::kMost; ++i) {
        if (const PanicLog *log = PanicLogs::Instance().Get(i)) {
            shown.push_back(std::string(log->name.data()) + "=" +
                            std::string(reinterpret_cast<const char *>(log->data), log->length));
        }
    }
    return shown;
}

TEST(PanicLog, DataThatIsInserted_IsShownAsLongAsTheLogIsActive) {
    OSSharedPtr<IOExtensiblePaniclog> log = Make("state");
    EXPECT_THAT(Shown(), IsEmpty());
    EXPECT_EQ(log->InsertData(Data("first").get()), kIOReturnSuccess);
    EXPECT_EQ(log->AppendData(Data(", more").get()), kIOReturnSuccess);
    EXPECT_THAT(Shown(), ElementsAre("state=first, more"));
    EXPECT_EQ(log->InsertData(Data("second").get()), kIOReturnSuccess);
    EXPECT_THAT(Shown(), ElementsAre("state=second"));
    EXPECT_EQ(log->SetInactive(), kIOReturnSuccess);
    EXPECT_THAT(Shown(), IsEmpty());
    EXPECT_EQ(log->SetInactive(), kIOReturnBadArgument);
    EXPECT_EQ(log->SetActive(), kIOReturnSuccess);
    EXPECT_EQ(log->SetActive(), kIOReturnBadArgument);
    EXPECT_THAT(Shown(), ElementsAre("state=second"));
}

TEST(PanicLog, LogThatIsReleased_IsNotShown) {
    OSSharedPtr<IOExtensiblePaniclog> log = Make("state");
    EXPECT_EQ(log->InsertData(Data("data").get()), kIOReturnSuccess);
    log.reset();
    EXPECT_THAT(Shown(), IsEmpty());
}

TEST(PanicLog, DataThatDoesNotFit_IsRefused) {
    OSSharedPtr<IOExtensiblePaniclog> log = Make("state", 4);
    EXPECT_EQ(log->InsertData(Data("12345").get()), kIOReturnBadArgument);
    EXPECT_EQ(log->InsertData(nullptr), kIOReturnBadArgument);
    EXPECT_EQ(log->InsertData(Data("123").get()), kIOReturnSuccess);
    EXPECT_EQ(log->AppendData(Data("45").get()), kIOReturnBadArgument);
    EXPECT_EQ(log->AppendData(Data("4").get()), kIOReturnSuccess);
    EXPECT_THAT(Shown(), ElementsAre("state=1234"));
    EXPECT_EQ(log->SetUsedLen(5), kIOReturnBadArgument);
    EXPECT_EQ(log->SetUsedLen(2), kIOReturnSuccess);
    EXPECT_THAT(Shown(), ElementsAre("state=12"));
}

TEST(PanicLog, ClaimedBuffer_IsWrittenByTheDriver) {
    OSSharedPtr<IOExtensiblePaniclog> log = Make("state");
    ASSERT_EQ(log->SetActive(), kIOReturnSuccess);
    uint64_t address = 0;
    uint64_t length = 0;
    ASSERT_EQ(log->ClaimBuffer(&address, &length), kIOReturnSuccess);
    EXPECT_EQ(length, 16U);
    std::memcpy(reinterpret_cast<void *>(address), "claimed", 7);
    EXPECT_EQ(log->YieldBuffer(7), kIOReturnSuccess);
    EXPECT_THAT(Shown(), ElementsAre("state=claimed"));
    OSSharedPtr<IOBufferMemoryDescriptor> memory;
    ASSERT_EQ(log->CopyMemoryDescriptor(memory.attach()), kIOReturnSuccess);
    IOAddressSegment range = {};
    EXPECT_EQ(memory->GetAddressRange(&range), kIOReturnSuccess);
    EXPECT_EQ(range.address, address) << "the same memory";
    EXPECT_EQ(log->ClaimBuffer(nullptr, &length), kIOReturnBadArgument);
}

TEST(PanicLog, BadArguments_AreRefused) {
    OSSharedPtr<IOExtensiblePaniclog> log;
    EXPECT_EQ(Make("0123456789abcdefg", "name", 16, log), kIOReturnBadArgument);
    EXPECT_EQ(Make("", "name of more than thirty-two bytes", 16, log), kIOReturnBadArgument);
    EXPECT_EQ(Make("", "name", 0, log), kIOReturnBadArgument);
    EXPECT_EQ(Make("", "name", 32769, log), kIOReturnBadArgument);
    EXPECT_EQ(Make("", "name", 32768, log), kIOReturnSuccess);
}

TEST(PanicLog, OneMoreThanTheTableHas_IsRefused) {
    std::vector<OSSharedPtr<IOExtensiblePaniclog>> logs;
    for (size_t i = 0; i < PanicLogs::kMost; ++i) {
        logs.push_back(Make("log"));
        EXPECT_EQ(logs.back()->SetActive(), kIOReturnSuccess);
    }
    OSSharedPtr<IOExtensiblePaniclog> more = Make("more");
    EXPECT_EQ(more->SetActive(), kIOReturnBadArgument);
    logs.pop_back();
    EXPECT_EQ(more->SetActive(), kIOReturnSuccess);
}

}  // namespace
}  // namespace opendext::service
