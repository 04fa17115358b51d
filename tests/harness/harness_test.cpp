// SPDX-License-Identifier: Apache-2.0
// What <opendext/testing.h> promises, with drivers of our own; the metronome's tests (samples/metronome) show the rest.
#include <filesystem>
#include <string>

#include <IOKit/IOMessage.h>
#include <opendext/testing.h>

#include "tests/harness/tickets/driver/TicketProtocol.h"

namespace {

using opendext::test::Client;
using opendext::test::Device;

const std::filesystem::path kDexts = std::filesystem::path(OPENDEXT_BUILD_DIR) / "tests";

class HarnessTest : public opendext::test::DriverTest {
protected:
    Client OpenTickets() {
        LoadDriver(kDexts / "harness/tickets.dext");
        return Open("TicketService");
    }
};

TEST_F(HarnessTest, NoMemory_OneCreateFails) {
    const Client client = OpenTickets();
    faults().NoMemoryAt(2, "IOBufferMemoryDescriptor::Create");
    EXPECT_EQ(client.Call(kTicketBuffer).status, kIOReturnSuccess);
    EXPECT_TRUE(faults().HasPending());
    EXPECT_EQ(client.Call(kTicketBuffer).status, kIOReturnNoMemory);
    EXPECT_FALSE(faults().HasPending());
    EXPECT_EQ(client.Call(kTicketBuffer).status, kIOReturnSuccess);
}

TEST_F(HarnessTest, Timeout_IsTheCallsResult) {
    const Client client = OpenTickets();
    faults().TimeoutAt(1, "IOBufferMemoryDescriptor");
    EXPECT_EQ(client.Call(kTicketBuffer).status, kIOReturnTimeout);
}

TEST_F(HarnessTest, NoMemory_AllocationGivesNull) {
    const Client client = OpenTickets();
    faults().NoMemoryAt(1, "IOLib");
    EXPECT_EQ(client.CallScalar(kTicketMemory), 0U);
    EXPECT_EQ(client.CallScalar(kTicketMemory), 1U);
}

TEST_F(HarnessTest, Calls_AreTheDriversOwn) {
    const Client client = OpenTickets();
    faults().Clear();
    EXPECT_TRUE(client.Call(kTicketBuffer).ok());
    EXPECT_EQ(faults().Calls(), std::vector<std::string>{"IOBufferMemoryDescriptor::Create"});
}

TEST_F(HarnessTest, FaultWithAction_RunsItAndMakesTheCall) {
    const Client client = OpenTickets();
    bool has_run = false;
    faults().Add({.at = 1,
                  .call = "IOBufferMemoryDescriptor::Create",
                  .result = kIOReturnSuccess,
                  .action = [&has_run] { has_run = true; }});
    EXPECT_TRUE(client.Call(kTicketBuffer).ok());
    EXPECT_TRUE(has_run);
}

TEST_F(HarnessTest, UsbModel_ComesAndGoes) {
    LoadDriver(kDexts / "dexts/usb_interface.dext");
    const Device device = Attach("model:usb-loopback,class=composite");
    EXPECT_TRUE(WaitForService("UsbProbeInterface"));
    device.Unplug();
    EXPECT_TRUE(system().WaitUntilGone("UsbProbeInterface"));
}

TEST_F(HarnessTest, UnknownDevice_IsAnErrorThatListsWhatThereIs) {
    const auto device = system().Attach(std::string("model:no-such"));
    ASSERT_FALSE(device.has_value());
    EXPECT_NE(device.error().find("model:fpga-dma"), std::string::npos);
}

TEST_F(HarnessTest, MissingDext_IsAnError) {
    EXPECT_FALSE(system().Load("/no/such.dext").has_value());
}

TEST_F(HarnessTest, ClosedClient_CallsFail) {
    Client client = OpenTickets();
    client.Close();
    EXPECT_EQ(client.Call(kTicketBuffer).status, kIOReturnNotAttached);
    EXPECT_EQ(client.CallAsync(kTicketBuffer)->result().status, kIOReturnNotAttached);
}

TEST_F(HarnessTest, Service_MessageWhenItEnds) {
    const Device card = Attach("model:fpga-dma");
    LoadDriver(kDexts / "samples/fpga.dext");
    const auto messages = WaitForService("FpgaDriver").Watch();
    card.Unplug();
    EXPECT_TRUE(messages->WaitFor(kIOMessageServiceIsTerminated));
}

TEST_F(HarnessTest, Properties_AreRead) {
    Attach("model:fpga-dma");
    LoadDriver(kDexts / "samples/fpga.dext");
    const auto service = WaitForService("FpgaDriver");
    EXPECT_EQ(service.StringProperty("IOUserClass"), "FpgaDriver");
    EXPECT_FALSE(service.NumberProperty("NoSuchProperty").has_value());
}

}  // namespace
