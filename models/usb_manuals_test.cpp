// SPDX-License-Identifier: Apache-2.0
// The manuals in docs/devices and the protocols in code say the same; the example of docs/device-models.md is compiled.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "models/usb_dial/usb_dial_model.h"
#include "models/usb_firmware/protocol.h"
#include "models/usb_loopback/protocol.h"
#include "models/usb_model_fixture.h"

namespace opendext::models {
namespace {

std::string FileText(const std::string &path) {
    std::ifstream file(std::string(OPENDEXT_SOURCE_DIR "/") + path);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct NamedRequest {
    const char *name;
    uint8_t value;
};

void ExpectRequests(const std::string &manual, const std::vector<NamedRequest> &requests) {
    for (const NamedRequest &request : requests) {
        const std::string row = fmt::format("| `{:#04x}` | {} |", request.value, request.name);
        // 0x0A is written with a capital.
        std::string capital = row;
        for (size_t i = row.find("0x") + 2; i < row.find("` |"); ++i) {
            capital[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(capital[i])));
        }
        EXPECT_NE(manual.find(capital), std::string::npos) << capital;
    }
}

TEST(UsbManuals, LoopbackRequests_AreInTheManual) {
    using namespace usb_loopback;
    ExpectRequests(FileText("docs/devices/usb-loopback.md"), {{"ECHO_WRITE", kEchoWrite},
                                                              {"ECHO_READ", kEchoRead},
                                                              {"STALL", kStall},
                                                              {"HALT", kHalt},
                                                              {"NAK", kNak},
                                                              {"HOLD", kHold},
                                                              {"SHORT_PACKET", kShortPacket},
                                                              {"BABBLE", kBabble},
                                                              {"NO_RESPONSE", kNoResponse},
                                                              {"DETACH", kDetach},
                                                              {"HANG", kHang},
                                                              {"SET_TICK_PERIOD", kSetTickPeriod},
                                                              {"TICK", kTick},
                                                              {"SET_SOURCE", kSetSource},
                                                              {"SET_SINK_CHECK", kSetSinkCheck},
                                                              {"GET_COUNTERS", kGetCounters},
                                                              {"CLEAR", kClear}});
}

TEST(UsbManuals, LoopbackCounters_AreInTheManual) {
    using usb_loopback::Counters;
    const std::string manual = FileText("docs/devices/usb-loopback.md");
    const std::vector<std::pair<size_t, const char *>> fields = {
        {offsetof(Counters, loopback_bytes), "loopback_bytes"},
        {offsetof(Counters, sink_bytes), "sink_bytes"},
        {offsetof(Counters, sink_mismatches), "sink_mismatches"},
        {offsetof(Counters, sink_first_mismatch), "sink_first_mismatch"},
        {offsetof(Counters, source_bytes), "source_bytes"},
        {offsetof(Counters, ticks), "ticks"},
        {offsetof(Counters, frames_out), "frames_out"},
        {offsetof(Counters, frame_bytes_out), "frame_bytes_out"},
        {offsetof(Counters, frames_in), "frames_in"},
        {offsetof(Counters, control_requests), "control_requests"}};
    for (const auto &[offset, name] : fields) {
        EXPECT_NE(manual.find(fmt::format("| {} | {} |", offset, name)), std::string::npos) << name;
    }
}

TEST(UsbManuals, FirmwareRequestsAndErrors_AreInTheManual) {
    using namespace usb_firmware;
    const std::string manual = FileText("docs/devices/usb-firmware.md");
    ExpectRequests(manual, {{"BEGIN", kBegin},
                            {"BLOCK", kBlock},
                            {"FINISH", kFinish},
                            {"GET_STATUS", kGetStatus},
                            {"CANCEL", kCancel},
                            {"GET_INFO", kGetInfo},
                            {"RESTART", kRestart}});
    const std::vector<std::pair<LoaderError, const char *>> errors = {
        {LoaderError::kNone, "NONE"},
        {LoaderError::kNotBegun, "NOT_BEGUN"},
        {LoaderError::kTooManyBytes, "TOO_MANY_BYTES"},
        {LoaderError::kOutOfOrder, "OUT_OF_ORDER"},
        {LoaderError::kTooFewBytes, "TOO_FEW_BYTES"},
        {LoaderError::kWrongHash, "WRONG_HASH"}};
    for (const auto &[error, name] : errors) {
        EXPECT_NE(manual.find(fmt::format("| {} | {} |", static_cast<int>(error), name)),
                  std::string::npos)
            << name;
    }
}

TEST(UsbManuals, EveryModel_HasAManualThatNamesItsOptions) {
    for (const ModelSummary &model : KnownModels()) {
        const std::string manual = FileText(fmt::format("docs/devices/{}.md", model.name));
        ASSERT_FALSE(manual.empty()) << model.name;
        const std::string_view options = model.options;
        for (size_t end = options.find('='); end != std::string_view::npos;
             end = options.find('=', end + 1)) {
            const size_t space = options.rfind(' ', end);
            const size_t begin = space == std::string_view::npos ? 0 : space + 1;
            const std::string name(options.substr(begin, end - begin));
            EXPECT_NE(manual.find("`" + name + "="), std::string::npos)
                << model.name << " " << name;
        }
    }
}

TEST(UsbManuals, ExampleOfTheDocs_IsTheOneThatIsCompiled) {
    const std::string docs = FileText("docs/device-models.md");
    const std::string code = FileText("models/usb_dial/usb_dial_model.h");
    const std::string body = code.substr(code.find("class UsbDialModel"));
    EXPECT_NE(docs.find(body), std::string::npos);
}

class UsbDialTest : public UsbModelTest {
protected:
    UsbDialTest() {
        port = backends::WiredUsbPort::Create(
            backends::ModelUsbWire::Create(std::make_unique<UsbDialModel>()).value());
        port->SetListener(&listener);
        Open();
        Configure();
    }
};

TEST_F(UsbDialTest, EachTurn_IsAReport) {
    using backends::UsbTransferType;
    const int first = StartIn(0x81, 1, UsbTransferType::kInterrupt);
    EXPECT_FALSE(HasEnded(first));
    EXPECT_EQ(Tell(1, 3), backends::UsbStatus::kSuccess);
    EXPECT_EQ(Wait(first).num_bytes, 1U);
    EXPECT_EQ((*latest)[0], std::byte{3});
    EXPECT_EQ(Tell(1, 4), backends::UsbStatus::kSuccess);
    EXPECT_EQ(Wait(StartIn(0x81, 1, UsbTransferType::kInterrupt)).num_bytes, 1U);
    EXPECT_EQ((*latest)[0], std::byte{7});
    const int aborted = StartIn(0x81, 1, UsbTransferType::kInterrupt);
    session->Abort({0x81}, 0);
    EXPECT_EQ(Wait(aborted).status, backends::UsbStatus::kAborted);
}

}  // namespace
}  // namespace opendext::models
