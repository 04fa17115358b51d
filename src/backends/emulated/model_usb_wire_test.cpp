// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/model_usb_wire.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "backends/emulated/scripted_usb_model.h"
#include "backends/usb/recorded_transfers.h"
#include "backends/usb/wired_usb_port.h"

namespace opendext::backends {
namespace {

UsbDescription TestDescription(uint16_t product = 1) {
    return UsbDeviceBuilder(0x1209, product, UsbSpeed::kHigh)
        .Strings("Maker", "Gr\u00fcn", "")
        .Configuration(1, 0xE0)
        .Interface(0, 0, 0xFF, 0, 0)
        .Bulk(0x01)
        .Bulk(0x81)
        .Interface(0, 1, 0xFF, 0, 0)
        .Isochronous(0x83, 64, 1)
        .Isochronous(0x03, 64, 1)
        .Interface(1, 0, 0xFF, 0, 0, "Events")
        .Interrupt(0x82, 8, 4)
        .Configuration(2)
        .Interface(0, 0, 0xFF, 0, 0)
        .Build()
        .value();
}

class ModelUsbWireTest : public ::testing::Test {
protected:
    ModelUsbWireTest() {
        auto owned = std::make_unique<ScriptedUsbModel>(TestDescription());
        model = owned.get();
        port = WiredUsbPort::Create(ModelUsbWire::Create(std::move(owned), 0x02300000).value());
        port->SetListener(&listener);
        session = port->Open(listener.latest().id).value();
    }
    ~ModelUsbWireTest() override {
        session.reset();
        port.reset();
        EXPECT_EQ(transfers.num_alive(), 0);
    }

    void Configure() {
        ASSERT_TRUE(session->SetConfiguration(1, true).has_value());
        ASSERT_TRUE(session->Claim(0).has_value());
    }

    struct Answer {
        UsbStatus status;
        std::vector<uint8_t> bytes;
    };
    // A control transfer that is answered at once; `pieces` of two bytes if asked for.
    Answer Request(const UsbSetup &setup, std::vector<uint8_t> out = {}, bool in_pieces = false) {
        auto bytes = std::make_shared<std::vector<uint8_t>>(std::move(out));
        bytes->resize(setup.length);
        const int name = ++last_name;
        auto transfer = transfers.Control(name, setup);
        const auto data = std::as_writable_bytes(std::span(*bytes));
        transfer->buffer.clear();
        for (size_t offset = 0; offset < data.size();) {
            const size_t count =
                in_pieces ? std::min<size_t>(2, data.size() - offset) : data.size();
            transfer->buffer.push_back({.address = data.data() + offset, .num_bytes = count});
            offset += count;
        }
        session->Submit(std::move(transfer));
        for (const auto &each : transfers.ended()) {
            if (each.name == name) {
                bytes->resize(setup.is_in() ? each.outcome.num_bytes : bytes->size());
                return {each.outcome.status, *bytes};
            }
        }
        return {UsbStatus::kUnderrun, {}};
    }
    Answer Get(uint8_t recipient, uint8_t request, uint16_t value, uint16_t index,
               uint16_t length) {
        return Request({.request_type = static_cast<uint8_t>(0x80 | recipient),
                        .request = request,
                        .value = value,
                        .index = index,
                        .length = length});
    }
    UsbStatus Set(uint8_t recipient, uint8_t request, uint16_t value, uint16_t index) {
        return Request(
                   {.request_type = recipient, .request = request, .value = value, .index = index})
            .status;
    }
    void Submit(int name, uint8_t endpoint, size_t num_bytes = 8) {
        session->Submit(transfers.Bulk(name, endpoint, num_bytes));
    }
    std::unique_ptr<UsbTransfer> Frames(int name, uint8_t endpoint, size_t count) {
        auto transfer = transfers.New(name, UsbTransferType::kIsochronous, endpoint, 4 * count);
        transfer->frames.assign(count, {.num_requested = 4});
        return transfer;
    }

