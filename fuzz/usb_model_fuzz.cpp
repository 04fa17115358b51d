// SPDX-License-Identifier: Apache-2.0
// Drives a USB model at a port as the input says: requests of all kinds, aborts, settings, resets. Whatever the driver
// and the device do, every transfer ends once, those of one endpoint in their order, with no more bytes than asked for.
//
// The first byte chooses the model: those of the catalog, or one that makes the mistakes that the input says.
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "backends/emulated/model_usb_wire.h"
#include "backends/usb/wired_usb_port.h"
#include "base/log.h"
#include "fuzz/fuzz_input.h"
#include "models/catalog.h"

namespace {

using namespace opendext;
using namespace opendext::backends;

/// Numbers of up to four bytes, mostly one.
class Input : public FuzzInput {
public:
    using FuzzInput::FuzzInput;

    uint32_t Take(size_t num_bytes = 1) {
        return static_cast<uint32_t>(FuzzInput::Take(num_bytes));
    }
    template <typename T, size_t kCount>
    const T &Choose(const std::array<T, kCount> &choices) {
        return choices[Take() % kCount];
    }
};

constexpr std::array<uint8_t, 10> kEndpoints = {0x01, 0x81, 0x02, 0x82, 0x83,
                                                0x04, 0x84, 0x05, 0x8F, 0x00};

/// Answers as the input says, which it reads for itself: it may be asked on another thread than the driver's.
class UnreliableModel final : public UsbDeviceModel {
public:
    explicit UnreliableModel(const Input &input) : input_(input) {}

    std::string_view Name() const override { return "unreliable"; }
    BackendResult<UsbDescription> Describe() const override {
        return UsbDeviceBuilder(1, 2, UsbSpeed::kSuper)
            .Configuration(1)
            .Interface(0, 0, 0xFF, 0, 0)
            .Bulk(0x01, 0, 4)
            .Bulk(0x81, 0, 4)
            .Interrupt(0x83, 64, 1)
            .Interface(1, 0, 0xFF, 0, 0)
            .Interface(1, 1, 0xFF, 0, 0)
            .Bulk(0x02)
            .Isochronous(0x84, 64, 1)
            .Configuration(2)
            .Interface(0, 0, 0xFF, 0, 0)
            .Build();
    }
    void Attach(UsbDevicePort &port) override { port_ = &port; }
    UsbControlReply OnControl(const UsbSetup &, std::span<std::byte> data) override {
        Touch(data);
        Misbehave();
        const auto status = static_cast<UsbStatus>(input_.Take() % 14);
        return {
            .status = status, .num_bytes = input_.Take(2), .is_pending = input_.Take() % 8 == 0};
    }
    void OnRequest(const UsbModelRequest &request) override {
        for (const std::span<std::byte> piece : request.pieces) {
            Touch(piece);
        }
        ids_.push_back(request.id);
        Misbehave();
    }

private:
    static void Touch(std::span<std::byte> bytes) {
        for (std::byte &byte : bytes) {
            byte ^= std::byte{1};
        }
    }
    void Misbehave() {
        for (uint32_t left = input_.Take() % 4; left != 0; --left) {
            const uint32_t what = input_.Take() % 16;
            if (what < 10 && !ids_.empty()) {
                port_->Complete(ids_[input_.Take() % ids_.size()],
                                static_cast<UsbStatus>(input_.Take() % 14), input_.Take(2));
            } else if (what == 10) {
                port_->Complete(static_cast<UsbRequestId>(input_.Take(4)), UsbStatus::kSuccess, 1);
            } else if (what < 14) {
                port_->Halt({input_.Choose(kEndpoints)});
            } else if (what == 14 && input_.Take() % 8 == 0) {
                port_->Detach();
            } else if (what == 15 && input_.Take() % 8 == 0) {
                port_->Reattach(Describe().value());
            }
        }
    }

    Input input_;
    UsbDevicePort *port_ = nullptr;
    std::vector<UsbRequestId> ids_;  // all there ever were
};

/// What must be true of transfers. Outlives them.
class Ledger {
public:
    struct Lane {
        uint64_t session;
        uint8_t endpoint;
        uint16_t stream;
        auto operator<=>(const Lane &) const = default;
    };

