// SPDX-License-Identifier: Apache-2.0
// Completions: semantics.md 2.7, 2.10.
#include <cstdint>
#include <vector>

#include "tests/system/probe_test.h"

namespace opendext::rig {

namespace {

struct Completion {
    IOReturn result = 0;
    std::vector<uint64_t> words;

    bool operator==(const Completion &) const = default;
};

using Completions = std::vector<Completion>;

uint64_t Word(void *argument) {
    return reinterpret_cast<uint64_t>(argument);
}

void OnNone(void *completions, IOReturn result) {
    static_cast<Completions *>(completions)->push_back({result, {}});
}
void OnOne(void *completions, IOReturn result, void *first) {
    static_cast<Completions *>(completions)->push_back({result, {Word(first)}});
}
void OnTwo(void *completions, IOReturn result, void *first, void *second) {
    static_cast<Completions *>(completions)->push_back({result, {Word(first), Word(second)}});
}
void OnMany(void *completions, IOReturn result, void **words, uint32_t num_words) {
    Completion completion{result, {}};
    for (uint32_t i = 0; i < num_words; ++i) {
        completion.words.push_back(Word(words[i]));
    }
    static_cast<Completions *>(completions)->push_back(completion);
}

class AsyncTest : public ProbeTest {
protected:
    template <typename Callback>
    kern_return_t Call(uint32_t selector, const LoopPort &port, Callback *callback,
                       Completions &completions, std::vector<uint64_t> input) {
        uint64_t reference[kIOAsyncCalloutCount] = {0, reinterpret_cast<uint64_t>(callback),
                                                    reinterpret_cast<uint64_t>(&completions)};
        return IOConnectCallAsyncScalarMethod(
            connect(), selector, port.mach_port(), reference, kIOAsyncCalloutCount, input.data(),
            static_cast<uint32_t>(input.size()), nullptr, nullptr);
    }
};

// The count of words chooses the callback's type.
TEST_P(AsyncTest, CompletionWithoutWords_HasTheResultAlone) {
    const LoopPort port;
    Completions completions;
    ASSERT_EQ(Call(kProbeEvents, port, OnNone, completions, {1}), kIOReturnSuccess);
    ASSERT_TRUE(LoopPort::RunUntil([&] { return completions.size() == 1; }));
    EXPECT_EQ(completions[0], (Completion{0, {}}));
    connection_.Close();
}

TEST_P(AsyncTest, CompletionOfOneWord_HasThatWord) {
    const LoopPort port;
    Completions completions;
    ASSERT_EQ(Call(kProbeKeepCompletion, port, OnOne, completions, {}), kIOReturnSuccess);
    ASSERT_EQ(CallScalars(kProbeComplete, {77}), kIOReturnSuccess);
    ASSERT_TRUE(LoopPort::RunUntil([&] { return completions.size() == 1; }));
    EXPECT_EQ(completions[0], (Completion{0, {77}}));
    connection_.Close();
}

TEST_P(AsyncTest, CompletionsOfManyWords_ArriveInOrder) {
    const LoopPort port;
    Completions completions;
    ASSERT_EQ(Call(kProbeEventsWide, port, OnMany, completions, {14}), kIOReturnSuccess);
    ASSERT_TRUE(LoopPort::RunUntil([&] { return completions.size() == 14; }));
    for (size_t i = 0; i < completions.size(); ++i) {
        EXPECT_EQ(completions[i].result, static_cast<IOReturn>(i));
        ASSERT_EQ(completions[i].words.size(), i + 3);
        EXPECT_EQ(completions[i].words.back(), i + 3);
    }
    connection_.Close();
}

TEST_P(AsyncTest, CompletionOfTwoWords_HasBoth) {
    const LoopPort port;
    Completions completions;
    ASSERT_EQ(Call(kProbeEventOfTwo, port, OnTwo, completions, {}), kIOReturnSuccess);
    ASSERT_TRUE(LoopPort::RunUntil([&] { return completions.size() == 1; }));
    EXPECT_EQ(completions[0], (Completion{0, {1, 2}}));
    connection_.Close();
}

// A kept completion may be completed many times.
TEST_P(AsyncTest, KeptCompletion_CompletesAgainAndAgain) {
    const LoopPort port;
    Completions completions;
    ASSERT_EQ(Call(kProbeKeepCompletion, port, OnOne, completions, {}), kIOReturnSuccess);
    for (uint64_t i = 0; i < 100; ++i) {
        ASSERT_EQ(CallScalars(kProbeComplete, {i}), kIOReturnSuccess);
    }
    ASSERT_TRUE(LoopPort::RunUntil([&] { return completions.size() == 100; }));
    for (uint64_t i = 0; i < 100; ++i) {
        EXPECT_EQ(completions[i].words, std::vector<uint64_t>{i});
    }
    connection_.Close();
}

// The driver's error comes, and no callback.
TEST_P(AsyncTest, FailedAsynchronousCall_HasNoCallback) {
    const LoopPort port;
    Completions failed;
    Completions completions;
    EXPECT_EQ(Call(kProbeFail, port, OnNone, failed, {static_cast<uint32_t>(kIOReturnBusy)}),
              kIOReturnBusy);
    ASSERT_EQ(Call(kProbeEvents, port, OnNone, completions, {1}), kIOReturnSuccess);
    ASSERT_TRUE(LoopPort::RunUntil([&] { return completions.size() == 1; }));
    EXPECT_TRUE(failed.empty());
    connection_.Close();
}

// semantics.md 2.10: what is pending at close is dropped, and the driver has its Stop.
TEST_P(AsyncTest, CloseWithAKeptCompletion_StopsTheDriver) {
    const LoopPort port;
    Completions completions;
    ASSERT_EQ(Call(kProbeKeepCompletion, port, OnOne, completions, {}), kIOReturnSuccess);
    connection_.Close();
    EXPECT_TRUE(log().WaitFor(kProbeStopLine));
    EXPECT_TRUE(completions.empty());
}

// A destroyed port calls nobody; the driver does not notice.
TEST_P(AsyncTest, DestroyedPort_HasNoCallback) {
    Completions completions;
    {
        const LoopPort port;
        ASSERT_EQ(Call(kProbeKeepCompletion, port, OnOne, completions, {}), kIOReturnSuccess);
    }
    EXPECT_EQ(CallScalars(kProbeComplete, {1}), kIOReturnSuccess);
    EXPECT_EQ(AddOne(connection_), kIOReturnSuccess);
    connection_.Close();
    EXPECT_TRUE(completions.empty());
}

OPENDEXT_BOTH_VARIANTS(AsyncTest);

}  // namespace

}  // namespace opendext::rig
