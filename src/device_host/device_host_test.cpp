// SPDX-License-Identifier: Apache-2.0
#include "device_host/device_host.h"

#include <fcntl.h>
#include <unistd.h>
#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device_host/usb_report.h"

namespace opendext::device_host {
namespace {

using backends::BackendErrorCode;
using backends::BackendResult;
using backends::UsbBackend;
using backends::UsbDeviceId;
using channel::DeviceId;
using ::testing::ElementsAre;

backends::UsbDeviceIdentity Identity(uint64_t id) {
    backends::UsbDeviceIdentity device;
    device.id = UsbDeviceId{id};
    device.speed = backends::UsbSpeed::kSuper;
    device.address = 9;
    device.location = 0x01100000;
    device.descriptors.device.vendor = 0x1209;
    device.descriptors.device.device_class = 0xEF;
    device.descriptors.device.serial_string = 3;
    device.descriptors.configurations = {
        {.value = 1,
         .settings = {{.number = 0, .alternate = 0, .interface_class = 8},
                      {.number = 0, .alternate = 1, .interface_class = 9},
                      {.number = 2, .alternate = 0, .name_string = 4, .endpoints = {{}, {}}}}}};
    device.product = "Loop";
    device.interface_names = {{4, "Data"}};
    return device;
}

/// A session that can be configured and nothing else.
class FakeSession final : public UsbBackend {
public:
    BackendResult<std::shared_ptr<UsbBackend>> NewSession() override { return Removed(); }
    const backends::UsbDescriptors &Descriptors() const override { return descriptors_; }
    backends::UsbSpeed Speed() const override { return backends::UsbSpeed::kHigh; }
    uint8_t Address() const override { return 1; }
    bool IsPresent() const override { return true; }
    backends::UsbFrameTime CurrentFrame() const override { return {}; }
    BackendResult<void> Claim(backends::UsbClaim) override { return {}; }
    void Release(backends::UsbClaim) override {}
    uint8_t Configuration() const override { return configuration; }
    BackendResult<void> SetConfiguration(uint8_t value, bool publishes) override {
        if (refuses != BackendErrorCode::kNoResources) {
            return backends::Refuse(refuses, "the device stalls SET_CONFIGURATION");
        }
        configuration = value;
        publishes_interfaces = publishes;
        return {};
    }
    uint8_t AlternateSetting(uint8_t) const override { return 0; }
    BackendResult<void> SetAlternateSetting(uint8_t, uint8_t) override { return {}; }
    BackendResult<void> ClearHalt(backends::UsbEndpointAddress, bool) override { return {}; }
    BackendResult<void> Reset() override { return {}; }
    BackendResult<void> SetStreams(backends::UsbEndpointAddress, uint16_t) override { return {}; }
    void Submit(std::unique_ptr<backends::UsbTransfer>) override {}
    void SubmitAndPoll(std::unique_ptr<backends::UsbTransfer>, const std::atomic<uint32_t> &,
                       uint32_t) override {}
    void Abort(backends::UsbEndpointAddress, uint16_t) override {}
    void SetRemovalListener(backends::RemovalListener *) override {}

    uint8_t configuration = 0;
    bool publishes_interfaces = false;
    BackendErrorCode refuses = BackendErrorCode::kNoResources;  ///< That: obeys.

private:
    static std::unexpected<backends::BackendError> Removed() {
        return backends::Refuse(BackendErrorCode::kRemoved, "gone");
    }
    backends::UsbDescriptors descriptors_;
};

class FakePort final : public backends::UsbPort {
public:
    void SetListener(backends::UsbPortListener *given) override {
        listener = given;
        if (listener != nullptr && is_plugged) {
            listener->OnAttached(Identity(1));
        }
    }
    BackendResult<std::shared_ptr<UsbBackend>> Open(UsbDeviceId device) override {
        if (device != UsbDeviceId{1}) {
            return backends::Refuse(BackendErrorCode::kRemoved, "it is not there any more");
        }
        return session;
    }

    bool is_plugged = true;
    backends::UsbPortListener *listener = nullptr;
    const std::shared_ptr<FakeSession> session = std::make_shared<FakeSession>();
};

struct FakeReports final : channel::DeviceReports {
    void Attached(const channel::UsbDeviceReport &device) override {
        last = device;
        lines.push_back("+" + Text(device.id));
    }
    void Detached(DeviceId device) override { lines.push_back("-" + Text(device)); }
    void Configured(DeviceId device, uint8_t value, bool publishes) override {
        lines.push_back(Text(device) + "=" + std::to_string(value) + (publishes ? "+" : ""));
    }
    void SettingSelected(DeviceId device, const channel::UsbInterfaceReport &setting) override {
        lines.push_back(Text(device) + ":" + std::to_string(setting.number) + "." +
                        std::to_string(setting.alternate));
    }
    void LogLine(uint32_t, const std::string &) override {}
    static std::string Text(DeviceId device) {
        return std::to_string(static_cast<uint64_t>(device));
    }

