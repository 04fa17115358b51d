// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/driver_test.h"

#include <unistd.h>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "tests/system/probe/ProbeProtocol.h"

namespace opendext::rig {

namespace {

constexpr unsigned kHangGuardSeconds = 240;

void OnHang(int /*signal*/) {
    constexpr std::string_view kLine = "the test hangs; it is ended\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kLine.data(), kLine.size());
    abort();
}

}  // namespace

LoopPort::LoopPort() : port_(IONotificationPortCreate(kIOMainPortDefault)) {
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port_),
                       kCFRunLoopDefaultMode);
}

LoopPort::~LoopPort() {
    IONotificationPortDestroy(port_);
}

bool LoopPort::RunUntil(const std::function<bool()> &condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        CFRunLoopRunInMode(kCFRunLoopDefaultMode, 1, true);
    }
    return true;
}

IoObject FindService(const char *name) {
    return IoObject(IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching(name)));
}

IoObject WaitForService(const char *name) {
    IoObject service;
    static_cast<void>(WaitUntil([&] {
        service = FindService(name);
        return static_cast<bool>(service);
    }));
    return service;
}

Connection Open(const IoObject &service, uint32_t type) {
    io_connect_t connect = IO_OBJECT_NULL;
    EXPECT_EQ(IOServiceOpen(service.get(), mach_task_self(), type, &connect), kIOReturnSuccess);
    return Connection(connect);
}

kern_return_t AddOne(const Connection &probe) {
    const uint64_t input = 41;
    uint64_t output = 0;
    uint32_t num_outputs = 1;
    const kern_return_t result =
        IOConnectCallScalarMethod(probe.get(), kProbeAddOne, &input, 1, &output, &num_outputs);
    return result == kIOReturnSuccess && (output != 42 || num_outputs != 1) ? kIOReturnInvalid
                                                                            : result;
}

void RigTest::SetUp() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGALRM, OnHang);
    alarm(kHangGuardSeconds);
}

void RigTest::TearDown() {
    if (rig_ != nullptr) {
        const std::string problems = rig_->Stop();
        EXPECT_EQ(problems, "");
        rig_.reset();
    }
    alarm(0);
}

void RigTest::Start(RigVariant variant, const RigOptions &options) {
    auto rig = DriverRig::Start(variant, options);
    ASSERT_TRUE(rig.has_value()) << rig.error();
    rig_ = *std::move(rig);
}

}  // namespace opendext::rig
