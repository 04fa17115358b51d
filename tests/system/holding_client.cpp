// SPDX-License-Identifier: Apache-2.0
// An application that takes all it can from the misbehaving driver, says so, and waits to be killed.
#include <sys/prctl.h>
#include <unistd.h>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

#include <IOKit/IOKitLib.h>

#include "tests/system/probe/ProbeProtocol.h"

namespace {

constexpr uint64_t kNumHeld = 50;

[[noreturn]] void Give(const char *what, kern_return_t result) {
    std::printf("failed: %s: %#x\n", what, static_cast<unsigned>(result));
    std::fflush(stdout);
    _exit(1);
}

void Check(const char *what, kern_return_t result) {
    if (result != kIOReturnSuccess) {
        Give(what, result);
    }
}

void CallForEver(io_connect_t connect) {
    std::vector<uint8_t> bytes(300000, 1);
    for (;;) {
        uint64_t sums[2] = {};
        uint32_t num_sums = 2;
        Check("large call", IOConnectCallMethod(connect, kProbeSumInput, nullptr, 0, bytes.data(),
                                                bytes.size(), sums, &num_sums, nullptr, nullptr));
    }
}

}  // namespace

int main() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("ProbeService"));
    io_connect_t connect = IO_OBJECT_NULL;
    Check("open", IOServiceOpen(service, mach_task_self(), kProbeOpen, &connect));
    io_connect_t second = IO_OBJECT_NULL;
    Check("second open", IOServiceOpen(service, mach_task_self(), kProbeOpen, &second));
    Check("hold", IOConnectCallScalarMethod(connect, kProbeHold, &kNumHeld, 1, nullptr, nullptr));
    for (const uint32_t type : {kProbeSharedMemory, kProbeReadOnlyMemory}) {
        mach_vm_address_t address = 0;
        mach_vm_size_t size = 0;
        Check("map", IOConnectMapMemory64(connect, type, mach_task_self(), &address, &size,
                                          kIOMapAnywhere));
    }
    std::vector<uint8_t> bytes(200000, 1);
    size_t num_bytes = bytes.size();
    Check("keep", IOConnectCallStructMethod(connect, kProbeKeep, bytes.data(), bytes.size(),
                                            bytes.data(), &num_bytes));
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    Check("completion", IOConnectCallAsyncScalarMethod(connect, kProbeKeepCompletion,
                                                       IONotificationPortGetMachPort(port), nullptr,
                                                       0, nullptr, 0, nullptr, nullptr));
    std::thread caller(CallForEver, second);
    std::printf("holding\n");
    std::fflush(stdout);
    caller.join();
}
