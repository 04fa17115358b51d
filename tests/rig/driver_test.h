// SPDX-License-Identifier: Apache-2.0
/// @file driver_test.h
/// Fixtures of the behaviour tests, and owners of what the IOKit functions hand out.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <IOKit/IOKitLib.h>
#include <gtest/gtest.h>

#include "tests/rig/driver_rig.h"
#include "tests/rig/two_process_rig.h"
#include "tests/rig/wait_until.h"

namespace opendext::rig {

/// One reference to a service, iterator or notification.
class IoObject {
public:
    IoObject() = default;
    explicit IoObject(io_object_t object) : object_(object) {}
    ~IoObject() { Reset(); }
    IoObject(IoObject &&other) noexcept : object_(std::exchange(other.object_, IO_OBJECT_NULL)) {}
    IoObject &operator=(IoObject &&other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }

    [[nodiscard]] io_object_t get() const { return object_; }
    explicit operator bool() const { return object_ != IO_OBJECT_NULL; }
    /// To be filled by a function.
    [[nodiscard]] io_object_t *out() { return &object_; }
    void Reset() {
        if (object_ != IO_OBJECT_NULL) {
            IOObjectRelease(std::exchange(object_, IO_OBJECT_NULL));
        }
    }

private:
    io_object_t object_ = IO_OBJECT_NULL;
};

/// An open connection, closed with this object.
class Connection {
public:
    Connection() = default;
    explicit Connection(io_connect_t connect) : connect_(connect) {}
    ~Connection() { Close(); }
    Connection(Connection &&other) noexcept
        : connect_(std::exchange(other.connect_, IO_OBJECT_NULL)) {}
    Connection &operator=(Connection &&other) noexcept {
        std::swap(connect_, other.connect_);
        return *this;
    }

    [[nodiscard]] io_connect_t get() const { return connect_; }
    explicit operator bool() const { return connect_ != IO_OBJECT_NULL; }
    void Close() {
        if (connect_ != IO_OBJECT_NULL) {
            IOServiceClose(std::exchange(connect_, IO_OBJECT_NULL));
        }
    }

private:
    io_connect_t connect_ = IO_OBJECT_NULL;
};

/// A notification port whose callbacks run in the test's thread, in RunUntil.
class LoopPort {
public:
    LoopPort();
    ~LoopPort();
    LoopPort(const LoopPort &) = delete;
    LoopPort &operator=(const LoopPort &) = delete;

    [[nodiscard]] IONotificationPortRef get() const { return port_; }
    [[nodiscard]] mach_port_t mach_port() const { return IONotificationPortGetMachPort(port_); }

    /// Runs the run loop until `condition` holds; false: it does not within the hang guard.
    [[nodiscard]] static bool RunUntil(const std::function<bool()> &condition);

private:
    IONotificationPortRef port_;
};

/// The first service of that name, waited for; empty: none within the hang guard.
[[nodiscard]] IoObject WaitForService(const char *name);

/// The service of that name that is there now.
[[nodiscard]] IoObject FindService(const char *name);

/// Opens `service`, or fails the test.
[[nodiscard]] Connection Open(const IoObject &service, uint32_t type = 0);

/// One AddOne call of the probe: 0 when it answered rightly, else its error.
[[nodiscard]] kern_return_t AddOne(const Connection &probe);

/// Starts a rig and ends it with the test, within a hang guard of four minutes.
class RigTest : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    /// Fails the test when the rig does not start.
    void Start(RigVariant variant, const RigOptions &options);

    [[nodiscard]] LogLines &log() { return rig_->log(); }

    std::unique_ptr<DriverRig> rig_;
};

/// A test body for both forms of the rig.
class DriverTest : public RigTest, public testing::WithParamInterface<RigVariant> {
protected:
    void Start(const RigOptions &options) { RigTest::Start(GetParam(), options); }
};

/// For what only exists across processes.
class TwoProcessTest : public RigTest {
protected:
    void Start(const RigOptions &options) { RigTest::Start(RigVariant::kTwoProcess, options); }
    [[nodiscard]] TwoProcessRig &rig() { return static_cast<TwoProcessRig &>(*rig_); }
};

}  // namespace opendext::rig

#define OPENDEXT_BOTH_VARIANTS(Suite)                                                            \
    INSTANTIATE_TEST_SUITE_P(, Suite,                                                            \
                             testing::Values(opendext::rig::RigVariant::kEmbedded,               \
                                             opendext::rig::RigVariant::kTwoProcess),            \
                             [](const testing::TestParamInfo<opendext::rig::RigVariant> &info) { \
                                 return opendext::rig::RigVariantName(info.param);               \
                             })
