// SPDX-License-Identifier: Apache-2.0
// `opendext build` with sources that are wrong: each time one line with the place and the fix.
#include <filesystem>
#include <string>

#include "tests/system/command_line.h"

namespace opendext::rig {

namespace {

constexpr char kGoodIig[] = R"(#ifndef Tiny_h
#define Tiny_h
#include <DriverKit/IOService.iig>
class Tiny : public IOService
{
public:
    virtual kern_return_t Start(IOService *provider) override;
};
#endif
)";

constexpr char kGoodCode[] = R"(#include "Tiny.h"
kern_return_t IMPL(Tiny, Start) { return Start(provider, SUPERDISPATCH); }
)";

constexpr char kGoodPlist[] = R"(<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0">
<dict>
    <key>CFBundleIdentifier</key><string>$(PRODUCT_BUNDLE_IDENTIFIER)</string>
    <key>CFBundleExecutable</key><string>$(EXECUTABLE_NAME)</string>
    <key>IOKitPersonalities</key>
    <dict>
        <key>Tiny</key>
        <dict>
            <key>IOClass</key><string>IOUserService</string>
            <key>IOProviderClass</key><string>IOUserResources</string>
            <key>IOResourceMatch</key><string>IOKit</string>
            <key>IOUserClass</key><string>Tiny</string>
            <key>IOUserServerName</key><string>$(PRODUCT_BUNDLE_IDENTIFIER)</string>
        </dict>
    </dict>
</dict>
</plist>
)";

constexpr char kGoodEntitlements[] = R"(<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>com.apple.developer.driverkit</key><true/></dict></plist>
)";

class BuildCommandTest : public CommandLineTest {
protected:
    void SetUp() override {
        CommandLineTest::SetUp();
        folder_.Write("driver/Tiny.iig", kGoodIig);
        folder_.Write("driver/Tiny.cpp", kGoodCode);
        folder_.Write("driver/Info.plist", kGoodPlist);
        folder_.Write("driver/Tiny.entitlements", kGoodEntitlements);
    }

    [[nodiscard]] CommandResult Build() const {
        return Run({"build", (folder_.path() / "driver").string(), "-o", Output()});
    }
    [[nodiscard]] std::string Output() const { return (folder_.path() / "Tiny.dext").string(); }
};

TEST_F(BuildCommandTest, SmallestDriver_IsBuiltAndRuns) {
    const CommandResult built = Build();
    ASSERT_EQ(built.status, 0) << built.text;
    const CommandResult run = Run({"run", Output(), "--app", "/bin/true"});
    EXPECT_EQ(run.status, 0) << run.text;
}

TEST_F(BuildCommandTest, MalformedInterface_IsToldWithItsPlace) {
    folder_.Write("driver/Tiny.iig",
                  std::string(kGoodIig) + "class Other : public NoSuchBase {};\n");
    const CommandResult result = Build();
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(result.text.contains("Tiny.iig:10:")) << result.text;
    EXPECT_TRUE(result.text.contains("error: ")) << result.text;
    EXPECT_TRUE(result.text.contains("NoSuchBase")) << result.text;
}

TEST_F(BuildCommandTest, CodeThatDoesNotCompile_IsToldWithItsPlace) {
    folder_.Write("driver/Tiny.cpp", std::string(kGoodCode) + "int f() { return no_such_name; }\n");
    const CommandResult result = Build();
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(result.text.contains("Tiny.cpp:3:")) << result.text;
    EXPECT_TRUE(result.text.contains("no_such_name")) << result.text;
}

TEST_F(BuildCommandTest, LogFormatWithTooFewArguments_IsToldWithItsPlace) {
    folder_.Write("driver/Tiny.cpp",
                  std::string("#include <os/log.h>\n") + kGoodCode +
                      "void f() { os_log(OS_LOG_DEFAULT, \"%{public}s\"); }\n"
                      "void g(uint64_t v) { os_log(OS_LOG_DEFAULT, \"%llu\", v); }\n");
    const CommandResult result = Build();
    EXPECT_EQ(result.status, 0) << result.text;
    EXPECT_TRUE(result.text.contains("Tiny.cpp:4:")) << result.text;
    EXPECT_TRUE(result.text.contains("-Wformat")) << result.text;
    EXPECT_FALSE(result.text.contains("Tiny.cpp:5:")) << result.text;
}

