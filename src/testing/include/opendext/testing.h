// SPDX-License-Identifier: Apache-2.0
/// @file testing.h
/// Tests of a driver, with GoogleTest: the driver, its device and an application that uses it, all in the test's process.
///
///     #include <opendext/testing.h>
///
///     class CounterTest : public opendext::test::DriverTest {};
///
///     TEST_F(CounterTest, CountsFromOne) {
///         Attach("model:fpga-dma");
///         LoadDriver();
///         const auto client = Open("CounterService");
///         EXPECT_EQ(client.CallScalar(0), 1);
///     }
///
/// `opendext test FOLDER` builds the driver and its tests and runs them. docs/testing.md tells the rest.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <opendext/testing/client.h>
#include <opendext/testing/device.h>
#include <opendext/testing/device_models.h>
#include <opendext/testing/fault_plan.h>
#include <opendext/testing/log_lines.h>
#include <opendext/testing/system.h>

namespace opendext::test {

/// The driver that `opendext test` has built; empty: the test was started in another way.
[[nodiscard]] inline std::filesystem::path DriverUnderTest() {
    if (const char *path = std::getenv("OPENDEXT_TEST_DEXT")) {
        return path;
    }
#ifdef OPENDEXT_TEST_DEXT
    return OPENDEXT_TEST_DEXT;
#else
    return {};
#endif
}

/// A test with a System of its own, which begins with the first use and ends with the test. What goes wrong in these
/// functions fails the test; they give an empty object then, whose calls fail too. A test that fails shows the log.
class DriverTest : public ::testing::Test {
protected:
    ~DriverTest() override { system_.reset(); }

    void TearDown() override {
        if (system_ == nullptr) {
            return;
        }
        // Some mistakes show only when the driver has ended.
        const std::shared_ptr<LogLines> log = system_->SharedLog();
        system_.reset();
        if (HasFailure()) {
            std::fprintf(stderr, "The log of OpenDext and the drivers:\n%s", log->Text().c_str());
        }
    }

    /// What `system()` starts with; to be set before.
    SystemOptions options_;

    [[nodiscard]] System &system() {
        if (system_ == nullptr) {
            auto system = System::Start(options_);
            if (!system) {
                ADD_FAILURE() << system.error();
                std::fprintf(stderr, "%s\n", system.error().c_str());
                std::abort();
            }
            system_ = *std::move(system);
        }
        return *system_;
    }
    [[nodiscard]] LogLines &log() { return system().log(); }
    [[nodiscard]] FaultPlan &faults() { return system().faults(); }

    /// Loads the driver that `opendext test` has built, or another .dext.
    void LoadDriver(const std::filesystem::path &dext = DriverUnderTest()) {
        if (dext.empty()) {
            ADD_FAILURE() << "no driver to load: run the test with 'opendext test', or set "
                             "OPENDEXT_TEST_DEXT to the .dext";
            return;
        }
        const auto loaded = system().Load(dext);
        if (!loaded) {
            ADD_FAILURE() << loaded.error();
        }
    }

    /// Plugs in a device as --device names it, or a std::unique_ptr to a model of the test's own.
    template <typename What>
    Device Attach(What &&what) {
        auto device = system().Attach(std::forward<What>(what));
        if (!device) {
            ADD_FAILURE() << device.error();
            return {};
        }
        return *std::move(device);
    }

    /// Runs `body(seed)` for the seeds 1 to `count`, each with a System of its own, until one fails, whose seed is printed. The
    /// body sets up what it needs, and calls system().Interleave(seed) where the order begins to matter. With OPENDEXT_SEED in
    /// the environment (opendext test --seed) only that one is run.
    void ForEachSeed(uint64_t count, const std::function<void(uint64_t seed)> &body) {
        const char *wanted = std::getenv("OPENDEXT_SEED");
        const uint64_t first = wanted != nullptr ? std::strtoull(wanted, nullptr, 0) : 1;
        const uint64_t last = wanted != nullptr ? first : count;
        for (uint64_t seed = first; seed <= last && !HasFailure(); ++seed) {
            system_.reset();
            body(seed);
            if (HasFailure()) {
                std::fprintf(stderr,
                             "The interleaving of seed %llu fails. To replay it: "
                             "OPENDEXT_SEED=%llu, or opendext "
                             "test --seed %llu\n",
                             static_cast<unsigned long long>(seed),
                             static_cast<unsigned long long>(seed),
                             static_cast<unsigned long long>(seed));
            }
        }
    }

    /// The service of that class, waited for.
    [[nodiscard]] Service WaitForService(const std::string &class_name) {
        Service service = system().WaitForService(class_name);
        if (!service) {
            ADD_FAILURE() << "there is no service of class " << class_name
                          << "; has its Start failed, or does it not call RegisterService?";
        }
        return service;
    }

    /// A connection to the service of that class, waited for.
    [[nodiscard]] Client Open(const std::string &class_name, uint32_t type = 0) {
        const Service service = WaitForService(class_name);
        if (!service) {
            return {};
        }
        auto client = service.Open(type);
        if (!client) {
            ADD_FAILURE() << "IOServiceOpen of " << class_name << " gives 0x" << std::hex
                          << static_cast<uint32_t>(client.error());
            return {};
        }
        return *std::move(client);
    }

private:
    std::unique_ptr<System> system_;
};

}  // namespace opendext::test
