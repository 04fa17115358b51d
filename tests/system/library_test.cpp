// SPDX-License-Identifier: Apache-2.0
// Classes of DriverKit that stay in the driver: what is different in a driver from what their own tests see.
#include <filesystem>
#include <string>

#include "channel/wire/call.h"
#include "tests/system/core_test.h"

namespace opendext::rig {

namespace {

class LibrarySystemTest : public CoreTest {
protected:
    void SetUp() override {
        CoreTest::SetUp();
        OpenClient(kLibraryClient);
    }
};

TEST_P(LibrarySystemTest, MainBundle_IsTheDriversOwn) {
    const Scalars size_and_sum = Ask(kLibraryResource, 2);
    const std::filesystem::path bundle = BuiltDext("core");
    EXPECT_EQ(size_and_sum[0], std::filesystem::file_size(bundle / "Info.plist"));
    EXPECT_NE(size_and_sum[1], 0U);
}

TEST_P(LibrarySystemTest, SerializedProperties_AreTheSame) {
    const Scalars count_and_equal = Ask(kLibrarySerialize, 2);
    EXPECT_GE(count_and_equal[0], 2U) << "IOClass and IOUserClass at least";
    EXPECT_EQ(count_and_equal[1], 1U);
}

TEST_P(LibrarySystemTest, CommandOfADriversClass_GoesRound) {
    EXPECT_EQ(Ask(kLibraryCommands, 2), (Scalars{100, 1}));
}

TEST_P(LibrarySystemTest, Result_HasAName) {
    const auto name_of = [this](kern_return_t result) {
        const uint64_t input = static_cast<uint32_t>(result);
        char name[64] = "";
        size_t size = sizeof name;
        EXPECT_EQ(IOConnectCallMethod(connect(), kLibraryResultName, &input, 1, nullptr, 0, nullptr,
                                      nullptr, name, &size),
                  kIOReturnSuccess);
        return std::string(name);
    };
    EXPECT_EQ(name_of(kIOReturnBadArgument), "kIOReturnBadArgument (0xe00002c2)");
    EXPECT_EQ(name_of(0x1234), "0x00001234");
}

TEST_P(LibrarySystemTest, UserServer_LoadsWhatIsThereAndIsNoEntry) {
    EXPECT_EQ(Ask(kLibraryServer, 2), (Scalars{static_cast<uint32_t>(kIOReturnNotAttached),
                                               static_cast<uint32_t>(kIOReturnNotFound)}));
}

TEST_P(LibrarySystemTest, Exit_EndsTheProcessOfADriverThatHasItsOwn) {
    if (GetParam() == RigVariant::kEmbedded) {
        EXPECT_EQ(Call(kLibraryExit), kIOReturnUnsupported);
        EXPECT_EQ(Ask(kLibraryServer, 2).size(), 2U) << "the driver is still there";
        return;
    }
    EXPECT_EQ(Call(kLibraryExit), channel::kMigServerDied);
    EXPECT_TRUE(log().WaitFor("the driver ends its process: " kLibraryExitReason));
    EXPECT_TRUE(log().WaitFor("exited by itself with status 0"));
}

OPENDEXT_BOTH_VARIANTS(LibrarySystemTest);

}  // namespace

}  // namespace opendext::rig
