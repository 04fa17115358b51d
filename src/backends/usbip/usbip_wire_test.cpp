// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_wire.h"

#include <sys/socket.h>
#include <array>
#include <chrono>
#include <condition_variable>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/usbip/scripted_server.h"
#include "backends/usbip/test_transfer.h"
#include "base/log.h"

namespace opendext::backends {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

Bytes FromNumbers(std::initializer_list<int> numbers) {
    Bytes bytes;
    for (const int number : numbers) {
        bytes.push_back(static_cast<std::byte>(number));
    }
    return bytes;
}

/// A vendor device with bulk endpoints 0x81 and 0x02, and setting 1 with an interrupt endpoint 0x83.
std::map<uint16_t, Bytes> Descriptors() {
    return {{0x0100, FromNumbers({18, 1, 0x00, 0x02, 0xFF, 0, 0, 64, 0x09, 0x12, 0x01, 0x00, 0x00,
                                  0x01, 1, 2, 0, 1})},
            {0x0200, FromNumbers({9, 2, 48,   0, 1,    1,    0, 0x80, 50,  //
                                  9, 4, 0,    0, 2,    0xFF, 0, 0,    2,   //
                                  7, 5, 0x81, 2, 0x00, 0x02, 0,            //
                                  7, 5, 0x02, 2, 0x00, 0x02, 0,            //
                                  9, 4, 0,    1, 1,    0xFF, 0, 0,    0,   //
                                  7, 5, 0x83, 3, 0x08, 0x00, 4})},
            {0x0300, FromNumbers({4, 3, 0x09, 0x04})},
            {0x0301, FromNumbers({10, 3, 'M', 0, 'a', 0, 'x', 0, 0xE9, 0})},
            {0x0302, FromNumbers({6, 3, 'B', 0, 'x', 0})}};
}

const UsbipDevice kDevice{.path = "/test",
                          .bus_id = "2-1.3",
                          .bus = 2,
                          .address = 5,
                          .speed = UsbSpeed::kHigh,
                          .vendor = 0x1209,
                          .product = 1,
                          .configuration = 1,
                          .num_configurations = 1,
                          .num_interfaces = 1};

/// What the port hears.
class Listener final : public UsbWireListener {
public:
    void OnAttached(UsbAttachment attachment) override {
        const std::lock_guard lock(mutex_);
        attached_ = std::move(attachment);
    }
    void OnDetached() override {
        const std::lock_guard lock(mutex_);
        is_detached_ = true;
        changed_.notify_all();
    }
    void OnDone(UsbTransfer &transfer, const UsbOutcome &outcome) override {
        transfer.OnComplete(outcome);
    }

    std::optional<UsbAttachment> attached() {
        const std::lock_guard lock(mutex_);
        return attached_;
    }
    void AwaitDetached() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return is_detached_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<UsbAttachment> attached_;
    bool is_detached_ = false;
};

class UsbipWireTest : public ::testing::Test {
protected:
    UsbipWireTest() {
        SetLogSink([this](LogLevel, std::string_view line) {
            const std::lock_guard lock(log_mutex_);
            log_ += std::string(line) + "\n";
        });
    }
    ~UsbipWireTest() override {
        wire_.reset();
        server_.reset();
        SetLogSink({});
    }

    // As long as a busy machine may take.
    static constexpr UsbipWire::Limits kPatient{.control_timeout = std::chrono::seconds(60)};

    std::expected<std::unique_ptr<UsbipWire>, std::string> Connect(
        std::map<uint16_t, Bytes> descriptors, ScriptedUsbipServer::Handler handler = {},
        const UsbipWire::Limits &limits = kPatient) {
        std::array<int, 2> ends = {-1, -1};
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
        server_ = std::make_unique<ScriptedUsbipServer>(UniqueFd(ends[1]), std::move(descriptors),
                                                        std::move(handler));
        return UsbipWire::Create(UniqueFd(ends[0]), kDevice, "usbip:test/2-1.3", limits);
    }

    void Begin(ScriptedUsbipServer::Handler handler = {},
               const UsbipWire::Limits &limits = kPatient) {
        auto wire = Connect(Descriptors(), std::move(handler), limits);
        ASSERT_TRUE(wire) << wire.error();
        wire_ = std::move(*wire);
        wire_->Begin(listener_);
    }

    std::string log() {
        const std::lock_guard lock(log_mutex_);
        return log_;
    }

