// SPDX-License-Identifier: Apache-2.0
// The worked example of docs/testing.md.
#include <chrono>
#include <memory>

#include <opendext/testing.h>

#include "MetronomeProtocol.h"
#include "metronome_card.h"

using namespace std::chrono_literals;
using opendext::test::Client;
using opendext::test::Device;

class MetronomeTest : public opendext::test::DriverTest {
protected:
    /// A card, the driver, and time that stands still.
    void SetUp() override {
        card_ = Attach(std::make_unique<MetronomeCard>());
        system().FreezeTime();
        LoadDriver();
    }

    [[nodiscard]] MetronomeCard &card() { return *card_.model<MetronomeCard>(); }

    static void StartBeating(const Client &client, std::chrono::nanoseconds period) {
        const MetronomeTempo tempo{static_cast<uint64_t>(period.count())};
        const auto started =
            client.Call(kMetronomeStart, {.structure = opendext::test::BytesOf(tempo)});
        EXPECT_EQ(started.status, kIOReturnSuccess);
    }

    Device card_;
};

TEST_F(MetronomeTest, TimePasses_TheCardIsStruckAtEachBeat) {
    const Client client = Open("MetronomeDriver");
    StartBeating(client, 500ms);
    system().AdvanceTime(1h);
    EXPECT_EQ(client.CallScalar(kMetronomeCount), 7200U);
    EXPECT_EQ(card().num_strikes(), 7200U);
}

TEST_F(MetronomeTest, Stopped_BeatsNoMore) {
    const Client client = Open("MetronomeDriver");
    StartBeating(client, 1s);
    system().AdvanceTime(3s);
    EXPECT_TRUE(client.Call(kMetronomeStop).ok());
    system().AdvanceTime(1h);
    EXPECT_EQ(card().num_strikes(), 3U);
}

TEST_F(MetronomeTest, TooFast_IsRefused) {
    const Client client = Open("MetronomeDriver");
    const MetronomeTempo tempo{kMetronomeShortestPeriod - 1};
    EXPECT_EQ(client.Call(kMetronomeStart, {.structure = opendext::test::BytesOf(tempo)}).status,
              kIOReturnBadArgument);
}

TEST_F(MetronomeTest, Follower_IsToldOfEachBeat) {
    const Client client = Open("MetronomeDriver");
    const auto beats = client.CallAsync(kMetronomeFollow);
    ASSERT_EQ(beats->result().status, kIOReturnSuccess);
    StartBeating(client, 1s);
    system().AdvanceTime(3s);
    ASSERT_TRUE(beats->Wait(3));
    EXPECT_EQ(beats->completions().back().words.front(), 3U);
}

TEST_F(MetronomeTest, MappedStatus_ShowsTheBeats) {
    const Client client = Open("MetronomeDriver");
    const auto memory = client.Map(0);
    ASSERT_TRUE(memory.has_value());
    StartBeating(client, 1s);
    system().AdvanceTime(5s);
    EXPECT_EQ(memory->As<const MetronomeStatus>()->num_beats, 5U);
}

TEST_F(MetronomeTest, CardPulledOut_TheDriverSaysSoAndEnds) {
    const Client client = Open("MetronomeDriver");
    StartBeating(client, 1s);
    // Between the timer's firing and the registers: the driver sets its timer for the second beat.
    faults().UnplugAt(1, card_, "IOTimerDispatchSource::WakeAtTime");
    system().AdvanceTime(3s);
    EXPECT_TRUE(system().WaitUntilGone("MetronomeDriver"));
    EXPECT_EQ(card().num_strikes(), 1U);
}

// Whatever is short of memory, Start fails as a whole, and a driver that is loaded later finds the card free.
class MetronomeStartTest : public opendext::test::DriverTest {};

TEST_F(MetronomeStartTest, NoMemoryAtAnyCall_StartFailsAndIsUndone) {
    for (uint64_t n = 1;; ++n) {
        auto system = opendext::test::System::Start();
        ASSERT_TRUE(system.has_value()) << system.error();
        ASSERT_TRUE((*system)->Attach(std::make_unique<MetronomeCard>()).has_value());
        (*system)->faults().NoMemoryAt(n);
        ASSERT_TRUE((*system)->Load(opendext::test::DriverUnderTest()).has_value());
        if ((*system)->faults().HasPending()) {
            EXPECT_TRUE((*system)->WaitForService("MetronomeDriver"));
            EXPECT_GE(n, 5U);  // Start has as many calls that can fail
            return;
        }
        EXPECT_FALSE((*system)->Find("MetronomeDriver"))
            << "although " << (*system)->faults().Calls()[n - 1] << " failed";
    }
}
