// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/recording_usb_wire.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <condition_variable>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/emulated/model_usb_wire.h"
#include "backends/emulated/scripted_usb_model.h"
#include "backends/recorded/capture_bytes.h"
#include "backends/recorded/captured_transfers.h"
#include "backends/recorded/replay_model.h"
#include "backends/usbip/test_transfer.h"
#include "base/log.h"

namespace opendext::backends {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Bytes = std::vector<std::byte>;

class Listener final : public UsbWireListener {
public:
    void OnAttached(UsbAttachment attachment) override {
        const std::lock_guard lock(mutex_);
        products_.push_back(attachment.product);
        changed_.notify_all();
    }
    void OnDetached() override {}
    void OnDone(UsbTransfer &transfer, const UsbOutcome &outcome) override {
        transfer.OnComplete(outcome);
    }

    /// Waits until this many have been attached; the last one's product string.
    std::string AwaitAttached(size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return products_.size() >= count; });
        return products_.back();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> products_;
};

UsbDescription Description(const char *product) {
    return UsbDeviceBuilder(0x1209, 2, UsbSpeed::kHigh)
        .Strings("OpenDext", product, "")
        .Configuration(1)
        .Interface(0, 0, 0xFF, 0, 0)
        .Bulk(0x01)
        .Bulk(0x81)
        .Isochronous(0x82, 64, 1)
        .Build()
        .value();
}

/// Adds one to every byte: what is written to 0x01 is read from 0x81. A vendor request gives the length.
std::unique_ptr<ScriptedUsbModel> AddingModel() {
    auto model = std::make_unique<ScriptedUsbModel>(Description("Adder"));
    auto stored = std::make_shared<Bytes>();
    model->on_control = [stored](const UsbSetup &setup, std::span<std::byte> data) {
        if (setup.request != 1) {
            return UsbControlReply::Stall();
        }
        data[0] = static_cast<std::byte>(stored->size());
        return UsbControlReply::Success(1);
    };
    model->on_request = [stored, raw = model.get()](const UsbModelRequest &request) {
        if (request.type == UsbTransferType::kIsochronous) {
            request.pieces[0][0] = std::byte{0x44};
            return raw->port().Complete(request.id, UsbStatus::kSuccess, 1);
        }
        if (!request.endpoint.is_in()) {
            stored->clear();
            for (const auto piece : request.pieces) {
                for (const std::byte each : piece) {
                    stored->push_back(static_cast<std::byte>(std::to_integer<int>(each) + 1));
                }
            }
            return raw->port().Complete(request.id, UsbStatus::kSuccess, request.num_bytes);
        }
        const size_t length = std::min<uint64_t>(stored->size(), request.num_bytes);
        std::copy_n(stored->begin(), length, request.pieces[0].begin());
        raw->port().Complete(request.id, UsbStatus::kSuccess, length);
    };
    return model;
}

class RecordingUsbWireTest : public ::testing::Test {
protected:
    RecordingUsbWireTest() {
        std::string name = "/tmp/opendext-recording-XXXXXX";
        UniqueFd(mkstemp(name.data())).Reset();
        path_ = name;
        SetLogSink([this](LogLevel level, std::string_view line) {
            const std::lock_guard lock(log_mutex_);
            log_ += level >= LogLevel::kWarning ? std::string(line) + "\n" : "";
        });
    }
    ~RecordingUsbWireTest() override {
        End();
        SetLogSink({});
        unlink(path_.c_str());
    }

    void Record(std::unique_ptr<UsbDeviceModel> model) {
        auto wire = ModelUsbWire::Create(std::move(model));
        ASSERT_TRUE(wire);
        auto recording = WrapWithRecording(std::move(*wire), path_);
        ASSERT_TRUE(recording) << recording.error();
        Begin(std::move(*recording));
    }

    void Replay() {
        End();
        auto wire = CreateReplayWire(path_);
        ASSERT_TRUE(wire) << wire.error();
        Begin(std::move(*wire));
    }

    void Begin(std::unique_ptr<UsbWire> wire) {
        listener_ = std::make_unique<Listener>();
        wire_ = std::move(wire);
        wire_->Begin(*listener_);
        ASSERT_TRUE(wire_->SetConfiguration(1));
    }

    void End() {
        if (wire_ != nullptr) {
            wire_->End();
            wire_.reset();
        }
    }

    UsbOutcome Control(const UsbSetup &setup) {
        auto transfer = TestTransfer::Control(setup);
        wire_->Start(*transfer);
        return transfer->Await();
    }

    UsbOutcome Send(const Bytes &data) {
        auto transfer = TestTransfer::Bulk(0x01, {data.size()});
        transfer->Set(data);
        wire_->Start(*transfer);
        return transfer->Await();
    }

    Bytes Read(size_t num_bytes) {
        auto transfer = TestTransfer::Bulk(0x81, {num_bytes});
        wire_->Start(*transfer);
        Bytes bytes;
        const UsbOutcome outcome = transfer->Await();
        EXPECT_EQ(outcome.status, UsbStatus::kSuccess);
        bytes = transfer->Bytes();
        bytes.resize(outcome.num_bytes);
        return bytes;
    }

    std::string log() {
        const std::lock_guard lock(log_mutex_);
        return log_;
    }

    std::string path_;
    std::mutex log_mutex_;
    std::string log_;
    std::unique_ptr<Listener> listener_;
    std::unique_ptr<UsbWire> wire_;
};