    std::mutex log_mutex_;
    std::string log_;
    Listener listener_;
    std::unique_ptr<ScriptedUsbipServer> server_;
    std::unique_ptr<UsbipWire> wire_;
};

TEST_F(UsbipWireTest, ImportedDevice_IsAttachedAsItDescribesItself) {
    Begin();
    const auto attached = listener_.attached();
    ASSERT_TRUE(attached);
    EXPECT_EQ(attached->speed, UsbSpeed::kHigh);
    EXPECT_EQ(attached->address, 5);
    EXPECT_EQ(attached->location, 0x02130000U);
    EXPECT_EQ(attached->manufacturer, "Max\u00E9");
    EXPECT_EQ(attached->product, "Bx");
    EXPECT_EQ(attached->serial, "");
    EXPECT_EQ(attached->interface_names, (std::map<uint8_t, std::string>{{2, "Bx"}}));
    EXPECT_EQ(attached->configuration, 1);
    EXPECT_EQ(attached->descriptors.configurations.at(0).settings.size(), 2U);
}

TEST_F(UsbipWireTest, BrokenDescriptors_AreRefusedWithTheByte) {
    auto descriptors = Descriptors();
    descriptors[0x0200][9] = std::byte{0};
    const auto wire = Connect(descriptors);
    ASSERT_FALSE(wire);
    EXPECT_THAT(wire.error(), HasSubstr("usbip:test/2-1.3: configuration 0, byte 9"));
}

TEST_F(UsbipWireTest, ServerThatHangsUpWhileItIsAsked_IsAnError) {
    const auto wire = Connect({}, [](ScriptedUsbipServer &server, const auto &) { server.Hang(); });
    ASSERT_FALSE(wire);
}

TEST_F(UsbipWireTest, ServerThatDoesNotAnswer_IsGivenUp) {
    std::array<int, 2> ends = {-1, -1};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    const UniqueFd silent(ends[1]);
    const auto wire = UsbipWire::Create(UniqueFd(ends[0]), kDevice, "usbip:test/1-1",
                                        {.control_timeout = std::chrono::milliseconds(20)});
    ASSERT_FALSE(wire);
    EXPECT_THAT(wire.error(), HasSubstr("device descriptor"));
}

TEST_F(UsbipWireTest, Transfers_ComeBackWithTheDevicesData) {
    Begin([](ScriptedUsbipServer &server, const ScriptedUsbipServer::Command &command) {
        const uint32_t seqnum = command.submit.to.seqnum;
        if (command.submit.to.is_in) {
            server.Reply(seqnum, 0, 5, FromNumbers({1, 2, 3, 4, 5}));
        } else {
            server.Reply(seqnum, 0, static_cast<uint32_t>(command.data.size()), {});
        }
    });
    auto out = TestTransfer::Bulk(0x02, {1000, 24});
    auto in = TestTransfer::Bulk(0x81, {2, 62});
    wire_->Start(*out);
    wire_->Start(*in);
    EXPECT_EQ(out->Await().num_bytes, 1024U);
    EXPECT_EQ(in->Await().num_bytes, 5U);
    EXPECT_EQ(in->Bytes()[4], std::byte{5});
}

TEST_F(UsbipWireTest, LargeTransfers_ArriveWhole) {
    constexpr size_t kBytes = size_t{8} * 1024 * 1024 + 3;
    std::atomic<size_t> received{0};
    Begin([&](ScriptedUsbipServer &server, const ScriptedUsbipServer::Command &command) {
        const Bytes data(command.submit.to.is_in ? command.submit.num_bytes : 0, std::byte{7});
        received += command.data.size();
        server.Reply(command.submit.to.seqnum, 0, command.submit.num_bytes, data);
    });
    auto out = TestTransfer::Bulk(0x02, {kBytes});
    auto in = TestTransfer::Bulk(0x81, {kBytes});
    wire_->Start(*out);
    wire_->Start(*in);
    EXPECT_EQ(out->Await().num_bytes, kBytes);
    EXPECT_EQ(received, kBytes);
    EXPECT_EQ(in->Await().num_bytes, kBytes);
    EXPECT_EQ(std::ranges::count(in->Bytes(), std::byte{7}), static_cast<ptrdiff_t>(kBytes));
}

TEST_F(UsbipWireTest, ServerThatHangs_DoesNotKeepACancelledTransfer) {
    Begin();
    server_->answers_unlinks = false;
    auto transfer = TestTransfer::Bulk(0x81, {64});
    auto next = TestTransfer::Bulk(0x81, {64});
    wire_->Start(*transfer);
    const uint32_t seqnum = server_->AwaitCommand().submit.to.seqnum;
    wire_->Cancel(*transfer);
    EXPECT_EQ(transfer->Await().status, UsbStatus::kAborted);
    transfer.reset();
    server_->AwaitUnlink(seqnum);
    wire_->Start(*next);
    const uint32_t next_seqnum = server_->AwaitCommand().submit.to.seqnum;
    server_->Reply(seqnum, 0, 64, Bytes(64, std::byte{9}));
    server_->Reply(next_seqnum, 0, 1, FromNumbers({1}));
    EXPECT_EQ(next->Await().num_bytes, 1U);
}

TEST_F(UsbipWireTest, ServerThatStopsReading_DoesNotKeepACancelledTransfer) {
    // The server answers on, when this function has returned.
    const auto blocker = std::make_shared<std::mutex>();
    std::unique_lock blocked(*blocker);
    Begin([blocker](ScriptedUsbipServer &, const auto &) { const std::lock_guard wait(*blocker); });
    std::vector<std::unique_ptr<TestTransfer>> transfers;
    for (int i = 0; i < 16; ++i) {
        transfers.push_back(TestTransfer::Bulk(0x02, {kUsbipMaxUrbBytes}));
        wire_->Start(*transfers.back());
    }
    for (auto &transfer : transfers) {
        wire_->Cancel(*transfer);
        EXPECT_EQ(transfer->Await().status, UsbStatus::kAborted);
        transfer.reset();
    }
    blocked.unlock();
    auto last = TestTransfer::Bulk(0x81, {64});
    wire_->Start(*last);
    wire_->End();
    EXPECT_EQ(last->Await().status, UsbStatus::kRemoved);
}

TEST_F(UsbipWireTest, EndOfTheConnection_IsAnUnplug) {
    Begin();
    auto transfer = TestTransfer::Bulk(0x81, {64});
    wire_->Start(*transfer);
    (void)server_->AwaitCommand();
    server_->Hang();
    EXPECT_EQ(transfer->Await().status, UsbStatus::kRemoved);
    listener_.AwaitDetached();
    EXPECT_EQ(transfer->num_completions(), 1);
    EXPECT_THAT(log(), HasSubstr("usbip:test/2-1.3: the server has closed the connection"));
    auto late = TestTransfer::Bulk(0x81, {64});
    wire_->Start(*late);
    EXPECT_EQ(late->Await().status, UsbStatus::kRemoved);
}

TEST_F(UsbipWireTest, LyingServer_IsCutOffWithALine) {
    Begin();
    auto transfer = TestTransfer::Bulk(0x81, {64});
    wire_->Start(*transfer);
    server_->Reply(server_->AwaitCommand().submit.to.seqnum, 0, 65, Bytes(65));
    EXPECT_EQ(transfer->Await().status, UsbStatus::kRemoved);
    listener_.AwaitDetached();
    EXPECT_THAT(log(), HasSubstr("has 65 bytes; at most 64 were asked for"));
}

TEST_F(UsbipWireTest, Configuring_IsAskedOfTheDevice) {
    Begin();
    EXPECT_TRUE(wire_->SetConfiguration(1));
    EXPECT_TRUE(wire_->SetAlternateSetting(0, 1));
    EXPECT_TRUE(wire_->ClearHalt({0x81}, true));
    EXPECT_TRUE(wire_->ClearHalt({0x81}, false));
    EXPECT_TRUE(wire_->Reset());
    EXPECT_THAT(server_->requests(),
                ElementsAre(UsbSetup{.request_type = 0, .request = 9, .value = 1},
                            UsbSetup{.request_type = 1, .request = 11, .value = 1},
                            UsbSetup{.request_type = 2, .request = 1, .index = 0x81},
                            UsbSetup{.request_type = 0x23, .request = 3, .value = 4}));
    const auto missing = wire_->SetConfiguration(2);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, BackendErrorCode::kNotFound);
    server_->request_status = -EPIPE;
    const auto refused = wire_->SetAlternateSetting(0, 0);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, BackendErrorCode::kUnsupported);
    EXPECT_THAT(refused.error().message, HasSubstr("SET_INTERFACE"));
}

TEST_F(UsbipWireTest, InterruptTransfer_HasTheIntervalOfTheSetting) {
    Begin();
    ASSERT_TRUE(wire_->SetAlternateSetting(0, 1));
    auto transfer = TestTransfer::Bulk(0x83, {8});
    transfer->type = UsbTransferType::kInterrupt;
    wire_->Start(*transfer);
    EXPECT_EQ(server_->AwaitCommand().submit.interval, 8U);
    wire_->End();
    EXPECT_EQ(transfer->Await().status, UsbStatus::kRemoved);
}

TEST_F(UsbipWireTest, IsochronousFrameOutOfReach_IsRefused) {
    Begin();
    auto late = TestTransfer::Isochronous(0x83, {8});
    late->first_frame = wire_->CurrentFrame().frame - 1;
    wire_->Start(*late);
    EXPECT_EQ(late->Await().status, UsbStatus::kTooLate);
    auto early = TestTransfer::Isochronous(0x83, {8});
    early->first_frame = wire_->CurrentFrame().frame + 100000;
    wire_->Start(*early);
    EXPECT_EQ(early->Await().status, UsbStatus::kTooEarly);
}

}  // namespace
}  // namespace opendext::backends
