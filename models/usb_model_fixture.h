// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/emulated/model_usb_wire.h"
#include "backends/usb/recorded_transfers.h"
#include "backends/usb/wired_usb_port.h"
#include "models/catalog.h"

namespace opendext::models {

/// Memory of a transfer that a test looks at after its end.
using SharedBytes = std::shared_ptr<std::vector<std::byte>>;

/// A USB model of the catalog at a port, with a session that has claimed what it wants.
class UsbModelTest : public ::testing::Test {
protected:
    using Ended = backends::RecordedTransfers::Ended;

    ~UsbModelTest() override {
        session.reset();
        port.reset();
        EXPECT_EQ(transfers.num_alive(), 0);
    }

    void Plug(std::string_view specification) {
        auto model = CreateUsbModel(specification);
        ASSERT_TRUE(model.has_value()) << model.error();
        port = backends::WiredUsbPort::Create(
            backends::ModelUsbWire::Create(std::move(*model)).value());
        port->SetListener(&listener);
        Open();
    }
    void Open() { session = port->Open(listener.latest().id).value(); }

    void Configure(uint8_t value = 1) {
        ASSERT_TRUE(session->SetConfiguration(value, true).has_value());
        for (const uint8_t number :
             session->Descriptors().FindConfiguration(value)->InterfaceNumbers()) {
            ASSERT_TRUE(session->Claim(number).has_value());
        }
    }

    /// Starts a transfer over `bytes`; its name.
    int Start(uint8_t endpoint, const SharedBytes &bytes,
              backends::UsbTransferType type = backends::UsbTransferType::kBulk,
              uint16_t stream = 0) {
        auto transfer = transfers.New(++last_name, type, endpoint, 0, [bytes] {});
        transfer->buffer = {{.address = bytes->data(), .num_bytes = bytes->size()}};
        transfer->stream = stream;
        session->Submit(std::move(transfer));
        return last_name;
    }
    int StartIn(uint8_t endpoint, size_t num_bytes,
                backends::UsbTransferType type = backends::UsbTransferType::kBulk,
                uint16_t stream = 0) {
        latest = std::make_shared<std::vector<std::byte>>(num_bytes);
        return Start(endpoint, latest, type, stream);
    }
    int StartOut(uint8_t endpoint, std::string_view text, uint16_t stream = 0) {
        const auto bytes = std::as_bytes(std::span(text));
        return Start(endpoint, std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end()),
                     backends::UsbTransferType::kBulk, stream);
    }
    int StartControl(const backends::UsbSetup &setup, const SharedBytes &bytes,
                     uint32_t timeout_ms = 0) {
        auto transfer =
            transfers.New(++last_name, backends::UsbTransferType::kControl, 0, 0, [bytes] {});
        transfer->setup = setup;
        transfer->buffer = {{.address = bytes->data(), .num_bytes = bytes->size()}};
        transfer->timeout_ms = timeout_ms;
        session->Submit(std::move(transfer));
        return last_name;
    }

    /// Waits for the end of a transfer.
    backends::UsbOutcome Wait(int name) {
        for (size_t count = 1;; ++count) {
            for (const Ended &each : transfers.WaitFor(count)) {
                if (each.name == name) {
                    return each.outcome;
                }
            }
        }
    }
    [[nodiscard]] bool HasEnded(int name) const {
        for (const int each : transfers.names()) {
            if (each == name) {
                return true;
            }
        }
        return false;
    }

    backends::UsbStatus Tell(uint8_t request, uint16_t value = 0, uint16_t index = 0,
                             std::vector<std::byte> data = {}) {
        const auto bytes = std::make_shared<std::vector<std::byte>>(std::move(data));
        return Wait(StartControl({.request_type = 0x40,
                                  .request = request,
                                  .value = value,
                                  .index = index,
                                  .length = static_cast<uint16_t>(bytes->size())},
                                 bytes))
            .status;
    }
    /// The bytes that come back; none when the request fails.
    std::vector<std::byte> Ask(uint8_t request, uint16_t length) {
        const auto bytes = std::make_shared<std::vector<std::byte>>(length);
        const auto outcome =
            Wait(StartControl({.request_type = 0xC0, .request = request, .length = length}, bytes));
        bytes->resize(outcome.status == backends::UsbStatus::kSuccess ? outcome.num_bytes : 0);
        return *bytes;
    }
    template <typename T>
    T AskFor(uint8_t request) {
        T answer{};
        const std::vector<std::byte> bytes = Ask(request, sizeof(T));
        EXPECT_EQ(bytes.size(), sizeof(T));
        std::memcpy(&answer, bytes.data(), bytes.size());
        return answer;
    }

    /// What an IN transfer of the latest StartIn got.
    [[nodiscard]] std::string Text(uint64_t num_bytes) const {
        return {reinterpret_cast<const char *>(latest->data()), num_bytes};
    }

    backends::RecordedTransfers transfers;
    backends::RecordingPortListener listener;
    std::unique_ptr<backends::WiredUsbPort> port;
    std::shared_ptr<backends::UsbBackend> session;
    SharedBytes latest;
    int last_name = 0;
};

}  // namespace opendext::models
