// SPDX-License-Identifier: Apache-2.0
// `opendext run`, and what looks at a running registry: `ioreg` and `log`.
#include <algorithm>
#include <csignal>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "tests/rig/process_table.h"
#include "tests/system/command_line.h"
#include "tests/system/probe/ProbeProtocol.h"

namespace opendext::rig {

namespace {

class RunCommandTest : public CommandLineTest {
protected:
    [[nodiscard]] std::string Socket(const std::string &pid) const {
        return (folder_.path() / (pid + ".sock")).string();
    }

    const std::string echo_ = BuiltDext("echo").string();
};

TEST_F(RunCommandTest, ExitStatusOfTheApplication_IsOurs) {
    EXPECT_EQ(Run({"run", echo_, "--app", "/bin/true"}).status, 0);
    EXPECT_EQ(Run({"run", echo_, "--app", "/bin/sh", "-c", "exit 42"}).status, 42);
    const CommandResult high = Run({"run", echo_, "--app", "/bin/sh", "-c", "exit 200"});
    EXPECT_EQ(high.status, 200);
    EXPECT_FALSE(high.text.contains("died of signal")) << high.text;
}

TEST_F(RunCommandTest, SignalToUs_ReachesTheApplication) {
    for (const int signal : {SIGINT, SIGTERM}) {
        const auto run =
            Begin({"run", echo_, "--app", "/bin/sh", "-c",
                   "trap 'exit 3' INT TERM; echo waits; while :; do sleep 0.05; done"});
        ASSERT_TRUE(run->output().WaitFor("waits"));
        run->Kill(signal);
        EXPECT_EQ(run->WaitForExit(), 3);
    }
}

TEST_F(RunCommandTest, RegistryThatIsKilled_IsTold) {
    const auto run = Begin({"run", echo_, "--app", "/bin/sh", "-c", "echo waits; exec sleep 60"});
    ASSERT_TRUE(run->output().WaitFor("waits"));
    const std::vector<pid_t> children = ChildrenOf(run->pid());
    const auto registry = std::ranges::find_if(
        children, [](pid_t child) { return CommandLineOf(child).contains("opendextd"); });
    ASSERT_NE(registry, children.end());
    const auto app =
        std::ranges::find_if(children, [&](pid_t child) { return child != *registry; });
    ASSERT_NE(app, children.end());
    kill(*registry, SIGKILL);
    kill(*app, SIGTERM);
    EXPECT_EQ(run->WaitForExit(), 128 + SIGTERM);
    EXPECT_TRUE(run->output().WaitFor("the registry (opendextd) died of signal 9"));
}

TEST_F(RunCommandTest, ApplicationsArguments_AreItsOwn) {
    const CommandResult result =
        Run({"run", echo_, "--app", "/bin/echo", "--device", "-q", "--help"});
    EXPECT_EQ(result.status, 0);
    EXPECT_TRUE(result.text.contains("--device -q --help")) << result.text;
}

TEST_F(RunCommandTest, ApplicationKilledByASignal_IsTold) {
    const CommandResult result = Run({"run", echo_, "--app", "/bin/sh", "-c", "kill -SEGV $$"});
    EXPECT_EQ(result.status, 128 + SIGSEGV);
    EXPECT_TRUE(result.text.contains("died of signal 11")) << result.text;
}

TEST_F(RunCommandTest, ApplicationThatIsNotThere_IsTold) {
    const CommandResult result = Run({"run", echo_, "--app", "/no/such/program"});
    EXPECT_EQ(result.status, 127);
    EXPECT_TRUE(result.text.contains("/no/such/program: error: ")) << result.text;
}

TEST_F(RunCommandTest, ApplicationThatIsNoProgram_IsToldWithWhatToDo) {
    const CommandResult folder = Run({"run", echo_, "--app", "/usr"});
    EXPECT_EQ(folder.status, 127);
    EXPECT_TRUE(folder.text.contains("/usr: error: it is a folder")) << folder.text;
    const CommandResult text = Run({"run", echo_, "--app", "/etc/passwd"});
    EXPECT_TRUE(text.text.contains("it is not executable")) << text.text;
    const CommandResult name = Run({"run", echo_, "--app", "no-such-program"});
    EXPECT_TRUE(name.text.contains("no program of that name is in PATH")) << name.text;
}

TEST_F(RunCommandTest, DextThatIsNotThere_IsTold) {
    const CommandResult result = Run({"run", "/no/such.dext", "--app", "/bin/true"});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("/no/such.dext")) << result.text;
    EXPECT_TRUE(result.text.contains("error: ")) << result.text;
}

TEST_F(RunCommandTest, DextWithAMalformedPlist_IsToldWithItsLine) {
    const auto dext = folder_.ProbeVariant("broken", {{"</plist>", "</dict>"}});
    const CommandResult result = Run({"run", dext.string(), "--app", "/bin/true"});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("broken.dext/Info.plist:")) << result.text;
    EXPECT_TRUE(result.text.contains("error: ")) << result.text;
}

