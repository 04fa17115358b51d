// SPDX-License-Identifier: Apache-2.0
#include "toolchain/dext_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "toolchain/testing/temporary_folder.h"

namespace opendext::toolchain {
namespace {

using std::filesystem::path;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char *kInfo =
    "<plist version=\"1.0\"><dict><key>IOKitPersonalities</key><dict><key>Driver</key><dict>"
    "<key>IOProviderClass</key><string>IOUserResources</string><key>IOUserClass</"
    "key><string>Driver</string>"
    "</dict></dict></dict></plist>\n";
constexpr const char *kBase =
    "#include <DriverKit/IOService.iig>\nclass Base : public IOService {};\n";
constexpr const char *kInterface =
    "#include \"Base.iig\"\n"
    "class Driver : public Base {\npublic:\n"
    "    virtual kern_return_t Start(IOService * provider) override;\n};\n";
constexpr const char *kSource =
    "#include \"Driver.h\"\n#include \"Numbers.h\"\n"
    "kern_return_t IMPL(Driver, Start) { return provider ? Start(provider, SUPERDISPATCH) : "
    "kNumber; }\n";

// A small driver in a folder, and what the last build wrote to stderr.
class DextBuild : public ::testing::Test {
protected:
    DextBuild() {
        folder.Write("driver/Info.plist", kInfo);
        folder.Write("driver/Base.iig", kBase);
        folder.Write("driver/Driver.iig", kInterface);
        folder.Write("driver/Numbers.h", "enum { kNumber = 3 };\n");
        folder.Write("driver/Driver.cpp", kSource);
    }

    std::expected<void, std::string> Build(const std::vector<std::string> &flags = {},
                                           const std::string &bundle_id = "com.example.driver") {
        auto dext = DextFolder::Scan(folder.path() / "driver", {});
        DextBuildRequest request;
        request.folder = *dext;
        request.settings = BuildSettings::ForDext(bundle_id);
        request.output = folder.path() / "Out.dext";
        request.compiler_flags = flags;
        ::testing::internal::CaptureStderr();
        auto built = BuildDext(request, sdk);
        said = ::testing::internal::GetCapturedStderr();
        return built;
    }

    [[nodiscard]] path Made(const std::string &file) const {
        return folder.path() / ".Out.dext.build" / file;
    }

    // The objects that the build makes anew when `change` has been done.
    std::vector<std::string> BuiltAgainAfter(const std::function<void()> &change) {
        const std::vector<std::string> objects = {"0-Driver.o", "Driver.iig.o"};
        EXPECT_TRUE(Build()) << said;
        std::vector<std::filesystem::file_time_type> before;
        for (const std::string &object : objects) {
            before.push_back(std::filesystem::last_write_time(Made(object)));
        }
        change();
        EXPECT_TRUE(Build()) << said;
        std::vector<std::string> changed;
        for (size_t i = 0; i < objects.size(); ++i) {
            if (std::filesystem::last_write_time(Made(objects[i])) != before[i]) {
                changed.push_back(objects[i]);
            }
        }
        return changed;
    }

    testing::TemporaryFolder folder;
    SdkLocation sdk{.programs = path(OPENDEXT_BUILD_DIR) / "bin",
                    .libraries = path(OPENDEXT_BUILD_DIR) / "lib",
                    .sdk = path(OPENDEXT_BUILD_DIR) / "sdk"};
    std::string said;
};

TEST_F(DextBuild, NothingChanged_NothingIsBuiltOrSaid) {
    EXPECT_THAT(BuiltAgainAfter([] {}), IsEmpty());
    EXPECT_EQ(said, "");
}

TEST_F(DextBuild, HeaderChanged_ItsUsersAreBuiltAgain) {
    EXPECT_THAT(
        BuiltAgainAfter([&] { folder.Write("driver/Numbers.h", "enum { kNumber = 4 };\n"); }),
        ElementsAre("0-Driver.o"));
}

TEST_F(DextBuild, NestedInterfaceChanged_ItsUsersAreBuiltAgain) {
    EXPECT_THAT(BuiltAgainAfter([&] {
                    folder.Write("driver/Base.iig", std::string("typedef int BaseType;\n") + kBase);
                }),
                ElementsAre("0-Driver.o", "Driver.iig.o"));
}

TEST_F(DextBuild, HeaderOfTheSdkChanged_EverythingIsBuiltAgain) {
    const path copy = folder.path() / "sdk";
    std::filesystem::copy(sdk.sdk, copy, std::filesystem::copy_options::recursive);
    sdk.sdk = copy;
    EXPECT_THAT(BuiltAgainAfter([&] {
                    std::ofstream(copy / "DriverKit/OSMetaClass.h", std::ios::app)
                        << "// changed\n";
                }),
                ElementsAre("0-Driver.o", "Driver.iig.o"));
}

TEST_F(DextBuild, InterfaceRemoved_ItsHeaderIsGone) {
    folder.Write("driver/Old.iig",
                 "#include <DriverKit/IOService.iig>\nclass Old : public IOService {};\n");
    ASSERT_TRUE(Build()) << said;
    EXPECT_TRUE(std::filesystem::exists(Made("generated/Old.h")));
    std::filesystem::remove(folder.path() / "driver/Old.iig");
    ASSERT_TRUE(Build()) << said;
    EXPECT_FALSE(std::filesystem::exists(Made("generated/Old.h")));
}

TEST_F(DextBuild, OtherBundleId_LeavesNothingOfTheFormerOne) {
    ASSERT_TRUE(Build()) << said;
    folder.Write("driver/Driver.cpp",
                 std::string("#include <com.example.other/Driver.h>\n") + kSource);
    ASSERT_TRUE(Build({}, "com.example.other")) << said;
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "Out.dext/com.example.other.so"));
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "Out.dext/com.example.driver.so"));
    EXPECT_FALSE(std::filesystem::exists(Made("include/com.example.driver")));
}