Bytes Pattern(size_t num_bytes) {
    Bytes bytes(num_bytes);
    for (size_t i = 0; i < num_bytes; ++i) {
        bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
    }
    return bytes;
}

TEST_F(RecordingUsbWireTest, ReplayedSession_GivesTheSameAnswers) {
    const auto session = [this] {
        Bytes all;
        EXPECT_EQ(Send(Pattern(700)).num_bytes, 700U);
        EXPECT_EQ(Control({.request_type = 0xC0, .request = 1, .length = 1}).num_bytes, 1U);
        const Bytes first = Read(1024);
        EXPECT_EQ(Send(Pattern(5)).num_bytes, 5U);
        const Bytes second = Read(512);
        EXPECT_EQ(Control({.request_type = 0xC0, .request = 2, .length = 1}).status,
                  UsbStatus::kStalled);
        all.insert(all.end(), first.begin(), first.end());
        all.insert(all.end(), second.begin(), second.end());
        return all;
    };
    Record(AddingModel());
    const Bytes recorded = session();
    EXPECT_EQ(recorded.size(), 705U);
    Replay();
    EXPECT_EQ(listener_->AwaitAttached(1), "Adder");
    EXPECT_EQ(session(), recorded);
    EXPECT_THAT(log(), IsEmpty());
}

TEST_F(RecordingUsbWireTest, TransferLargerThanWiresharkTakes_IsReplayedWhole) {
    const Bytes data = Pattern(3 * kRecordedUrbBytes + 17);
    Record(AddingModel());
    EXPECT_EQ(Send(data).num_bytes, data.size());
    const Bytes recorded = Read(data.size() + 1000);
    EXPECT_EQ(recorded.size(), data.size());
    Replay();
    EXPECT_EQ(Send(data).num_bytes, data.size());
    EXPECT_EQ(Read(data.size() + 1000), recorded);
    EXPECT_THAT(log(), IsEmpty());
}

TEST_F(RecordingUsbWireTest, FileOfARunningRecording_IsReadable) {
    Record(AddingModel());
    EXPECT_EQ(Send(Pattern(100)).num_bytes, 100U);
    const auto file = ReadCaptureBytes(path_);
    ASSERT_TRUE(file) << file.error();
    const auto devices = ReadCapturedDevices(*file);
    ASSERT_TRUE(devices) << devices.error().ToString();
    EXPECT_FALSE(devices->cut);
    ASSERT_EQ(devices->devices.size(), 1U);
    const CapturedTransfer &last = devices->devices[0].transfers.back();
    EXPECT_EQ(last.type, UsbTransferType::kBulk);
    EXPECT_EQ(last.num_done, 100U);
    EXPECT_TRUE(last.has_ended());
}

TEST_F(RecordingUsbWireTest, IsochronousFrames_AreRecordedAndReplayed) {
    const auto session = [this] {
        auto transfer = TestTransfer::Isochronous(0x82, {64, 64, 64});
        wire_->Start(*transfer);
        EXPECT_EQ(transfer->Await().status, UsbStatus::kSuccess);
        EXPECT_EQ(transfer->frames[1].num_done, 1U);
        return transfer->Bytes();
    };
    Record(AddingModel());
    const Bytes recorded = session();
    EXPECT_EQ(recorded[64], std::byte{0x44});
    Replay();
    EXPECT_EQ(session(), recorded);
}

TEST_F(RecordingUsbWireTest, DeviceThatComesBackAsAnother_DoesSoAgain) {
    auto model = std::make_unique<ScriptedUsbModel>(Description("Loader"));
    model->on_control = [raw = model.get()](const UsbSetup &setup, std::span<std::byte>) {
        if (setup.request == 1) {
            raw->port().Reattach(Description("Running"));
        }
        return UsbControlReply::Success();
    };
    const auto session = [this] {
        EXPECT_EQ(listener_->AwaitAttached(1), "Loader");
        EXPECT_EQ(Control({.request_type = 0x40, .request = 1}).status, UsbStatus::kSuccess);
        EXPECT_EQ(listener_->AwaitAttached(2), "Running");
        EXPECT_TRUE(wire_->SetConfiguration(1));
        EXPECT_EQ(Control({.request_type = 0x40, .request = 2}).status, UsbStatus::kSuccess);
    };
    Record(std::move(model));
    session();
    Replay();
    session();
    EXPECT_THAT(log(), IsEmpty());
}

TEST_F(RecordingUsbWireTest, FolderThatDoesNotExist_IsAnError) {
    auto wire = ModelUsbWire::Create(AddingModel());
    ASSERT_TRUE(wire);
    const auto recording = WrapWithRecording(std::move(*wire), "/nonexistent/a.pcapng");
    ASSERT_FALSE(recording);
    EXPECT_THAT(recording.error(), HasSubstr("/nonexistent/a.pcapng: cannot be written: No such"));
}

TEST(RecordingSpecification, FileAndDevice_AreToldApart) {
    const auto parsed = ParseRecordingSpecification("record:a.pcapng,model:x");
    ASSERT_TRUE(parsed) << parsed.error();
    EXPECT_EQ(parsed->path, "a.pcapng");
    EXPECT_EQ(parsed->device, "model:x");
    for (const char *text : {"record:", "record:a.pcapng", "record:a.pcapng,", "record:,model:x"}) {
        EXPECT_FALSE(ParseRecordingSpecification(text)) << text;
    }
}

}  // namespace
}  // namespace opendext::backends
