// SPDX-License-Identifier: Apache-2.0
// `opendext cc`.
#include <string>

#include "tests/system/command_line.h"

namespace opendext::rig {

namespace {

constexpr char kClient[] = R"(#include <IOKit/IOKitLib.h>
#include <CoreFoundation/CoreFoundation.h>
#include <stdio.h>
int main(void) {
    io_service_t service = IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("EchoService"));
    printf("service: %s\n", service != 0 ? "found" : "none");
    IOObjectRelease(service);
    return service != 0 ? 0 : 3;
}
)";

class ClientCompilerTest : public CommandLineTest {
protected:
    [[nodiscard]] std::string File(const char *name) const {
        return (folder_.path() / name).string();
    }

    void ExpectCompiledAndRuns(const char *source) {
        folder_.Write(source, kClient);
        const CommandResult compiled =
            Run({"cc", File(source), "-o", File("client"), "-framework", "IOKit", "-Wall",
                 "-Wextra", "-framework", "CoreFoundation", "-Werror"});
        ASSERT_EQ(compiled.status, 0) << compiled.text;
        const CommandResult run = Run({"run", BuiltDext("echo").string(), "--app", File("client")});
        EXPECT_EQ(run.status, 0) << run.text;
        EXPECT_TRUE(run.text.contains("service: found")) << run.text;
    }
};

TEST_F(ClientCompilerTest, CClient_IsCompiledAndFindsItsDriver) {
    ExpectCompiledAndRuns("client.c");
}

TEST_F(ClientCompilerTest, CxxClient_IsCompiledAndFindsItsDriver) {
    ExpectCompiledAndRuns("client.cpp");
}

TEST_F(ClientCompilerTest, NothingToCompile_IsToldTheFix) {
    const CommandResult result = Run({"cc"});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("no source file; write 'opendext cc")) << result.text;
}

TEST_F(ClientCompilerTest, FrameworkThatIsNotHere_IsToldWhichAre) {
    const CommandResult result = Run({"cc", File("client.c"), "-framework", "Cocoa"});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("-framework Cocoa")) << result.text;
    EXPECT_TRUE(result.text.contains("there are IOKit and CoreFoundation")) << result.text;
}

TEST_F(ClientCompilerTest, MissingFile_IsTold) {
    const CommandResult result = Run({"cc", File("missing.cpp"), "-o", File("client")});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("missing.cpp: error: no such file")) << result.text;
}

TEST_F(ClientCompilerTest, CodeThatDoesNotCompile_IsToldWithItsPlace) {
    folder_.Write("client.c", "int main(void) { return no_such_name; }\n");
    const CommandResult result = Run({"cc", File("client.c"), "-o", File("client")});
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(result.text.contains("client.c:1:")) << result.text;
}

}  // namespace

}  // namespace opendext::rig