TEST_F(RunCommandTest, DextWithoutItsCode_IsToldTheFix) {
    const auto dext = folder_.ProbeVariant("hollow", {});
    std::filesystem::remove(dext / "org.opendext.test.hollow.so");
    const CommandResult result = Run({"run", dext.string(), "--app", "/bin/true"});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("org.opendext.test.hollow.so: error: ")) << result.text;
    EXPECT_TRUE(result.text.contains("opendext build")) << result.text;
}

TEST_F(RunCommandTest, FolderOfSources_IsToldTheFix) {
    const CommandResult result =
        Run({"run", OPENDEXT_SOURCE_DIR "/samples/echo/driver", "--app", "/bin/true"});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("a folder of sources; build it first, 'opendext build"))
        << result.text;
}

TEST_F(RunCommandTest, UnknownDevice_IsToldWhatThereIs) {
    const CommandResult result =
        Run({"run", echo_, "--device", "model:no-such", "--app", "/bin/true"});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("no-such")) << result.text;
    EXPECT_TRUE(result.text.contains("fpga-dma")) << result.text;
}

TEST_F(RunCommandTest, PersonalityThatMatchesNothing_IsExplained) {
    const auto dext = folder_.ProbeVariant("lonely", {{"IOUserResources", "IOPCIDevice"}});
    const CommandResult result = Run({"run", dext.string(), "--app", "/bin/true"});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.text.contains("there is no IOPCIDevice here; attach one with --device"))
        << result.text;
}

TEST_F(RunCommandTest, PersonalityForAnotherDevice_IsToldTheKeyAndWhatTheDeviceHas) {
    const auto wanting = [&](const std::string &name, const std::string &key,
                             const std::string &value) {
        const auto dext = folder_.ProbeVariant(name, {{"IOUserResources", "IOPCIDevice"},
                                                      {"IOResourceMatch", key},
                                                      {"IOKit<", value + "<"}});
        return Run({"run", dext.string(), "--device", "model:pci-endpoint,class=0x030000", "--app",
                    "/bin/true"});
    };
    const CommandResult ids = wanting("ids", "IOPCIMatch", "0x702410ee");
    EXPECT_EQ(ids.status, 1);
    EXPECT_TRUE(ids.text.contains("IOPCIMatch wants \"0x702410ee\"")) << ids.text;
    EXPECT_TRUE(ids.text.contains("has device and vendor 0x0e9d1234")) << ids.text;
    const CommandResult kind = wanting("kind", "IOPCIClassMatch", "0x01080200");
    EXPECT_EQ(kind.status, 1);
    EXPECT_TRUE(kind.text.contains("IOPCIClassMatch wants \"0x01080200\"")) << kind.text;
    EXPECT_TRUE(kind.text.contains("class 0x03000000")) << kind.text;
}

TEST_F(RunCommandTest, CrashOfADriver_IsShownAndTheOthersGoOn) {
    const auto dext = folder_.ProbeVariant("crash", {{"succeed", "crash"}});
    const CommandResult result = Run({"run", dext.string(), echo_, "--app", "/bin/true"});
    EXPECT_TRUE(result.text.contains("driver process org.opendext.test.crash")) << result.text;
    EXPECT_TRUE(result.text.contains("died of signal 11")) << result.text;
    EXPECT_TRUE(result.text.contains("CrashAsAsked")) << result.text;
}

