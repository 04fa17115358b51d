// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/driver/matching.h"

#include <cstdint>
#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "benchmarks/driver/scratch_folder.h"
#include "registry/registry.h"

namespace opendext::bench {

namespace {

constexpr unsigned kRounds = 50;
constexpr uint32_t kVendor = 0x1234;

// Runs what is due when it is told to; nothing here waits for time.
class QueueScheduler final : public registry::Scheduler {
public:
    void Post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
    uint64_t After(std::chrono::milliseconds, std::function<void()>) override { return 1; }
    void Cancel(uint64_t) override {}
    void Run() {
        while (!tasks_.empty()) {
            const auto task = std::move(tasks_.front());
            tasks_.pop_front();
            task();
        }
    }

private:
    std::deque<std::function<void()>> tasks_;
};

// Notes when a driver process is asked for; there is none.
class NotingLauncher final : public channel::HostLauncher {
public:
    std::unique_ptr<channel::DextHostPort> Launch(const Request &request,
                                                  std::function<void(int32_t)>) override {
        launched_at = MonotonicNow();
        bundle = request.bundle_path;
        return nullptr;
    }

    uint64_t launched_at = 0;
    std::string bundle;
};

std::string PlistOf(unsigned number) {
    return fmt::format(
        R"(<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>CFBundleIdentifier</key><string>org.example.match{0}</string>
<key>IOKitPersonalities</key><dict><key>Driver</key><dict>
<key>CFBundleIdentifier</key><string>org.example.match{0}</string>
<key>IOClass</key><string>IOUserService</string>
<key>IOProviderClass</key><string>IOPCIDevice</string>
<key>IOPCIMatch</key><string>{1:#010x}</string>
<key>IOUserClass</key><string>Driver{0}</string>
<key>IOUserServerName</key><string>org.example.match{0}</string>
</dict></dict></dict></plist>
)",
        number, number << 16 | kVendor);
}

constexpr const char *kEntitlements = R"(<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>com.apple.developer.driverkit</key><true/>
<key>com.apple.developer.driverkit.transport.pci</key><array><dict>
<key>IOPCIPrimaryMatch</key><string>0x00001234&amp;0x0000ffff</string>
</dict></array></dict></plist>
)";

PropertyValue Register(uint32_t value) {
    PropertyValue::Data bytes;
    for (int shift = 0; shift < 32; shift += 8) {
        bytes.push_back(static_cast<uint8_t>(value >> shift));
    }
    return PropertyValue(std::move(bytes));
}

registry::ProviderSpec Device(uint32_t device_id) {
    return {.class_name = "IOPCIDevice",
            .name = fmt::format("pci{:x},{:x}", kVendor, device_id),
            .properties = {{"vendor-id", Register(kVendor)},
                           {"device-id", Register(device_id)},
                           {"class-code", Register(0xFF0000)},
                           {"revision-id", Register(0)},
                           {"subsystem-vendor-id", Register(kVendor)},
                           {"subsystem-id", Register(1)}}};
}

}  // namespace

std::expected<Samples, std::string> MeasureMatching(unsigned num_personalities) {
    const ScratchFolder folder;
    QueueScheduler scheduler;
    NotingLauncher launcher;
    registry::Registry registry(launcher, scheduler, {});
    for (unsigned i = 0; i < num_personalities; ++i) {
        const auto dext = folder.path() / fmt::format("match{}.dext", i);
        std::error_code ignored;
        std::filesystem::create_directories(dext, ignored);
        std::ofstream(dext / "Info.plist") << PlistOf(i);
        std::ofstream(dext / "entitlements.plist") << kEntitlements;
        if (const auto added = registry.AddBundle(dext); !added) {
            return std::unexpected(added.error());
        }
    }
    scheduler.Run();
    Samples samples;
    for (unsigned round = 0; round < kRounds; ++round) {
        // Each round another of them, so that none has been tried before.
        const unsigned wanted = (round * 997 + num_personalities - 1) % num_personalities;
        launcher.launched_at = 0;
        const uint64_t plugged_in_at = MonotonicNow();
        registry.AddProvider(Device(wanted));
        scheduler.Run();
        if (launcher.launched_at == 0 ||
            !launcher.bundle.contains(fmt::format("match{}.dext", wanted))) {
            return std::unexpected("matching: the driver of the device was not found");
        }
        samples.Add(launcher.launched_at - plugged_in_at);
    }
    return samples;
}

}  // namespace opendext::bench
