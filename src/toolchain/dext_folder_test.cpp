// SPDX-License-Identifier: Apache-2.0
#include "toolchain/dext_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "toolchain/testing/temporary_folder.h"

namespace opendext::toolchain {
namespace {

using std::filesystem::path;
using ::testing::HasSubstr;

class FolderScan : public ::testing::Test {
protected:
    FolderScan() {
        folder.Write("b.cpp", "");
        folder.Write("a.cc", "");
        folder.Write("c.c", "");
        folder.Write("Driver.iig", "");
        folder.Write("Info.plist", "");
        folder.Write("README.md", "");
    }
    [[nodiscard]] std::expected<DextFolder, std::string> Scan(
        const std::vector<path> &additional = {}) const {
        return DextFolder::Scan(folder.path(), additional);
    }
    [[nodiscard]] std::string Error() const {
        const auto dext = Scan();
        return dext ? "no error" : dext.error();
    }

    testing::TemporaryFolder folder;
};

TEST_F(FolderScan, SourcesAreSortedByName) {
    const auto dext = Scan();
    ASSERT_TRUE(dext) << dext.error();
    EXPECT_EQ(dext->folder, folder.path());
    EXPECT_EQ(dext->iigs, (std::vector<path>{folder.path() / "Driver.iig"}));
    EXPECT_EQ(dext->sources, (std::vector<path>{folder.path() / "a.cc", folder.path() / "b.cpp",
                                                folder.path() / "c.c"}));
    EXPECT_EQ(dext->info_plist, folder.path() / "Info.plist");
    EXPECT_FALSE(dext->entitlements);
}

TEST_F(FolderScan, FoldersBelowAreNotLookedInto) {
    folder.Write("app/main.cpp", "");
    EXPECT_EQ(Scan()->sources.size(), 3u);
}

TEST_F(FolderScan, AdditionalFilesAndFoldersJoin) {
    folder.Write("shared/one.cpp", "");
    folder.Write("more/two.cpp", "");
    const auto dext = Scan({folder.path() / "shared", folder.path() / "more/two.cpp"});
    ASSERT_TRUE(dext) << dext.error();
    EXPECT_EQ(dext->sources.size(), 5u);
}

TEST_F(FolderScan, FileGivenTwice_IsBuiltOnce) {
    const auto dext = Scan({folder.path() / "b.cpp", folder.path() / "." / "a.cc"});
    ASSERT_TRUE(dext);
    EXPECT_EQ(dext->sources.size(), 3u);
}

TEST_F(FolderScan, InfoPlistOfAnotherName_IsKnownByItsPersonalities) {
    std::filesystem::remove(folder.path() / "Info.plist");
    EXPECT_THAT(Error(), HasSubstr("no Info.plist"));
    folder.Write("Other.plist", "<plist/>");
    folder.Write("Driver-Info.plist", "<key>IOKitPersonalities</key>");
    ASSERT_TRUE(Scan());
    EXPECT_EQ(Scan()->info_plist, folder.path() / "Driver-Info.plist");
    folder.Write("Second-Info.plist", "<key>IOKitPersonalities</key>");
    EXPECT_THAT(Error(), HasSubstr("Driver-Info.plist"));
    EXPECT_THAT(Error(), HasSubstr("Second-Info.plist"));
}

TEST_F(FolderScan, InfoPlistsOwnNameWins) {
    folder.Write("Copy.plist", "<key>IOKitPersonalities</key>");
    EXPECT_EQ(Scan()->info_plist, folder.path() / "Info.plist");
}

TEST_F(FolderScan, OneEntitlementsFileIsTaken_TwoAreAnError) {
    folder.Write("Driver.entitlements", "");
    EXPECT_EQ(Scan()->entitlements, folder.path() / "Driver.entitlements");
    folder.Write("Release.entitlements", "");
    EXPECT_THAT(Error(), HasSubstr("--entitlements"));
}

TEST_F(FolderScan, NoInterfaces_ErrorSaysWhatADextHas) {
    std::filesystem::remove(folder.path() / "Driver.iig");
    EXPECT_THAT(Error(), HasSubstr("no .iig file"));
}

TEST_F(FolderScan, NoSources_ErrorSaysWhatADextHas) {
    for (const char *name : {"a.cc", "b.cpp", "c.c"}) {
        std::filesystem::remove(folder.path() / name);
    }
    EXPECT_THAT(Error(), HasSubstr("no .cpp file"));
}

TEST_F(FolderScan, TwoInterfacesOfOneName_ErrorNamesBoth) {
    folder.Write("more/Driver.iig", "");
    const auto dext = Scan({folder.path() / "more"});
    ASSERT_FALSE(dext);
    EXPECT_THAT(dext.error(),
                HasSubstr("/more/Driver.iig: error: " + (folder.path() / "Driver.iig").string()));
}

TEST_F(FolderScan, MissingFolder_ErrorNamesIt) {
    const auto dext = DextFolder::Scan(folder.path() / "none", {});
    ASSERT_FALSE(dext);
    EXPECT_THAT(dext.error(), HasSubstr("none: error:"));
}

}  // namespace
}  // namespace opendext::toolchain