// It is relaunched, and the application, which crashed it, goes on; that a driver crashed shows at the end.
TEST_F(RunCommandTest, CrashOfADriver_ShowsInTheExitStatusUnlessTheApplicationFails) {
    for (const auto &[own_status, expected] : {std::pair("0", 70), std::pair("5", 5)}) {
        const std::string client = OPENDEXT_BUILD_DIR "/tests/stopping_client";
        const CommandResult result = Run({"run", BuiltDext("probe").string(), "--app", client,
                                          std::to_string(kProbeCrash), own_status});
        EXPECT_EQ(result.status, expected) << result.text;
        EXPECT_TRUE(result.text.contains(
            fmt::format("a driver crashed meanwhile, see above; exit status {}", expected)))
            << result.text;
    }
}

// Nothing is left when it ends, and no driver is told of objects that are merely late.
TEST_F(RunCommandTest, End_IsQuietAndLeavesNoProcess) {
    const auto run = Begin({"run", echo_});
    ASSERT_TRUE(run->output().WaitFor("OPENDEXT_REGISTRY="));
    const std::vector<pid_t> children = ChildrenOf(run->pid());
    ASSERT_EQ(children.size(), 1U);
    const std::vector<pid_t> hosts = ChildrenOf(children.front());
    ASSERT_EQ(hosts.size(), 1U);
    run->Kill(SIGTERM);
    EXPECT_EQ(run->WaitForExit(), 0);
    for (const pid_t process : {children.front(), hosts.front()}) {
        EXPECT_TRUE(WaitUntil([&] { return !CommandLineOf(process).contains("opendext"); }));
    }
    EXPECT_FALSE(run->output().Contains("warning")) << run->output().Text();
    EXPECT_FALSE(run->output().Contains("stays loaded")) << run->output().Text();
}

TEST_F(RunCommandTest, TreeAndLog_ShowTheLiveRegistry) {
    const auto run = Begin({"run", BuiltDext("probe").string()});
    ASSERT_TRUE(run->output().WaitFor("OPENDEXT_REGISTRY="));
    const std::string pid = std::to_string(run->pid());
    const CommandResult tree = Run({"ioreg", "--pid", pid, "-l"});
    EXPECT_EQ(tree.status, 0);
    EXPECT_TRUE(tree.text.contains("+-o IOUserResources")) << tree.text;
    EXPECT_TRUE(tree.text.contains("+-o ProbeService  <class IOUserService")) << tree.text;
    EXPECT_TRUE(tree.text.contains("\"ProbeStart\" = \"succeed\"")) << tree.text;
    EXPECT_EQ(Run({"ioreg"}).status, 0);
    const CommandResult none = Run({"ioreg", "-n", "NoSuchName"});
    EXPECT_EQ(none.status, 1);
    EXPECT_TRUE(none.text.contains("no entry is named 'NoSuchName'")) << none.text;
    const auto log = Begin({"log", "--pid", pid});
    // It tells nobody when it has subscribed: clients come until one is seen.
    EXPECT_TRUE(WaitUntil([&] {
        static_cast<void>(RunProgram({"/usr/bin/env", "OPENDEXT_REGISTRY=" + Socket(pid),
                                      OPENDEXT_BUILD_DIR "/tests/stopping_client"}));
        return log->output().Contains("ProbeClient stops");
    }));
    run->Kill(SIGTERM);
    EXPECT_EQ(run->WaitForExit(), 0);
    EXPECT_EQ(log->WaitForExit(), 0);
}

TEST_F(RunCommandTest, Reports_AreReadFromTheDriver) {
    const CommandResult result =
        Run({"run", BuiltDext("core").string(), "--app", BuiltProgram("opendext").string(), "ioreg",
             "-r", "-n", "CoreService"});
    EXPECT_EQ(result.status, 0) << result.text;
    for (const char *expected :
         {"| Core/Link/bytes: 0 B", "| Core/Link/link:", "|   up: entered 0 times, 0 ns",
          "| Core/Link/latency:", "|   up to 10: 0", "|   more than 100: 0"}) {
        EXPECT_TRUE(result.text.contains(expected)) << expected << "\n" << result.text;
    }
}

