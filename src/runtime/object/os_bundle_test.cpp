// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOLib.h>
#include <DriverKit/OSBundle.h>
#include <DriverKit/OSSharedPtr.h>

#include <gtest/gtest.h>

#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

class BundleTest : public testing::Test {
protected:
    void SetUp() override {
        std::string name = std::filesystem::temp_directory_path() / "opendext-bundle-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder = name;
        std::filesystem::create_directory(folder / "Resources");
        Write("Info.plist", "<plist/>");
        Write("table.bin", "outer");
        Write("Resources/table.bin", "inner");
        Write("empty", "");
    }
    void TearDown() override { std::filesystem::remove_all(folder); }
    void Write(const std::string &name, const std::string &text) const {
        std::ofstream(folder / name) << text;
    }
    [[nodiscard]] OSSharedPtr<OSBundle> Bundle() const {
        return {OSBundle::createFromPath(folder.c_str()), OSNoRetain};
    }
    static std::string TextOf(const OSMappedFile *file) {
        return {static_cast<const char *>(file->data()), file->size()};
    }

    std::filesystem::path folder;
};

TEST_F(BundleTest, Resource_IsLookedForInResourcesFirst) {
    OSMappedFile *file = nullptr;
    ASSERT_EQ(Bundle()->loadResource("table.bin", 0, 0, &file), kIOReturnSuccess);
    EXPECT_EQ(TextOf(file), "inner");
    OSSafeReleaseNULL(file);
    ASSERT_EQ(Bundle()->loadResource("Info.plist", 0, 0, &file), kIOReturnSuccess);
    EXPECT_EQ(TextOf(file), "<plist/>");
    OSSafeReleaseNULL(file);
}

TEST_F(BundleTest, NameThatLeadsOut_IsRefused) {
    OSMappedFile *file = nullptr;
    for (const char *name : {"../x", "a/../../x", "/etc/passwd", ""}) {
        EXPECT_EQ(Bundle()->loadResource(name, 0, 0, &file), kIOReturnBadArgument) << name;
    }
    EXPECT_EQ(Bundle()->loadResource("missing", 0, 0, &file), kIOReturnNotFound);
    EXPECT_EQ(Bundle()->loadResource("Resources", 0, 0, &file), kIOReturnBadArgument);
    EXPECT_EQ(Bundle()->loadResource("table.bin", 1, 0, &file), kIOReturnBadArgument);
    EXPECT_EQ(file, nullptr);
}

TEST_F(BundleTest, FolderWithoutInfoPlist_IsNoBundle) {
    EXPECT_EQ(OSBundle::createFromPath((folder / "Resources").c_str()), nullptr);
    EXPECT_EQ(OSBundle::createFromPath(nullptr), nullptr);
    EXPECT_EQ(OSBundle::mainBundle(), nullptr) << "the test is in none";
}

TEST_F(BundleTest, EmptyFile_HasNoBytes) {
    OSMappedFile *file = nullptr;
    ASSERT_EQ(OSMappedFile::createFromPath((folder / "empty").c_str(), 0, 1, &file),
              kIOReturnSuccess);
    EXPECT_EQ(file->size(), 0U);
    EXPECT_NE(file->data(), nullptr);
    OSSafeReleaseNULL(file);
}

TEST_F(BundleTest, GuardsThatAreTooLarge_AreNoMemory) {
    OSMappedFile *file = nullptr;
    EXPECT_EQ(OSMappedFile::createFromPath((folder / "table.bin").c_str(), 0, SIZE_MAX, &file),
              kIOReturnNoMemory);
    EXPECT_EQ(file, nullptr);
}

TEST_F(BundleTest, GuardInFrontAndBehind_MayNotBeRead) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const std::string path = folder / "table.bin";
    OSMappedFile *file = nullptr;
    ASSERT_EQ(OSMappedFile::createFromPath(path.c_str(), 0, 1, &file), kIOReturnSuccess);
    const auto *bytes = static_cast<const volatile char *>(file->data());
    EXPECT_DEATH(static_cast<void>(bytes[-1]), "");
    EXPECT_DEATH(static_cast<void>(bytes[IOVMPageSize]), "");
    OSSafeReleaseNULL(file);
}

}  // namespace
