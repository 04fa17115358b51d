// SPDX-License-Identifier: Apache-2.0
// A device and the registry, each on a bus thread of its own.
#include <sys/socket.h>
#include <unistd.h>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "channel/transport/device_connection.h"
#include "channel/transport/device_proxy.h"
#include "channel/transport/device_report_message.h"

namespace opendext::channel {
namespace {

constexpr std::chrono::seconds kPatience{30};

UsbDeviceReport Report() {
    UsbDeviceReport report;
    report.id = DeviceId{7};
    report.speed = 4;
    report.address = 127;
    report.location = 0xFFFFFFFF;
    report.vendor = 0xFFFF;
    report.product = 2;
    report.device_class = 0xEF;
    report.serial_index = 255;
    report.manufacturer = "Größe";
    report.product_name = "Loop";
    report.configurations = {
        {.value = 1,
         .interfaces = {{.number = 0, .num_endpoints = 30}, {.number = 255, .interface_class = 3}}},
        {.value = 255, .interfaces = {}},
        {.value = 2, .interfaces = {{.number = 1, .name_index = 9, .name = "Ausgang"}}}};
    return report;
}

struct FakeReports final : DeviceReports {
    void Attached(const UsbDeviceReport &device) override { reports.push_back(device); }
    void Detached(DeviceId device) override { lines.push_back("-" + Text(device)); }
    void Configured(DeviceId device, uint8_t value, bool publishes) override {
        lines.push_back(Text(device) + "=" + std::to_string(value) + (publishes ? "+" : ""));
    }
    void SettingSelected(DeviceId device, const UsbInterfaceReport &setting) override {
        lines.push_back(Text(device) + ":" + std::to_string(setting.number) + "." +
                        std::to_string(setting.alternate) + " " + setting.name);
    }
    void LogLine(uint32_t, const std::string &text) override { lines.push_back(text); }
    static std::string Text(DeviceId device) {
        return std::to_string(static_cast<uint64_t>(device));
    }

    std::vector<UsbDeviceReport> reports;  // both used on the registry's bus thread
    std::vector<std::string> lines;
};

struct FakePort final : DevicePort {
    void OpenSession(DeviceId device, UniqueFd socket) override {
        session.set_value({device, std::move(socket)});
    }
    void SetConfiguration(DeviceId, uint8_t value, Answer answer) override {
        if (value == 9) {
            pending = std::move(answer);
            pending_seen.set_value();
        } else if (value == 1) {
            answer({});
        } else {
            answer(std::unexpected("no such configuration"));
        }
    }
    void Exit() override {}
    void Kill(int) override {}

    std::promise<std::pair<DeviceId, UniqueFd>> session;
    std::promise<void> pending_seen;
    Answer pending;
};

class DeviceTest : public testing::Test {
protected:
    void SetUp() override {
        auto sockets = *MakeBusSocketPair();
        proxy_ = *DeviceProxy::Attach(
            *registry_bus_, std::move(sockets.first),
            {.reports = &reports_,
             .on_ready = [&](std::expected<void, std::string> result) { ready_.set_value(result); },
             .kill = [&](int signal) { killed_with_ = signal; }});
        connection_ = *DeviceConnection::Attach(*device_bus_, std::move(sockets.second),
                                                [&] { ++num_ends_; });
    }
    void TearDown() override {
        connection_.reset();
        proxy_.reset();
    }

    void Flush() {
        registry_bus_->RunAndWait([] {});
    }
    std::expected<void, std::string> Configure(uint8_t value) {
        std::promise<std::expected<void, std::string>> answered;
        registry_bus_->Post([&] {
            proxy_->SetConfiguration(DeviceId{7}, value,
                                     [&](std::expected<void, std::string> result) {
                                         answered.set_value(std::move(result));
                                     });
        });
        return answered.get_future().get();
    }
    std::expected<void, std::string> Ready() {
        auto ready = ready_.get_future();
        EXPECT_EQ(ready.wait_for(kPatience), std::future_status::ready);
        return ready.get();
    }

