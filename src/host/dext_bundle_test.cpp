// SPDX-License-Identifier: Apache-2.0
#include "host/dext_bundle.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace opendext::host {
namespace {

class DextBundleTest : public testing::Test {
protected:
    void SetUp() override {
        folder = std::filesystem::temp_directory_path() /
                 ("opendext-bundle-" + std::to_string(getpid()) + "-" +
                  testing::UnitTest::GetInstance()->current_test_info()->name() + ".dext");
        std::filesystem::create_directory(folder);
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    void Write(const char *name, const std::string &text) const {
        std::ofstream(folder / name) << text;
    }

    static std::string Plist(const std::string &entries) {
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<dict>" +
               entries + "</dict>\n</plist>\n";
    }

    std::filesystem::path folder;
};

constexpr char kIdentity[] =
    "<key>CFBundleIdentifier</key><string>org.example.x</string><key>CFBundleExecutable</"
    "key><string>X</string>";

TEST_F(DextBundleTest, NoSuchFolder_SaysSo) {
    const auto loaded = LoadDextBundle(folder / "missing");
    ASSERT_FALSE(loaded);
    EXPECT_TRUE(loaded.error().contains("no such dext"));
}

TEST_F(DextBundleTest, MalformedInfoPlist_NamesFileAndLine) {
    Write(
        "Info.plist",
        "<?xml version=\"1.0\"?>\n<plist version=\"1.0\">\n<dict><key>A</key></dict>\n</plist>\n");
    const auto loaded = LoadDextBundle(folder);
    ASSERT_FALSE(loaded);
    EXPECT_TRUE(loaded.error().contains("Info.plist:")) << loaded.error();
}

TEST_F(DextBundleTest, MissingIdentifier_IsNamed) {
    Write("Info.plist", Plist("<key>CFBundleExecutable</key><string>X</string>"));
    const auto loaded = LoadDextBundle(folder);
    ASSERT_FALSE(loaded);
    EXPECT_TRUE(loaded.error().contains("CFBundleIdentifier is missing"));
}

TEST_F(DextBundleTest, ExecutableWithAPath_IsRefused) {
    Write("Info.plist", Plist("<key>CFBundleIdentifier</key><string>a</string>"
                              "<key>CFBundleExecutable</key><string>../X</string>"));
    const auto loaded = LoadDextBundle(folder);
    ASSERT_FALSE(loaded);
    EXPECT_TRUE(loaded.error().contains("is a path"));
}

TEST_F(DextBundleTest, MissingCode_IsNamed) {
    Write("Info.plist", Plist(kIdentity));
    const auto loaded = LoadDextBundle(folder);
    ASSERT_FALSE(loaded);
    EXPECT_TRUE(loaded.error().contains("X.so")) << loaded.error();
}

TEST_F(DextBundleTest, WholeBundle_IsLoadedWithItsEntitlements) {
    Write("Info.plist", Plist(kIdentity));
    Write("entitlements.plist", Plist("<key>com.apple.developer.driverkit</key><true/>"));
    std::filesystem::copy_file(OPENDEXT_TEST_CODE, folder / "X.so");
    const auto loaded = LoadDextBundle(folder);
    ASSERT_TRUE(loaded) << loaded.error();
    EXPECT_EQ((*loaded)->identifier, "org.example.x");
    EXPECT_NE((*loaded)->entitlements.Find("com.apple.developer.driverkit"), nullptr);
    Dl_info found{};
    ASSERT_NE(dladdr((*loaded)->image, &found), 0);
    EXPECT_EQ(std::filesystem::path(found.dli_fname).filename(), "X.so");
}

TEST_F(DextBundleTest, CodeThatIsNoLibrary_IsNamed) {
    Write("Info.plist", Plist(kIdentity));
    Write("X.so", "no code");
    const auto loaded = LoadDextBundle(folder);
    ASSERT_FALSE(loaded);
    EXPECT_TRUE(loaded.error().contains("X.so") && loaded.error().contains("rebuild the dext"))
        << loaded.error();
}

TEST_F(DextBundleTest, EntitlementsThatAreNoDictionary_AreRefused) {
    Write("Info.plist", Plist(kIdentity));
    Write("entitlements.plist",
          "<?xml version=\"1.0\"?>\n<plist version=\"1.0\"><string>x</string></plist>\n");
    const auto loaded = LoadDextBundle(folder);
    ASSERT_FALSE(loaded);
    EXPECT_TRUE(loaded.error().contains("it must be a <dict>")) << loaded.error();
}

}  // namespace
}  // namespace opendext::host