    channel::UsbDeviceReport last;
    std::vector<std::string> lines;
};

class DeviceHostTest : public ::testing::Test {
protected:
    DeviceHost &Host() {
        if (host_ == nullptr) {
            host_ = std::make_unique<DeviceHost>(DeviceHost::Options{
                .port = port,
                .reports = &reports,
                .serve =
                    [this](UniqueFd socket, std::shared_ptr<UsbBackend> session) {
                        served.set_value({std::move(socket), std::move(session)});
                    },
                .on_exit = [this] { ++num_exits; }});
            host_->Begin();
        }
        return *host_;
    }
    std::expected<void, std::string> Configure(uint64_t device, uint8_t value) {
        std::promise<std::expected<void, std::string>> answered;
        Host().SetConfiguration(DeviceId{device}, value,
                                [&](std::expected<void, std::string> result) {
                                    answered.set_value(std::move(result));
                                });
        return answered.get_future().get();
    }

    const std::shared_ptr<FakePort> port = std::make_shared<FakePort>();
    FakeReports reports;
    std::promise<std::pair<UniqueFd, std::shared_ptr<UsbBackend>>> served;
    int num_exits = 0;

    std::unique_ptr<DeviceHost> host_;
};

TEST_F(DeviceHostTest, WhatHappensAtThePort_IsReported) {
    Host();
    port->listener->OnConfigured(UsbDeviceId{1}, 2, false);
    port->listener->OnConfigured(UsbDeviceId{1}, 1, true);
    port->listener->OnDetached(UsbDeviceId{1});
    EXPECT_THAT(reports.lines, ElementsAre("+1", "1=2", "1=1+", "-1"));
    host_.reset();
    EXPECT_EQ(port->listener, nullptr);
}

TEST_F(DeviceHostTest, Report_HasTheFirstSettingOfEachInterface) {
    const channel::UsbDeviceReport report = ReportOf(Identity(4));
    EXPECT_EQ(report.id, DeviceId{4});
    EXPECT_EQ(report.speed, 3);
    EXPECT_EQ(report.vendor, 0x1209);
    EXPECT_EQ(report.serial_index, 3);
    EXPECT_EQ(report.product_name, "Loop");
    ASSERT_EQ(report.configurations.size(), 1U);
    EXPECT_THAT(report.configurations[0].interfaces,
                ElementsAre(channel::UsbInterfaceReport{.number = 0, .interface_class = 8},
                            channel::UsbInterfaceReport{
                                .number = 2, .num_endpoints = 2, .name_index = 4, .name = "Data"}));
}

TEST_F(DeviceHostTest, Configuration_IsSetWithInterfacesPublished) {
    EXPECT_TRUE(Configure(1, 3));
    EXPECT_EQ(port->session->configuration, 3);
    EXPECT_TRUE(port->session->publishes_interfaces);
}

TEST_F(DeviceHostTest, ConfigurationInEffect_IsLeftAlone) {
    port->session->configuration = 3;
    port->session->refuses = BackendErrorCode::kBusy;
    EXPECT_TRUE(Configure(1, 3));
}

TEST_F(DeviceHostTest, DeviceThatRefuses_IsToldOf_OneThatIsGoneIsNot) {
    port->session->refuses = BackendErrorCode::kUnsupported;
    EXPECT_EQ(Configure(1, 3).error(), "the device stalls SET_CONFIGURATION");
    port->session->refuses = BackendErrorCode::kRemoved;
    EXPECT_EQ(Configure(1, 3).error(), "");
    EXPECT_EQ(Configure(2, 3).error(), "");
}

TEST_F(DeviceHostTest, Session_IsServedOverItsSocket) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd reader(ends[0]);
    Host().OpenSession(DeviceId{1}, UniqueFd(ends[1]));
    const auto [socket, session] = served.get_future().get();
    EXPECT_EQ(socket.get(), ends[1]);
    EXPECT_EQ(session, port->session);
}

TEST_F(DeviceHostTest, SessionWithADeviceThatIsGone_IsClosed) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd reader(ends[0]);
    Host().OpenSession(DeviceId{2}, UniqueFd(ends[1]));
    char byte = 0;
    EXPECT_EQ(read(reader.get(), &byte, 1), 0) << "the end";
}

TEST_F(DeviceHostTest, Exit_IsPassedOn) {
    Host().Exit();
    EXPECT_EQ(num_exits, 1);
}

}  // namespace
}  // namespace opendext::device_host