    void Ended(const Lane &lane, uint64_t number, bool was_refused) {
        const std::lock_guard lock(mutex_);
        ++num_ended_;
        // Nothing times out here, so what has been accepted ends in order; what was refused ends at once.
        if (!was_refused) {
            Require(number > std::exchange(latest_[lane], number));
        }
    }
    [[nodiscard]] uint64_t num_ended() const {
        const std::lock_guard lock(mutex_);
        return num_ended_;
    }

private:
    mutable std::mutex mutex_;
    uint64_t num_ended_ = 0;
    std::map<Lane, uint64_t> latest_;
};

class LedgerTransfer final : public UsbTransfer {
public:
    LedgerTransfer(Ledger &ledger, Ledger::Lane lane, uint64_t number, size_t num_bytes,
                   size_t num_pieces)
        : ledger_(ledger), lane_(lane), number_(number), bytes_(num_bytes) {
        for (size_t index = 0; index < num_pieces; ++index) {
            const size_t begin = num_bytes * index / num_pieces;
            const size_t end = num_bytes * (index + 1) / num_pieces;
            buffer.push_back({.address = bytes_.data() + begin, .num_bytes = end - begin});
        }
    }
    void OnComplete(const UsbOutcome &outcome) override {
        Require(!std::exchange(has_ended_, true));
        Require(outcome.num_bytes <= bytes_.size());
        for (const UsbIsochronousFrame &frame : frames) {
            Require(frame.num_done <= frame.num_requested);
        }
        const bool was_refused = outcome.status == UsbStatus::kNotOpen ||
                                 outcome.status == UsbStatus::kInvalidArgument ||
                                 outcome.status == UsbStatus::kUnsupported ||
                                 outcome.status == UsbStatus::kRemoved;
        ledger_.Ended(lane_, number_, was_refused);
    }

private:
    Ledger &ledger_;
    const Ledger::Lane lane_;
    const uint64_t number_;
    std::vector<std::byte> bytes_;
    bool has_ended_ = false;
};

class Driver final : public UsbPortListener {
public:
    Driver(Input &input, std::unique_ptr<UsbDeviceModel> model)
        : input_(input),
          port_(WiredUsbPort::Create(ModelUsbWire::Create(std::move(model)).value())) {
        port_->SetListener(this);
    }
    ~Driver() override {
        sessions_ = {};
        port_.reset();
        Require(ledger_.num_ended() == num_submitted_);
    }
    Driver(const Driver &) = delete;
    Driver &operator=(const Driver &) = delete;

    void OnAttached(const UsbDeviceIdentity &device) override {
        const std::lock_guard lock(mutex_);
        Require(device_ == UsbDeviceId::kNone);
        device_ = device.id;
    }
    void OnDetached(UsbDeviceId device) override {
        const std::lock_guard lock(mutex_);
        Require(std::exchange(device_, UsbDeviceId::kNone) == device);
    }
    void OnConfigured(UsbDeviceId device, uint8_t, bool) override {
        const std::lock_guard lock(mutex_);
        Require(device_ == device);
    }
    void OnSettingSelected(const UsbDeviceIdentity &device, const UsbInterfaceSetting &) override {
        const std::lock_guard lock(mutex_);
        Require(device_ == device.id);
    }

    void Step() {
        const size_t which = input_.Take() % sessions_.size();
        std::shared_ptr<UsbBackend> &session = sessions_[which];
        if (session == nullptr || !session->IsPresent()) {
            return Open(which);
        }
        const auto interface = static_cast<uint8_t>(input_.Take() % 3);
        switch (input_.Take() % 20) {
            case 0:
                return Ignore(session->SetConfiguration(input_.Take() % 4, true));
            case 1:
                return Ignore(session->SetAlternateSetting(interface, input_.Take() % 3));
            case 2:
                return Ignore(session->Claim(interface));
            case 3:
                return session->Release(interface);
            case 4:
                return session->Abort({input_.Choose(kEndpoints)},
                                      static_cast<uint16_t>(input_.Take() % 3));
            case 5:
                return Ignore(
                    session->ClearHalt({input_.Choose(kEndpoints)}, input_.Take() % 2 != 0));
            case 6:
                return Ignore(session->SetStreams({input_.Choose(kEndpoints)},
                                                  static_cast<uint16_t>(input_.Take() % 32)));
            case 7:
                return input_.Take() % 8 == 0 ? Ignore(session->Reset()) : session.reset();
            case 8:
            case 9:
            case 10:
            case 11:
                return SubmitControl(which);
            default:
                return Submit(which);
        }
    }

