// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/setting_levels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace opendext::toolchain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class Levels : public ::testing::Test {
protected:
    // A level, each line NAME = value.
    void Add(const std::vector<std::pair<std::string, std::string>> &lines) {
        std::vector<SettingAssignment> level;
        int number = 0;
        for (const auto &[name, value] : lines) {
            SettingAssignment assignment = ParseSettingName(name).value();
            assignment.value = value;
            assignment.place = {.file = "c", .line = ++number};
            level.push_back(assignment);
        }
        settings.Add(level);
    }
    [[nodiscard]] std::string Text(std::string_view name) const {
        return settings.Text(name).value();
    }
    [[nodiscard]] std::vector<std::string> Words(std::string_view name) const {
        return settings.Words(name).value();
    }
    [[nodiscard]] std::string ErrorOf(std::string_view name) const {
        const auto text = settings.Text(name);
        const auto words = settings.Words(name);
        EXPECT_EQ(text.has_value(), words.has_value());
        return text ? "no error" : text.error();
    }

    SettingLevels settings{{.sdk = "driverkit24.0", .arch = "x86_64", .configuration = "Release"}};
};

TEST_F(Levels, LaterLevelOverrides) {
    Add({{"A", "low"}, {"B", "low"}});
    Add({{"A", "high"}});
    EXPECT_EQ(Text("A"), "high");
    EXPECT_EQ(Text("B"), "low");
    EXPECT_EQ(Text("C"), "");
}

TEST_F(Levels, InheritedIsWhatIsOverridden) {
    Add({{"A", "one"}});
    Add({{"A", "$(inherited) two"}});
    Add({{"A", "$(inherited) three"}});
    EXPECT_EQ(Text("A"), "one two three");
    EXPECT_THAT(Words("A"), ElementsAre("one", "two", "three"));
}

TEST_F(Levels, OwnNameIsWhatIsOverridden) {
    Add({{"A", "one"}});
    Add({{"A", "$(A) two"}});
    EXPECT_EQ(Text("A"), "one two");
}

TEST_F(Levels, InheritedOfTheLowest_IsEmpty) {
    Add({{"PRODUCT_NAME", "$(inherited)"}});
    EXPECT_EQ(Text("PRODUCT_NAME"), "");
}

TEST_F(Levels, LowerLevelSeesTheHighestValue) {
    Add({{"A", "$(B)"}, {"B", "low"}});
    Add({{"B", "high"}});
    EXPECT_EQ(Text("A"), "high");
}

TEST_F(Levels, AllFormsOfReferences) {
    Add({{"A", "x"}, {"B", "$(A)${A}$A-$[A]-$$-$"}});
    EXPECT_EQ(Text("B"), "xxx-x-$-$");
}

TEST_F(Levels, NamesMayBeComposed) {
    Add({{"KIND", "b"}, {"PATH_b", "found"}, {"A", "$(PATH_$(KIND))"}});
    EXPECT_EQ(Text("A"), "found");
}

TEST_F(Levels, ModifiersApply) {
    Add({{"A", "My Driver"}, {"B", "$(A:rfc1034identifier:lower)"}, {"C", "$(NONE:default=$(A))"}});
    EXPECT_EQ(Text("B"), "my-driver");
    EXPECT_EQ(Text("C"), "My Driver");
}

TEST_F(Levels, ConditionsChoose) {
    Add({{"A[sdk=driverkit*]", "driver"}, {"A", "any"}, {"A[sdk=macosx*]", "mac"}});
    EXPECT_EQ(Text("A"), "driver");
    Add({{"B", "any"}, {"B[config=Debug]", "debug"}});
    EXPECT_EQ(Text("B"), "any");
    Add({{"C[sdk=driverkit*,arch=x86_64][config=Rel*]", "$(inherited) all"}, {"C", "base"}});
    EXPECT_EQ(Text("C"), "base all");
    Add({{"D[unheard=of]", "x"}});
    EXPECT_EQ(Text("D"), "");
}

TEST_F(Levels, ListsAreSplitAsByAShell) {
    Add({{"A", "one 'two three' \"four $(B)\" fi\\ ve a\\\"b"}, {"B", "x y"}});
    EXPECT_THAT(Words("A"), ElementsAre("one", "two three", "four x y", "fi ve", "a\"b"));
}

TEST_F(Levels, ReferenceThatIsAWord_GivesItsWords) {
    Add({{"A", "$(B) c$(B)"}, {"B", "x y"}, {"C", "$(D)"}});
    EXPECT_THAT(Words("A"), ElementsAre("x", "y", "cx y"));
    EXPECT_THAT(Words("C"), IsEmpty());
}

TEST_F(Levels, PathsOfTheBuild_AreOneWord) {
    settings.AddText("SRCROOT", "/my $(A) project");
    Add({{"A", "$(SRCROOT) $(SRCROOT)/include"}});
    EXPECT_THAT(Words("A"), ElementsAre("/my $(A) project", "/my $(A) project/include"));
}

TEST_F(Levels, Circle_ErrorHasPlaceAndNames) {
    Add({{"A", "$(B)"}, {"B", "x $(C)"}, {"C", "$(A)"}});
    EXPECT_THAT(ErrorOf("A"), StartsWith("c:1: error: build setting A refers to itself"));
    EXPECT_THAT(ErrorOf("A"), HasSubstr("A -> B -> C -> A"));
}

TEST_F(Levels, LongChain_IsAnErrorAndNoCrash) {
    std::vector<std::pair<std::string, std::string>> lines;
    for (int i = 0; i < 1000; ++i) {
        lines.emplace_back("A" + std::to_string(i), "$(A" + std::to_string(i + 1) + ")");
    }
    Add(lines);
    EXPECT_THAT(ErrorOf("A0"), HasSubstr("too many others"));
}

TEST_F(Levels, ValuesThatDouble_AreAnErrorAndNoHang) {
    std::vector<std::pair<std::string, std::string>> lines;
    for (int i = 0; i < 40; ++i) {
        const std::string next = "$(A" + std::to_string(i + 1) + ")";
        lines.emplace_back("A" + std::to_string(i), next + next);
    }
    lines.emplace_back("A40", "x");
    Add(lines);
    EXPECT_THAT(ErrorOf("A0"), HasSubstr("error: "));
}

TEST_F(Levels, DeepReferences_AreAnErrorAndNoCrash) {
    std::string deep = "x";
    for (int i = 0; i < 10'000; ++i) {
        deep = "$(" + deep + ")";
    }
    Add({{"A", deep}});
    EXPECT_THAT(ErrorOf("A"), HasSubstr("64 deep"));
}

TEST_F(Levels, PlaceIsOfTheValueThatCounts) {
    Add({{"X", "low"}, {"A", "low"}});
    Add({{"A", "high"}});
    EXPECT_EQ(settings.PlaceOf("A").line, 1);
    EXPECT_EQ(settings.PlaceOf("NONE").file, "");
}

TEST(SettingNames, NonsenseIsAnError) {
    EXPECT_FALSE(ParseSettingName(""));
    EXPECT_FALSE(ParseSettingName("A B"));
    EXPECT_FALSE(ParseSettingName("A[sdk]"));
    EXPECT_FALSE(ParseSettingName("A[sdk=x"));
    EXPECT_FALSE(ParseSettingName("A]"));
}

}  // namespace
}  // namespace opendext::toolchain