TEST_F(BuildCommandTest, OptimisationIsTheDefaultAndDebugTurnsItOff) {
    const std::string driver = (folder_.path() / "driver").string();
    const CommandResult optimised = Run({"build", driver, "-o", Output(), "-v"});
    EXPECT_TRUE(optimised.text.contains(" -O1 ")) << optimised.text;
    const CommandResult debug = Run({"build", driver, "-o", Output(), "-v", "--debug"});
    EXPECT_TRUE(debug.text.contains(" -O0 ")) << debug.text;
}

TEST_F(BuildCommandTest, HeaderOfAFrameworkThatIsNotHere_IsTold) {
    folder_.Write("driver/Tiny.cpp",
                  std::string("#include <MIDIDriverKit/IOUserMIDIDevice.h>\n") + kGoodCode);
    const CommandResult result = Build();
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(result.text.contains("error: OpenDext does not have MIDIDriverKit yet; it has "))
        << result.text;
}

TEST_F(BuildCommandTest, UnknownPersonalityKey_IsToldAndBuilt) {
    std::string plist = kGoodPlist;
    plist.replace(plist.find("IOResourceMatch"), 15, "IOResourceMatsch");
    folder_.Write("driver/Info.plist", plist);
    const CommandResult result = Build();
    EXPECT_EQ(result.status, 0) << result.text;
    EXPECT_TRUE(result.text.contains("has key IOResourceMatsch, which OpenDext does not know"))
        << result.text;
}

TEST_F(BuildCommandTest, MissingImplementation_IsToldByItsName) {
    folder_.Write("driver/Tiny.cpp", "#include \"Tiny.h\"\n");
    const CommandResult result = Build();
    // A sanitizer leaves undefined names to the program that loads the driver.
    if (result.status != 0) {
        EXPECT_TRUE(result.text.contains("Start_Impl")) << result.text;
    }
}

TEST_F(BuildCommandTest, MalformedPlist_IsToldWithItsLine) {
    folder_.Write(
        "driver/Info.plist",
        "<?xml version=\"1.0\"?>\n<plist version=\"1.0\">\n<dict>\n<key>a</key>\n</plist>\n");
    const CommandResult result = Build();
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(result.text.contains("Info.plist:5: error: ")) << result.text;
}

TEST_F(BuildCommandTest, PlistWithAnUnknownSetting_IsTold) {
    std::string plist = kGoodPlist;
    plist.replace(plist.find("$(EXECUTABLE_NAME)"), 18, "$(NO_SUCH_SETTING)");
    folder_.Write("driver/Info.plist", plist);
    const CommandResult result = Build();
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(result.text.contains("Info.plist")) << result.text;
    EXPECT_TRUE(result.text.contains("NO_SUCH_SETTING")) << result.text;
}

TEST_F(BuildCommandTest, MissingPlist_IsTold) {
    std::filesystem::remove(folder_.path() / "driver/Info.plist");
    const CommandResult result = Build();
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(result.text.contains("Info.plist")) << result.text;
}

// Entitlements can be left out: the driver is built, and runs without checks of them.
TEST_F(BuildCommandTest, MissingEntitlements_AreNoError) {
    std::filesystem::remove(folder_.path() / "driver/Tiny.entitlements");
    const CommandResult built = Build();
    EXPECT_EQ(built.status, 0) << built.text;
    const CommandResult run = Run({"run", Output(), "--app", "/bin/true"});
    EXPECT_EQ(run.status, 0) << run.text;
    EXPECT_TRUE(run.text.contains("no entitlements.plist")) << run.text;
}

TEST_F(BuildCommandTest, MissingFolder_IsTold) {
    const CommandResult result =
        Run({"build", (folder_.path() / "nowhere").string(), "-o", Output()});
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(result.text.contains("nowhere")) << result.text;
    EXPECT_TRUE(result.text.contains("error: ")) << result.text;
}

TEST_F(BuildCommandTest, FolderWithoutSources_IsTold) {
    folder_.Write("empty/readme.txt", "nothing to build\n");
    const CommandResult result =
        Run({"build", (folder_.path() / "empty").string(), "-o", Output()});
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(result.text.contains("error: ")) << result.text;
}

TEST_F(BuildCommandTest, OutputWithoutItsSuffix_IsToldTheFix) {
    const CommandResult result = Run({"build", (folder_.path() / "driver").string(), "-o", "Tiny"});
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(result.text.contains("-o Tiny.dext")) << result.text;
}

}  // namespace

}  // namespace opendext::rig
