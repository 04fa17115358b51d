// SPDX-License-Identifier: Apache-2.0
// firmware-app: gives a USB device its firmware, and asks the running device for it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <chrono>
#include <string_view>

#include "Download.h"
#include "FirmwareImage.h"
#include "Services.h"

namespace {

constexpr const char *kUsage =
    "usage: firmware-app [demo]              download images of 1 byte to 64 MiB, check each\n"
    "       firmware-app download IMAGE      give the device this image\n"
    "       firmware-app pack PAYLOAD IMAGE  make an image of a file\n"
    "       firmware-app info                what the running device says of its firmware\n"
    "       firmware-app reset               make the running device wait for firmware again\n";

constexpr double kPatienceSeconds = 20;
constexpr uint32_t kVersion = 1U << 16 | 2;  // 1.2
constexpr size_t kMiB = size_t{1} << 20;
// Around the limit between structures in the call and memory descriptors, and up.
constexpr size_t kDemoSizes[] = {1, 4095 - sizeof(FirmwareImageHeader),
                                 4097 - sizeof(FirmwareImageHeader), 100 * 1000 + 1, 64 * kMiB};

int fail(const std::string &what) {
    fprintf(stderr, "firmware-app: %s\n", what.c_str());
    return 1;
}

// A bar that is rewritten on a terminal, dots elsewhere.
void showBar(uint64_t doneBytes, uint64_t totalBytes) {
    constexpr int kWidth = 40;
    static int shown = 0;
    const int filled = totalBytes != 0 ? static_cast<int>(doneBytes * kWidth / totalBytes) : kWidth;
    if (isatty(STDOUT_FILENO) != 0) {
        printf("\r\033[K[%.*s%*s] %3d%%  %llu of %llu KiB", filled,
               "########################################", kWidth - filled, "",
               filled * 100 / kWidth, static_cast<unsigned long long>(doneBytes / 1024),
               static_cast<unsigned long long>(totalBytes / 1024));
    } else {
        for (shown = doneBytes == totalBytes || shown > filled ? 0 : shown; shown < filled / 4;
             ++shown) {
            putchar('.');
        }
    }
    fflush(stdout);
}

void endBar() {
    printf("%s", isatty(STDOUT_FILENO) != 0 ? "\r\033[K" : "\n");
}

// @return an error, or empty.
std::string download(const FirmwareImage &image) {
    Connection loader;
    kern_return_t ret = loader.open(kFirmwareLoaderName, kPatienceSeconds);
    if (ret == kIOReturnSuccess) {
        ret = downloadFirmware(loader.get(), image, showBar);
        endBar();
    }
    return ret == kIOReturnSuccess ? "" : describeError(ret);
}

std::string askDevice(const Connection &device, FirmwareReport *report) {
    size_t size = sizeof(*report);
    const kern_return_t ret =
        IOConnectCallStructMethod(device.get(), kDeviceGetFirmware, nullptr, 0, report, &size);
    if (ret == kIOReturnSuccess && size != sizeof(*report)) {
        return "the driver is not of this application's version: rebuild both";
    }
    return ret == kIOReturnSuccess ? "" : describeError(ret);
}

std::string awaitDevice(FirmwareReport *report) {
    Connection device;
    const kern_return_t ret = device.open(kFirmwareDeviceName, kPatienceSeconds);
    return ret == kIOReturnSuccess ? askDevice(device, report) : describeError(ret);
}

void printReport(const FirmwareReport &report) {
    printf("running firmware %u.%u: %llu bytes, SHA-256 %s, %u heartbeats\n", report.version >> 16,
           report.version & 0xFFFF, static_cast<unsigned long long>(report.payloadBytes),
           digestText(report.sha256).c_str(), report.numHeartbeats);
}

bool isFirmwareOf(const FirmwareReport &report, const FirmwareImage &image) {
    const FirmwareImageHeader header = headerOf(image);
    return report.payloadBytes == header.payloadBytes &&
           memcmp(report.sha256, header.sha256, sizeof(report.sha256)) == 0;
}

// The running device leaves; its loader is there when it can be opened.
std::string enterLoader() {
    Connection device;
    kern_return_t ret = device.open(kFirmwareDeviceName, kPatienceSeconds);
    if (ret == kIOReturnSuccess) {
        ret = IOConnectCallScalarMethod(device.get(), kDeviceEnterLoader, nullptr, 0, nullptr,
                                        nullptr);
    }
    return ret == kIOReturnSuccess ? "" : describeError(ret);
}

// One image to the device and its report back. @return an error, or empty.
std::string roundTrip(const FirmwareImage &image, double *seconds) {
    const auto begin = std::chrono::steady_clock::now();
    std::string problem = download(image);
    *seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    FirmwareReport report = {};
    if (problem.empty()) {
        problem = awaitDevice(&report);
    }
    if (problem.empty() && !isFirmwareOf(report, image)) {
        problem = "the device runs something else";
    }
    return problem;
}

// A device must refuse what was damaged on the way, and take the next image all the same.
std::string checkThatDamageIsRefused() {
    FirmwareImage image = packFirmware(makePayload(kMiB, kVersion));
    image.back() ^= 1;
    Connection loader;
    kern_return_t ret = loader.open(kFirmwareLoaderName, kPatienceSeconds);
    if (ret != kIOReturnSuccess) {
        return describeError(ret);
    }
    ret = downloadFirmware(loader.get(), image, showBar);
    endBar();
    return ret == kIOReturnNotPermitted ? "" : "a damaged image was not refused";
}

int runInfo() {
    FirmwareReport report = {};
    const std::string problem = awaitDevice(&report);
    if (!problem.empty()) {
        return fail(problem);
    }
    printReport(report);
    return 0;
}

int runDemo() {
    std::string problem = checkThatDamageIsRefused();
    printf("a damaged image is refused: %s\n", problem.empty() ? "yes" : problem.c_str());
    size_t numWrong = problem.empty() ? 0 : 1;
    printf("%12s  %9s  %10s  %s\n", "payload", "GB/s", "time", "verified by the device");
    bool isRunning = false;
    for (const size_t size : kDemoSizes) {
        const FirmwareImage image = packFirmware(makePayload(size, kVersion));
        double seconds = 0;
        problem = isRunning ? enterLoader() : "";
        if (problem.empty()) {
            problem = roundTrip(image, &seconds);
        }
        isRunning = problem.empty();
        printf("%10zu B  %9.3f  %7.2f ms  %s\n", size,
               seconds > 0 ? static_cast<double>(size) / seconds / 1e9 : 0, seconds * 1e3,
               problem.empty() ? "yes" : ("NO: " + problem).c_str());
        numWrong += problem.empty() ? 0 : 1;
    }
    return numWrong == 0 ? runInfo()
                         : fail("not all firmware arrived: the driver's log may say why");
}

int runDownload(const char *path) {
    FirmwareImage image;
    std::string problem = readFile(path, &image);
    if (problem.empty()) {
        problem = download(image);
    }
    FirmwareReport report = {};
    if (problem.empty()) {
        problem = awaitDevice(&report);
    }
    if (!problem.empty()) {
        return fail(problem);
    }
    printReport(report);
    return isFirmwareOf(report, image) ? 0 : fail("the device runs something else");
}

int runPack(const char *payloadPath, const char *imagePath) {
    std::vector<uint8_t> payload;
    const std::string problem = readFile(payloadPath, &payload);
    if (!problem.empty()) {
        return fail(problem);
    }
    const FirmwareImage image = packFirmware(payload);
    FILE *file = fopen(imagePath, "wb");
    const bool isWritten =
        file != nullptr && fwrite(image.data(), 1, image.size(), file) == image.size();
    if ((file != nullptr && fclose(file) != 0) || !isWritten) {
        return fail(std::string(imagePath) + ": cannot be written: name another file");
    }
    return 0;
}

}  // namespace

int main(int argc, char **argv) {
    const std::string_view command = argc > 1 ? argv[1] : "demo";
    if (command == "demo" && argc <= 2) {
        return runDemo();
    }
    if (command == "download" && argc == 3) {
        return runDownload(argv[2]);
    }
    if (command == "pack" && argc == 4) {
        return runPack(argv[2], argv[3]);
    }
    if (command == "info" && argc == 2) {
        return runInfo();
    }
    if (command == "reset" && argc == 2) {
        const std::string problem = enterLoader();
        return problem.empty() ? 0 : fail(problem);
    }
    const bool isHelp = command == "--help" || command == "help";
    fputs(kUsage, isHelp ? stdout : stderr);
    return isHelp ? 0 : 2;
}