    RecordedTransfers transfers;
    RecordingPortListener listener;
    ScriptedUsbModel *model = nullptr;
    std::unique_ptr<WiredUsbPort> port;
    std::shared_ptr<UsbBackend> session;
    int last_name = 1000;
};

TEST_F(ModelUsbWireTest, Identity_IsTheDescriptions) {
    const UsbDeviceIdentity device = listener.latest();
    EXPECT_EQ(device.manufacturer, "Maker");
    EXPECT_EQ(device.product, "Gr\u00fcn");
    EXPECT_EQ(device.serial, "");
    const uint8_t name = device.descriptors.configurations[0].Find(1, 0)->name_string;
    EXPECT_EQ(device.interface_names, (std::map<uint8_t, std::string>{{name, "Events"}}));
    EXPECT_EQ(device.location, 0x02300000U);
    EXPECT_EQ(device.address, 1);
    EXPECT_EQ(listener.kinds(), "A");  // not configured
}

TEST_F(ModelUsbWireTest, Descriptors_AreServedFromTheDescription) {
    const UsbDescriptors &descriptors = session->Descriptors();
    const auto equals = [](const Answer &answer, std::span<const std::byte> bytes) {
        return answer.status == UsbStatus::kSuccess &&
               std::ranges::equal(std::as_bytes(std::span(answer.bytes)), bytes);
    };
    EXPECT_TRUE(equals(Get(0, 6, 0x0100, 0, 64), descriptors.device_bytes));
    EXPECT_TRUE(equals(Get(0, 6, 0x0100, 0, 8), std::span(descriptors.device_bytes).first(8)));
    EXPECT_TRUE(equals(Get(0, 6, 0x0201, 0, 255), descriptors.configurations[1].bytes));
    EXPECT_EQ(Get(0, 6, 0x0202, 0, 255).status, UsbStatus::kStalled);
    EXPECT_EQ(Get(0, 6, 0x0300, 0, 255).bytes, (std::vector<uint8_t>{4, 3, 9, 4}));
    EXPECT_EQ(Get(0, 6, 0x0302, 0x0409, 255).bytes,
              (std::vector<uint8_t>{10, 3, 'G', 0, 'r', 0, 0xFC, 0, 'n', 0}));
    EXPECT_EQ(Get(0, 6, 0x0302, 0x0407, 255).status, UsbStatus::kStalled);
    EXPECT_EQ(Get(0, 6, 0x0304, 0x0409, 255).status, UsbStatus::kStalled);
    EXPECT_EQ(Get(0, 6, 0x0F00, 0, 255).status, UsbStatus::kStalled);
    EXPECT_EQ(Get(0, 6, 0x0600, 0, 10).status, UsbStatus::kStalled);
}

TEST_F(ModelUsbWireTest, Status_FollowsFeaturesAndHalts) {
    using Bytes = std::vector<uint8_t>;
    EXPECT_EQ(Get(0, 8, 0, 0, 1).bytes, (Bytes{0}));
    Configure();
    EXPECT_EQ(Get(0, 8, 0, 0, 1).bytes, (Bytes{1}));
    EXPECT_EQ(Get(0, 0, 0, 0, 2).bytes, (Bytes{1, 0}));
    EXPECT_EQ(Set(0, 3, 1, 0), UsbStatus::kSuccess);
    EXPECT_EQ(Get(0, 0, 0, 0, 2).bytes, (Bytes{3, 0}));
    EXPECT_EQ(Set(0, 1, 1, 0), UsbStatus::kSuccess);
    EXPECT_EQ(Get(0, 0, 0, 0, 2).bytes, (Bytes{1, 0}));
    EXPECT_EQ(Get(1, 0, 0, 1, 2).bytes, (Bytes{0, 0}));
    EXPECT_EQ(Get(1, 0, 0, 5, 2).status, UsbStatus::kStalled);
    EXPECT_EQ(Get(2, 0, 0, 0x81, 2).bytes, (Bytes{0, 0}));
    EXPECT_EQ(Get(2, 0, 0, 0x8F, 2).status, UsbStatus::kStalled);
    EXPECT_EQ(Set(2, 3, 0, 0x81), UsbStatus::kSuccess);
    EXPECT_EQ(Get(2, 0, 0, 0x81, 2).bytes, (Bytes{1, 0}));
    EXPECT_EQ(Set(2, 1, 0, 0x81), UsbStatus::kSuccess);
    EXPECT_EQ(Get(2, 0, 0, 0x81, 2).bytes, (Bytes{0, 0}));
    EXPECT_EQ(Get(1, 10, 0, 0, 1).bytes, (Bytes{0}));
    ASSERT_TRUE(session->SetAlternateSetting(0, 1).has_value());
    EXPECT_EQ(Get(1, 10, 0, 0, 1).bytes, (Bytes{1}));
    EXPECT_EQ(model->TakeHeard(), "configuration 1; setting 0.1; ");
}

TEST_F(ModelUsbWireTest, OwnRequests_ReachTheModel) {
    std::vector<uint8_t> got;
    model->on_control = [&](const UsbSetup &setup, std::span<std::byte> data) {
        if (!setup.is_in()) {
            for (const std::byte byte : data) {
                got.push_back(static_cast<uint8_t>(byte));
            }
            return UsbControlReply::Success();
        }
        std::ranges::fill(data, std::byte{7});
        return UsbControlReply::Success(setup.value);
    };
    for (const bool in_pieces : {false, true}) {
        got.clear();
        EXPECT_EQ(Request({.request_type = 0x40, .length = 5}, {1, 2, 3, 4, 5}, in_pieces).status,
                  UsbStatus::kSuccess);
        EXPECT_EQ(got, (std::vector<uint8_t>{1, 2, 3, 4, 5}));
        const Answer shorter =
            Request({.request_type = 0xC0, .value = 3, .length = 5}, {}, in_pieces);
        EXPECT_EQ(shorter.status, UsbStatus::kSuccess);
        EXPECT_EQ(shorter.bytes, (std::vector<uint8_t>{7, 7, 7}));
        const Answer babble =
            Request({.request_type = 0xC0, .value = 6, .length = 5}, {}, in_pieces);
        EXPECT_EQ(babble.status, UsbStatus::kBabble);
        EXPECT_EQ(babble.bytes.size(), 5U);
    }
    model->on_control = {};
    EXPECT_EQ(Request({.request_type = 0xC0, .length = 5}).status, UsbStatus::kStalled);
}

TEST_F(ModelUsbWireTest, ControlRequestThatIsNeverAnswered_EndsByTheHost) {
    model->on_control = [](const UsbSetup &, std::span<std::byte>) {
        return UsbControlReply::Pending();
    };
    auto transfer = transfers.Control(1, {.request_type = 0xC0, .length = 4});
    transfer->timeout_ms = 1;
    session->Submit(std::move(transfer));
    session->Submit(transfers.Control(2, {.request_type = 0xC0, .length = 4}));
    EXPECT_EQ(transfers.WaitFor(1)[0].outcome.status, UsbStatus::kTimedOut);
    session->Abort({0}, 0);
    (void)transfers.WaitFor(2);
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kAborted);
}

TEST_F(ModelUsbWireTest, Model_SeesTheHostsOwnMemory) {
    Configure();
    const std::byte *seen = nullptr;
    model->on_request = [&](const UsbModelRequest &request) {
        ASSERT_EQ(request.pieces.size(), 1U);
        seen = request.pieces[0].data();
        EXPECT_EQ(request.num_bytes, 100U);
        EXPECT_EQ(request.endpoint.value, 0x01);
        model->port().Complete(request.id, UsbStatus::kSuccess, 100);
    };
    auto transfer = transfers.Bulk(1, 0x01, 100);
    const std::byte *const host = transfer->buffer[0].address;
    session->Submit(std::move(transfer));
    EXPECT_EQ(seen, host);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kSuccess);
}