    /// To be able to do anything at all.
    void Prepare() {
        Open(0);
        if (sessions_[0] != nullptr) {
            Ignore(sessions_[0]->SetConfiguration(1, true));
            Ignore(sessions_[0]->Claim(0));
            Ignore(sessions_[0]->Claim(1));
        }
    }

private:
    static void Ignore(const BackendResult<void> &result) {
        Require(result.has_value() || !result.error().message.empty());
    }

    void Open(size_t which) {
        UsbDeviceId device = UsbDeviceId::kNone;
        {
            const std::lock_guard lock(mutex_);
            device = device_;
        }
        sessions_[which].reset();
        if (auto session = port_->Open(device)) {
            sessions_[which] = std::move(*session);
            ++session_numbers_[which];
        }
    }

    std::unique_ptr<LedgerTransfer> New(size_t which, uint8_t endpoint, uint16_t stream,
                                        size_t num_bytes) {
        const Ledger::Lane lane{.session = session_numbers_[which] << 8 | which,
                                .endpoint = endpoint,
                                .stream = stream};
        auto transfer = std::make_unique<LedgerTransfer>(ledger_, lane, ++num_submitted_, num_bytes,
                                                         1 + input_.Take() % 3);
        transfer->endpoint = {endpoint};
        transfer->stream = stream;
        return transfer;
    }

    void SubmitControl(size_t which) {
        constexpr std::array<uint8_t, 8> kTypes = {0xC0, 0x40, 0x40, 0x80, 0x00, 0x01, 0x02, 0x82};
        const UsbSetup setup{.request_type = input_.Choose(kTypes),
                             .request = static_cast<uint8_t>(input_.Take() % 0x14),
                             .value = static_cast<uint16_t>(input_.Take(2)),
                             .index = input_.Choose(kEndpoints),
                             .length = static_cast<uint16_t>(input_.Take() * 20)};
        auto transfer = New(which, 0, 0, setup.length);
        transfer->setup = setup;
        sessions_[which]->Submit(std::move(transfer));
    }

    void Submit(size_t which) {
        const uint8_t endpoint = input_.Choose(kEndpoints);
        const uint32_t options = input_.Take();
        const auto stream = static_cast<uint16_t>(options % 8 == 0 ? input_.Take() % 20 : 0);
        auto transfer = New(which, endpoint, stream, input_.Take(2) % 9000);
        const uint8_t number = endpoint & 0x0F;
        transfer->type = number == 3   ? UsbTransferType::kInterrupt
                         : number == 4 ? UsbTransferType::kIsochronous
                                       : UsbTransferType::kBulk;
        if (number == 4) {
            transfer->frames.assign(options % 4, {.num_requested = input_.Take() % 64U});
        }
        sessions_[which]->Submit(std::move(transfer));
    }

    Input &input_;
    Ledger ledger_;
    std::mutex mutex_;
    UsbDeviceId device_ = UsbDeviceId::kNone;  // that is there
    std::unique_ptr<WiredUsbPort> port_;
    std::array<std::shared_ptr<UsbBackend>, 2> sessions_;
    std::array<uint64_t, 2> session_numbers_{};
    uint64_t num_submitted_ = 0;
};

std::unique_ptr<UsbDeviceModel> MakeModel(Input &input) {
    switch (input.Take() % 4) {
        case 0:
            return models::CreateUsbModel("usb-loopback,tick-ms=0").value();
        case 1:
            return models::CreateUsbModel("usb-loopback,speed=super,fifo-kib=1,tick-ms=0").value();
        case 2:
            return models::CreateUsbModel("usb-firmware").value();
        default:
            return std::make_unique<UnreliableModel>(input);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    SetLogLevel(LogLevel::kError);
    Input input(data, num_bytes);
    Driver driver(input, MakeModel(input));
    driver.Prepare();
    for (int steps = 0; !input.IsEmpty() && steps < 500; ++steps) {
        driver.Step();
    }
    return 0;
}