    FakeReports reports_;
    FakePort port_;
    std::promise<std::expected<void, std::string>> ready_;
    std::atomic<int> num_ends_ = 0;
    int killed_with_ = 0;
    std::unique_ptr<BusThread> registry_bus_ = *BusThread::Start("registry");
    std::unique_ptr<BusThread> device_bus_ = *BusThread::Start("device");
    std::unique_ptr<DeviceProxy> proxy_;
    std::unique_ptr<DeviceConnection> connection_;
};

TEST_F(DeviceTest, ReportsBeforeReady_HaveArrivedByThen) {
    connection_->Serve(port_);
    connection_->Attached(Report());
    connection_->Configured(DeviceId{7}, 1, true);
    connection_->SettingSelected(DeviceId{7}, {.number = 255, .alternate = 2, .name = "Ein"});
    connection_->Detached(DeviceId{7});
    connection_->LogLine(1, "a line");
    connection_->ReportReady();
    EXPECT_TRUE(Ready());
    registry_bus_->RunAndWait([&] {
        ASSERT_EQ(reports_.reports.size(), 1U);
        EXPECT_EQ(reports_.reports[0], Report());
        EXPECT_EQ(reports_.lines,
                  (std::vector<std::string>{"7=1+", "7:255.2 Ein", "-7", "a line"}));
    });
}

TEST_F(DeviceTest, ProcessThatCannotServe_SaysWhy) {
    connection_->ReportFailure("there is no device model 'x'");
    EXPECT_EQ(Ready().error(), "there is no device model 'x'");
}

TEST_F(DeviceTest, Session_ComesWithItsSocket) {
    connection_->Serve(port_);
    connection_->ReportReady();
    EXPECT_TRUE(Ready());
    int ends[2] = {-1, -1};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    const UniqueFd ours(ends[0]);
    registry_bus_->RunAndWait(
        [&] { proxy_->OpenSession(DeviceId{7}, UniqueFd(std::exchange(ends[1], -1))); });
    auto arrived = port_.session.get_future();
    ASSERT_EQ(arrived.wait_for(kPatience), std::future_status::ready);
    const auto [device, socket] = arrived.get();
    EXPECT_EQ(device, DeviceId{7});
    EXPECT_EQ(write(socket.get(), "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(read(ours.get(), &byte, 1), 1);
    EXPECT_EQ(byte, 'x');
}

TEST_F(DeviceTest, SessionWithAPortThatIsGone_IsClosed) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    const UniqueFd ours(ends[0]);
    connection_.reset();
    registry_bus_->RunAndWait(
        [&] { proxy_->OpenSession(DeviceId{7}, UniqueFd(std::exchange(ends[1], -1))); });
    char byte = 0;
    EXPECT_EQ(read(ours.get(), &byte, 1), 0) << "the end";
}

TEST_F(DeviceTest, Configuration_IsAnswered) {
    connection_->Serve(port_);
    connection_->ReportReady();
    EXPECT_TRUE(Ready());
    EXPECT_TRUE(Configure(1));
    EXPECT_EQ(Configure(2).error(), "no such configuration");
}

TEST_F(DeviceTest, OrderToADeviceThatDies_IsAnsweredWithNothing) {
    connection_->Serve(port_);
    connection_->ReportReady();
    EXPECT_TRUE(Ready());
    auto answered = std::async(std::launch::async, [&] { return Configure(9); });
    ASSERT_EQ(port_.pending_seen.get_future().wait_for(kPatience), std::future_status::ready);
    connection_.reset();
    EXPECT_EQ(answered.get().error(), "");
    port_.pending = nullptr;
}

TEST_F(DeviceTest, Exit_ReachesAProcessThatDoesNotServeYet) {
    registry_bus_->RunAndWait([&] { proxy_->Exit(); });
    while (num_ends_ == 0) {
        device_bus_->RunAndWait([] {});
    }
    registry_bus_->RunAndWait([&] { proxy_->Kill(9); });
    EXPECT_EQ(killed_with_, 9);
}

TEST_F(DeviceTest, RegistryThatDies_EndsTheDevice) {
    connection_->Serve(port_);
    connection_->ReportReady();
    EXPECT_TRUE(Ready());
    proxy_.reset();
    while (num_ends_ == 0) {
        device_bus_->RunAndWait([] {});
    }
    connection_->Detached(DeviceId{7});
    connection_->StopServing();
}

TEST(DeviceReport, PackedAndUnpacked_IsTheSame) {
    EXPECT_EQ(UnpackDeviceReport(PackDeviceReport(Report())), Report());
}

TEST(DeviceReport, WordsThatMakeNoSense_AreRefused) {
    const DeviceReportWords good = PackDeviceReport(Report());
    const auto refuses = [&](auto change) {
        DeviceReportWords words = good;
        change(words);
        return !UnpackDeviceReport(words);
    };
    EXPECT_FALSE(refuses([](DeviceReportWords &) {}));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.id = 0; }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.device.pop_back(); }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.device.push_back(0); }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.device[0] = 5; }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.device[1] = 256; }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.device[1] = 0; }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.device[1] = 128; }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.device[4] = 0x10000; }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.texts.pop_back(); }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.texts[0].resize(5000); }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.configurations[0] = 256; }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.configurations[0] = 0; }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.configurations[2] = 1; }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.configurations.resize(1000); }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.interfaces.pop_back(); }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.interface_names.pop_back(); }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.interface_names[0].resize(5000); }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.interfaces[0] = 3; }));
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.interfaces[1] = 256; }));
    // Interface 255 of the first configuration as 0, which is there.
    EXPECT_TRUE(refuses([](DeviceReportWords &words) { words.interfaces[9] = 0; }));
}

}  // namespace
}  // namespace opendext::channel