TEST_F(ModelUsbWireTest, CompletionsOfAnotherThread_AreDelivered) {
    Configure();
    for (int name = 0; name < 50; ++name) {
        Submit(name, 0x81);
    }
    std::thread worker([this] {
        const std::lock_guard lock(model->mutex());
        for (const UsbRequestId id : model->requests) {
            model->port().Complete(id, UsbStatus::kSuccess, 3);
        }
    });
    const auto ended = transfers.WaitFor(50);
    worker.join();
    for (int name = 0; name < 50; ++name) {
        EXPECT_EQ(ended[static_cast<size_t>(name)].name, name);
        EXPECT_EQ(ended[static_cast<size_t>(name)].outcome.num_bytes, 3U);
    }
}

TEST_F(ModelUsbWireTest, MistakesOfTheModel_AreCaught) {
    Configure();
    Submit(1, 0x81);
    Submit(2, 0x81);
    model->Complete(model->requests[0], UsbStatus::kSuccess, 9);
    model->Complete(model->requests[0], UsbStatus::kSuccess, 8);
    model->Complete(UsbRequestId{12345}, UsbStatus::kSuccess, 8);
    model->Complete(UsbRequestId{}, UsbStatus::kSuccess, 8);
    const auto ended = transfers.WaitFor(1);
    EXPECT_EQ(ended[0].outcome.status, UsbStatus::kBabble);
    EXPECT_EQ(ended[0].outcome.num_bytes, 8U);
    session->Abort({0x81}, 0);
    model->Complete(model->requests[1], UsbStatus::kSuccess, 8);
    EXPECT_EQ(transfers.WaitFor(2).size(), 2U);
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kAborted);
    EXPECT_EQ(model->cancelled, (std::vector{model->requests[1]}));
    const std::lock_guard lock(model->mutex());
    model->port().Halt({0x8F});
    model->port().Halt({0});
}