TEST_F(RunCommandTest, Power_PutsTheDriversToSleepAndWakesThem) {
    for (const char *state : {"sleep", "wake"}) {
        const CommandResult result = Run({"run", BuiltDext("core").string(), "--app",
                                          BuiltProgram("opendext").string(), "power", state});
        EXPECT_EQ(result.status, 0) << result.text;
    }
    const CommandResult other = Run({"power", "off"});
    EXPECT_NE(other.status, 0);
    EXPECT_TRUE(other.text.contains("sleep")) << other.text;
}

TEST_F(RunCommandTest, NoRegistry_IsToldByThoseThatLookAtOne) {
    for (const std::vector<std::string> &command :
         std::vector<std::vector<std::string>>{{"ioreg"}, {"log"}, {"power", "sleep"}}) {
        const CommandResult result = Run(command);
        EXPECT_EQ(result.status, 1);
        EXPECT_TRUE(result.text.contains("no registry is running; start one with 'opendext run"))
            << result.text;
    }
}

TEST_F(RunCommandTest, UnknownCommand_IsTold) {
    const CommandResult result = Run({"foo"});
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(result.text.contains("there is no command 'foo'; see 'opendext --help'"))
        << result.text;
}

TEST_F(RunCommandTest, UnknownOptionOrNothing_IsTold) {
    EXPECT_NE(Run({"run", echo_, "--no-such-option"}).status, 0);
    EXPECT_NE(Run({"run"}).status, 0);
    EXPECT_NE(Run({}).status, 0);
    for (const char *app : {"--app", "--app="}) {
        const CommandResult result = Run({"run", echo_, app});
        EXPECT_EQ(result.status, 1);
        EXPECT_TRUE(result.text.contains("--app is followed by no program")) << result.text;
    }
}

TEST_F(RunCommandTest, Version_IsTold) {
    const CommandResult result = Run({"--version"});
    EXPECT_EQ(result.status, 0);
    EXPECT_TRUE(result.text.starts_with("opendext ")) << result.text;
}

TEST_F(RunCommandTest, DevicesOfBothBuses_AreAttachedAndShown) {
    const CommandResult result =
        Run({"run", BuiltDext("usb_device").string(), BuiltDext("usb_interface").string(),
             "--device", "model:usb-loopback", "--device", "model:fpga-dma", "--app",
             BuiltProgram("opendext").string(), "ioreg", "-l"});
    EXPECT_EQ(result.status, 0) << result.text;
    for (const char *expected :
         {"USB loopback  <class IOUSBHostDevice", "<class IOUSBHostInterface", "<class IOPCIDevice",
          "\"bInterfaceNumber\" = 0x1", "UsbProbeInterface  <class IOUserService"}) {
        EXPECT_TRUE(result.text.contains(expected)) << expected << "\n" << result.text;
    }
}

TEST_F(RunCommandTest, DeviceThatThereIsNot_IsToldWithWhatThereIs) {
    for (const char *device : {"model:usb-nothing", "nothing"}) {
        const CommandResult result = Run({"run", echo_, "--device", device, "--app", "/bin/true"});
        EXPECT_EQ(result.status, 1);
        EXPECT_TRUE(result.text.contains("model:usb-loopback")) << result.text;
        EXPECT_TRUE(result.text.contains("model:fpga-dma")) << result.text;
    }
    const CommandResult kind = Run({"run", echo_, "--device", "tty:1", "--app", "/bin/true"});
    EXPECT_EQ(kind.status, 1);
    EXPECT_TRUE(kind.text.contains("--device tty:1")) << kind.text;
}

TEST_F(RunCommandTest, HelpOfRun_ListsDevices) {
    const CommandResult result = Run({"run", "--help"});
    EXPECT_TRUE(result.text.contains("model:usb-loopback")) << result.text;
    EXPECT_TRUE(result.text.contains("model:fpga-dma")) << result.text;
}

TEST_F(RunCommandTest, Help_HasAnExampleForEachCommand) {
    for (const char *command : {"build", "cc", "run", "ioreg", "log"}) {
        const CommandResult result = Run({command, "--help"});
        EXPECT_EQ(result.status, 0) << command;
        EXPECT_TRUE(result.text.contains("Example")) << result.text;
    }
}

}  // namespace

}  // namespace opendext::rig