TEST_F(DextBuild, BundleIdThatIsNoFolderName_ErrorNamesTheOption) {
    const auto built = Build({}, "com/example");
    ASSERT_FALSE(built);
    EXPECT_THAT(built.error(), HasSubstr("--bundle-id"));
}

TEST_F(DextBuild, SyntaxError_OnlyTheCompilerSpeaks) {
    folder.Write("driver/Driver.cpp", "#include \"Driver.h\"\nint broken( {\n");
    const auto built = Build();
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error(), "");
    EXPECT_THAT(said, ::testing::StartsWith((folder.path() / "driver/Driver.cpp").string() +
                                            ":2:14: error: "));
    EXPECT_THAT(said, Not(HasSubstr("ninja")));
    EXPECT_THAT(said, Not(HasSubstr("clang++")));
}

TEST_F(DextBuild, MistakeInTheInterface_OnlyIigSpeaks) {
    folder.Write("driver/Driver.iig",
                 "#include <DriverKit/IOService.iig>\nclass Driver : public IOServic {};\n");
    EXPECT_FALSE(Build());
    EXPECT_THAT(said, ::testing::StartsWith((folder.path() / "driver/Driver.iig").string() +
                                            ":2:23: error: "));
    EXPECT_THAT(said, Not(HasSubstr("--def")));
}

// An .iig and a source that name what they use only by the umbrella.
TEST_F(DextBuild, Umbrella_HasEveryClass) {
    folder.Write("driver/Driver.iig",
                 "#include <DriverKit/DriverKit.iig>\n#include \"Base.iig\"\n"
                 "class Driver : public Base {\npublic:\n"
                 "    virtual void Happened(OSAction * action, uint64_t count, uint64_t time)\n"
                 "        TYPE(IOInterruptDispatchSource::InterruptOccurred);\n};\n");
    folder.Write(
        "driver/Driver.cpp",
        "#include <DriverKit/DriverKit.h>\n#include \"Driver.h\"\n"
        "void IMPL(Driver, Happened) {\n"
        "    IOBufferMemoryDescriptor * buffer = nullptr;\n"
        "    IODMACommand * command = nullptr;\n"
        "    IOMemoryMap * map = OSDynamicCast(IOMemoryMap, action);\n"
        "    IOUserClient * client = OSDynamicCast(IOUserClient, this);\n"
        "    (void)count; (void)time; (void)buffer; (void)command; (void)map; (void)client;\n}\n");
    EXPECT_TRUE(Build());
    EXPECT_EQ(said, "");
}

TEST_F(DextBuild, IOLib_BringsLogging) {
    folder.Write("driver/Driver.cpp", std::string(kSource) +
                                          "#include <DriverKit/IOLib.h>\n"
                                          "void Log() { os_log(OS_LOG_DEFAULT, \"here\"); }\n");
    EXPECT_TRUE(Build());
    EXPECT_EQ(said, "");
}

// Three standards, and every warning that public drivers turn on.
class DriverWithWarnings : public DextBuild, public ::testing::WithParamInterface<const char *> {};

TEST_P(DriverWithWarnings, CompilesWithoutOne) {
    const path driver = path(OPENDEXT_SOURCE_DIR) / "src/toolchain/testing" / GetParam();
    for (const char *standard : {"gnu++17", "gnu++20", "gnu++23"}) {
        DextBuildRequest request;
        request.folder = DextFolder::Scan(driver, {}).value();
        request.settings = BuildSettings::ForDext("com.example.unusual");
        request.output = folder.path() / "Unusual.dext";
        request.language_standard = standard;
        request.compiler_flags = {"-Wall",    "-Wextra",       "-Werror",
                                  "-Wshadow", "-Wswitch-enum", "-Wdouble-promotion"};
        ::testing::internal::CaptureStderr();
        const auto built = BuildDext(request, sdk);
        EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << standard;
        EXPECT_TRUE(built) << standard;
    }
}

INSTANTIATE_TEST_SUITE_P(Testing, DriverWithWarnings,
                         ::testing::Values("unusual_driver", "usb_driver"));

}  // namespace
}  // namespace opendext::toolchain