TEST_F(ModelUsbWireTest, HaltedEndpoint_StallsUntilTheHostClearsIt) {
    Configure();
    Submit(1, 0x81);
    Submit(2, 0x81);
    Submit(3, 0x01);
    model->on_control = [this](const UsbSetup &, std::span<std::byte>) {
        model->port().Halt({0x81});
        return UsbControlReply::Success();
    };
    EXPECT_EQ(Request({.request_type = 0x40}).status, UsbStatus::kSuccess);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kStalled);
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kStalled);
    Submit(4, 0x81);
    EXPECT_EQ(transfers.StatusOf(4), UsbStatus::kStalled);
    EXPECT_TRUE(model->cancelled.empty());
    EXPECT_TRUE(session->ClearHalt({0x81}, false).has_value());
    Submit(5, 0x81);
    EXPECT_EQ(transfers.StatusOf(5), UsbStatus::kStalled);  // the device was not told
    EXPECT_TRUE(session->ClearHalt({0x81}, true).has_value());
    Submit(6, 0x81);
    EXPECT_EQ(model->requests.size(), 4U);
}

TEST_F(ModelUsbWireTest, StallOfOneRequest_HaltsTheEndpoint) {
    Configure();
    model->on_request = [this](const UsbModelRequest &request) {
        model->port().Complete(request.id, UsbStatus::kStalled, 2);
    };
    Submit(1, 0x81);
    Submit(2, 0x81);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kStalled);
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kStalled);
    EXPECT_EQ(model->requests.size(), 1U);
}

TEST_F(ModelUsbWireTest, HaltSetByTheHost_TakesTheModelsRequests) {
    Configure();
    Submit(1, 0x81);
    EXPECT_EQ(Set(2, 3, 0, 0x81), UsbStatus::kSuccess);
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kStalled);
    EXPECT_EQ(model->cancelled, model->requests);
}

TEST_F(ModelUsbWireTest, Configuration_ReachesTheModel) {
    EXPECT_TRUE(session->SetConfiguration(2, true).has_value());
    EXPECT_TRUE(session->SetConfiguration(0, true).has_value());
    EXPECT_EQ(model->TakeHeard(), "configuration 2; configuration 0; ");
    EXPECT_FALSE(session->SetConfiguration(3, true).has_value());
}

TEST_F(ModelUsbWireTest, Reset_BringsBackConfigurationAndSettings) {
    Configure();
    ASSERT_TRUE(session->SetAlternateSetting(0, 1).has_value());
    (void)model->TakeHeard();
    EXPECT_TRUE(session->Reset().has_value());
    EXPECT_EQ(model->TakeHeard(), "reset; configuration 1; setting 0.1; ");
    EXPECT_EQ(Get(1, 10, 0, 0, 1).bytes, (std::vector<uint8_t>{1}));
}

TEST_F(ModelUsbWireTest, Detach_EndsEverything) {
    Configure();
    Submit(1, 0x81);
    model->port().Detach();
    Submit(2, 0x81);
    (void)listener.WaitFor(3);
    EXPECT_EQ(listener.kinds(), "ACD");
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kRemoved);
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kRemoved);
    EXPECT_FALSE(session->SetConfiguration(1, true).has_value());
}

TEST_F(ModelUsbWireTest, Reattach_IsAnotherDevice) {
    Configure();
    (void)model->TakeHeard();
    Submit(1, 0x81);
    model->on_control = [this](const UsbSetup &, std::span<std::byte>) {
        model->port().Reattach(TestDescription(2));
        return UsbControlReply::Success();
    };
    // The request that makes it leave is answered.
    EXPECT_EQ(Request({.request_type = 0x40}).status, UsbStatus::kSuccess);
    (void)listener.WaitFor(4);
    EXPECT_EQ(listener.kinds(), "ACDA");
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kRemoved);
    EXPECT_EQ(model->TakeHeard(), "reset; ");
    const UsbDeviceIdentity next = listener.latest();
    EXPECT_EQ(next.descriptors.device.product, 2);
    EXPECT_EQ(next.address, 2);
    session = port->Open(next.id).value();
    EXPECT_EQ(session->Configuration(), 0);
    Configure();
}

TEST_F(ModelUsbWireTest, DetachedDevice_CanComeBack) {
    model->port().Detach();
    (void)listener.WaitFor(2);
    model->port().Reattach(TestDescription(3));
    (void)listener.WaitFor(3);
    EXPECT_EQ(listener.kinds(), "ADA");
    EXPECT_EQ(listener.latest().descriptors.device.product, 3);
}

TEST_F(ModelUsbWireTest, ReattachAndDetachAtOnce_EndsDetached) {
    model->port().Reattach(TestDescription(2));
    model->port().Detach();
    model->port().Reattach(TestDescription(3));
    model->port().Detach();
    (void)listener.WaitFor(2);
    session.reset();
    port.reset();
    EXPECT_EQ(listener.kinds().back(), 'D');
}

TEST_F(ModelUsbWireTest, IsochronousFrames_ComeAtTheirTime) {
    Configure();
    ASSERT_TRUE(session->SetAlternateSetting(0, 1).has_value());
    model->on_request = [this, count = 0](const UsbModelRequest &request) mutable {
        EXPECT_EQ(request.num_bytes, 4U);
        switch (count++) {
            case 0:
                request.pieces[0][0] = std::byte{9};
                return model->port().Complete(request.id, UsbStatus::kSuccess, 2);
            case 1:
                return model->port().Complete(request.id, UsbStatus::kSuccess, 5);
            default:
                return;  // nothing to send
        }
    };
    auto transfer = Frames(1, 0x83, 3);
    transfer->first_frame = session->CurrentFrame().frame + 900;
    const uint64_t start_ns = transfer->first_frame * 1'000'000;
    session->Submit(std::move(transfer));
    const auto ended = transfers.WaitFor(1);
    EXPECT_EQ(ended[0].outcome.status, UsbStatus::kSuccess);
    EXPECT_EQ(ended[0].outcome.num_bytes, 6U);
    const auto &frames = ended[0].frames;
    EXPECT_EQ(frames[0].status, UsbStatus::kSuccess);
    EXPECT_EQ(frames[0].num_done, 2U);
    EXPECT_EQ(frames[1].status, UsbStatus::kBabble);
    EXPECT_EQ(frames[1].num_done, 4U);
    EXPECT_EQ(frames[2].status, UsbStatus::kUnderrun);
    EXPECT_EQ(frames[2].num_done, 0U);
    EXPECT_EQ(frames[0].mach_time, start_ns + 125'000);
    EXPECT_EQ(frames[2].mach_time, start_ns + 375'000);
}

TEST_F(ModelUsbWireTest, IsochronousOut_IsLostWhenNobodyTakesIt) {
    Configure();
    ASSERT_TRUE(session->SetAlternateSetting(0, 1).has_value());
    session->Submit(Frames(1, 0x03, 16));
    session->Submit(Frames(2, 0x03, 1));
    const auto ended = transfers.WaitFor(2);
    EXPECT_EQ(ended[0].name, 1);
    EXPECT_EQ(ended[0].outcome.num_bytes, 64U);
    const std::lock_guard lock(model->mutex());
    EXPECT_EQ(model->requests.size(), 17U);
}

TEST_F(ModelUsbWireTest, IsochronousFramesOutOfTime_AreRefused) {
    Configure();
    ASSERT_TRUE(session->SetAlternateSetting(0, 1).has_value());
    auto late = Frames(1, 0x83, 1);
    late->first_frame = 1;
    session->Submit(std::move(late));
    auto early = Frames(2, 0x83, 1);
    early->first_frame = session->CurrentFrame().frame + 100'000;
    session->Submit(std::move(early));
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kTooLate);
    EXPECT_EQ(transfers.StatusOf(2), UsbStatus::kTooEarly);
    auto far = Frames(3, 0x83, 1);
    far->first_frame = session->CurrentFrame().frame + 1000;
    session->Submit(std::move(far));
    session->Abort({0x83}, 0);
    EXPECT_EQ(transfers.StatusOf(3), UsbStatus::kAborted);
    EXPECT_EQ(transfers.ended()[2].frames[0].status, UsbStatus::kAborted);
}

TEST_F(ModelUsbWireTest, EndOfThePort_EndsWhatTheModelHas) {
    Configure();
    Submit(1, 0x81);
    port.reset();
    EXPECT_EQ(transfers.StatusOf(1), UsbStatus::kRemoved);
}

TEST(ModelUsbWire, DescriptionThatIsWrong_IsRefused) {
    class Broken final : public UsbDeviceModel {
    public:
        std::string_view Name() const override { return "broken"; }
        BackendResult<UsbDescription> Describe() const override {
            return UsbDeviceBuilder(1, 2, UsbSpeed::kHigh).Build();
        }
        void Attach(UsbDevicePort &) override {}
    };
    EXPECT_FALSE(ModelUsbWire::Create(std::make_unique<Broken>()).has_value());
}

}  // namespace
}  // namespace opendext::backends
