// SPDX-License-Identifier: Apache-2.0
// One body over both ways to a user client.
#include <sys/mman.h>
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "channel/transport/testing/connection_fixture.h"

namespace opendext::channel {
namespace {

INSTANTIATE_TEST_SUITE_P(Ways, ConnectionTest, kBothWays, NameOfWay);

TEST_P(ConnectionTest, Scalars_GoThereAndBack) {
    EXPECT_EQ(Sum({}), 0U);
    EXPECT_EQ(Sum({1, 2, 3}), 6U);
    EXPECT_EQ(Sum(std::vector<uint64_t>(16, 100)), 1600U);
    for (uint64_t i = 0; i < 1000; ++i) {
        ASSERT_EQ(Sum({i, 1}), i + 1);
    }
}

// semantics.md 2.3
TEST_P(ConnectionTest, TooManyScalars_FailAndTheNextCallWorks) {
    const std::array<uint64_t, 17> scalars = {};
    EXPECT_EQ(connection_->Call({.scalars = scalars.data(), .num_scalars = 17}), kMigArrayTooLarge);
    EXPECT_EQ(client_->num_calls.load(), 0U);
    EXPECT_EQ(Sum({5}), 5U);
}

// semantics.md 2.4
TEST_P(ConnectionTest, StructuresOfAllSizes_AreEchoedExactly) {
    for (const size_t size : {0U, 1U, 4095U, 4096U, 4097U, 65536U, 1U << 20, (1U << 20) + 1}) {
        const std::vector<std::byte> in = Pattern(size);
        std::vector<std::byte> out(size);
        ASSERT_EQ(CallStructure(Selector::kEcho, in, out), kSuccess) << size;
        ASSERT_TRUE(in == out) << size;
    }
}

// semantics.md 2.5
TEST_P(ConnectionTest, ShorterInlineOutput_SetsTheCount) {
    std::vector<std::byte> out(100);
    ASSERT_EQ(CallStructure(Selector::kEcho, Pattern(10), out), kSuccess);
    EXPECT_EQ(out, Pattern(10));
}

// semantics.md 2.5
TEST_P(ConnectionTest, UntouchedInlineOutput_KeepsTheFullCount) {
    std::vector<std::byte> out(100);
    ASSERT_EQ(CallStructure(Selector::kLeaveOutput, {}, out), kSuccess);
    EXPECT_EQ(out.size(), 100U);
}

// semantics.md 2.5
TEST_P(ConnectionTest, PartlyWrittenLargeOutput_KeepsTheRestAndTheFullCount) {
    std::vector<std::byte> out = Pattern(5000);
    ASSERT_EQ(CallStructure(Selector::kWritePart, {}, out), kSuccess);
    std::vector<std::byte> expected = Pattern(5000);
    std::fill_n(expected.begin() + 1, 3, std::byte{0x5a});
    EXPECT_TRUE(out == expected);
}

// semantics.md 2.5
TEST_P(ConnectionTest, FailedCall_DeliversNoOutput) {
    uint64_t word = 1;
    uint32_t count = 1;
    EXPECT_EQ(
        connection_->Call(
            {.selector = Selector::kFail, .scalar_output = &word, .num_scalar_output = &count}),
        FakeUserClient::kFailure);
    EXPECT_EQ(word, 1U);
}

TEST_P(ConnectionTest, OutputsBeyondTheRoom_AreCut) {
    uint64_t words[2] = {};
    uint32_t count = 1;
    std::vector<std::byte> out(10);
    uint64_t num_out = out.size();
    EXPECT_EQ(connection_->Call({.selector = Selector::kTooMuch,
                                 .scalar_output = words,
                                 .num_scalar_output = &count,
                                 .structure_output = out.data(),
                                 .num_structure_output = &num_out}),
              kSuccess);
    EXPECT_EQ(count, 1U);
    EXPECT_EQ(num_out, 10U);
}

// semantics.md 2.4, 2.5
TEST_P(ConnectionTest, VariableOutputs_ArriveInFreshMemory) {
    for (const uint64_t size : {0U, 1U, 4096U, 4097U, 1U << 20}) {
        void *output = nullptr;
        uint64_t num_out = kVariableOutput;
        ASSERT_EQ(connection_->Call({.selector = Selector::kVariable,
                                     .scalars = &size,
                                     .num_scalars = 1,
                                     .num_structure_output = &num_out,
                                     .variable_output = &output}),
                  kSuccess);
        ASSERT_EQ(num_out, size);
        for (uint64_t i = 0; i < size; ++i) {
            ASSERT_EQ(static_cast<const uint8_t *>(output)[i], i % 251);
        }
        if (size != 0) {
            EXPECT_EQ(munmap(output, size), 0);
        }
    }
}

TEST_P(ConnectionTest, UnreadableLargeInput_ReachesTheDriverWithoutMemory) {
    void *const hole = mmap(nullptr, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::vector<std::byte> out(8);
    uint64_t num_out = out.size();
    EXPECT_EQ(connection_->Call({.selector = Selector::kEcho,
                                 .structure = hole,
                                 .num_structure_bytes = 8192,
                                 .structure_output = out.data(),
                                 .num_structure_output = &num_out}),
              kIoVmError);
    munmap(hole, 8192);
    EXPECT_EQ(Sum({5}), 5U);
}

TEST_P(ConnectionTest, ReadOnlyLargeOutput_IsAVmError) {
    void *const pages = mmap(nullptr, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t num_out = 8192;
    EXPECT_EQ(connection_->Call({.selector = Selector::kEcho,
                                 .structure_output = pages,
                                 .num_structure_output = &num_out}),
              kIoVmError);
    munmap(pages, 8192);
    EXPECT_EQ(Sum({5}), 5U);
}

TEST_P(ConnectionTest, KeptStructure_IsNotReused) {
    const std::vector<std::byte> first = Pattern(5000);
    std::vector<std::byte> nothing;
    ASSERT_EQ(CallStructure(Selector::kKeep, first, nothing), kSuccess);
    const std::vector<std::byte> second(5000, std::byte{1});
    ASSERT_EQ(CallStructure(Selector::kLeaveOutput, second, nothing), kSuccess);
    EXPECT_EQ(Sum({1}), 1U);
}

// semantics.md 2.7
TEST_P(ConnectionTest, Completions_ArriveInOrderWithTheirReferences) {
    AsyncTarget target{.port = 5, .references = {1, 2, 3}, .num_references = 3};
    const uint64_t count = 5;
    ASSERT_EQ(connection_->Call({.selector = Selector::kComplete,
                                 .scalars = &count,
                                 .num_scalars = 1,
                                 .async = &target}),
              kSuccess);
    const std::vector<AsyncCompletion> completions = sink_.Await(5);
    ASSERT_EQ(completions.size(), 5U);
    for (uint64_t i = 0; i < 5; ++i) {
        EXPECT_EQ(completions[i].target.port, 5U);
        EXPECT_EQ(completions[i].target.num_references, 3U);
        EXPECT_EQ(completions[i].target.references[2], 3U);
        EXPECT_EQ(completions[i].result, FakeUserClient::kFailure);
        EXPECT_EQ(completions[i].num_arguments, 2U);
        EXPECT_EQ(completions[i].arguments[0], i);
    }
}

// semantics.md 2.8
TEST_P(ConnectionTest, MappedMemory_IsTheDriversAndMapsOnce) {
    const auto mapping = connection_->MapMemory(0, nullptr);
    ASSERT_TRUE(mapping.has_value());
    EXPECT_EQ(mapping->length, 5000U);
    mapping->address[4999] = std::byte{77};
    EXPECT_EQ(client_->memory->ReadOnly()[5099], std::byte{77});
    const auto again = connection_->MapMemory(0, nullptr);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->address, mapping->address);
    EXPECT_EQ(connection_->UnmapMemory(0), kSuccess);
    EXPECT_EQ(connection_->UnmapMemory(0), kIoBadArgument);
}

// semantics.md 2.8. More than a message has room for.
TEST_P(ConnectionTest, MemoryInManyPieces_IsOneRange) {
    const auto add_pieces = [&](size_t count) {
        for (size_t i = 0; i < count; ++i) {
            auto region = *SharedRegion::Create(PageSize(), "test-piece");
            region->Writable()[1] = static_cast<std::byte>(i % 251);
            client_->many_pieces.push_back({.region = region, .offset = 0, .length = PageSize()});
        }
    };
    constexpr size_t kPieces = 2 * kMaxMessageSlices + 1;
    add_pieces(kPieces);
    const auto mapping = connection_->MapMemory(FakeUserClient::kManyPieces, nullptr);
    ASSERT_TRUE(mapping.has_value());
    ASSERT_EQ(mapping->length, kPieces * PageSize());
    for (size_t i = 0; i < kPieces; ++i) {
        ASSERT_EQ(mapping->address[i * PageSize() + 1], static_cast<std::byte>(i % 251)) << i;
    }
    mapping->address[(kPieces - 1) * PageSize()] = std::byte{7};
    EXPECT_EQ(client_->many_pieces.back().region->ReadOnly()[0], std::byte{7});
    add_pieces(kMaxGrantSlices + 1 - kPieces);
    EXPECT_EQ(connection_->MapMemory(FakeUserClient::kManyPieces, nullptr).error(), kIoBadArgument);
}

// semantics.md 2.8
TEST_P(ConnectionTest, MemoryErrors_AreThePortsOwn) {
    EXPECT_EQ(connection_->MapMemory(2, nullptr).error(), kIoBadArgument);
    EXPECT_EQ(connection_->UnmapMemory(2), FakeUserClient::kFailure);
    EXPECT_TRUE(connection_->MapMemory(1, nullptr).has_value());
}

TEST_P(ConnectionTest, FixedAddress_IsUsedWhenItFits) {
    std::byte *const place = static_cast<std::byte *>(
        mmap(nullptr, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_EQ(connection_->MapMemory(0, place + 100).error(), kIoBadArgument);
    munmap(place, 65536);
    EXPECT_EQ(connection_->MapMemory(0, place + 1).error(), kIoBadArgument);
    const auto mapping = connection_->MapMemory(0, place + 100);
    ASSERT_TRUE(mapping.has_value());
    EXPECT_EQ(mapping->address, place + 100);
}

// semantics.md 2.10, 7.2
TEST_P(ConnectionTest, CallAfterClose_HasAnInvalidDestination) {
    EXPECT_EQ(Sum({1}), 1U);
    connection_->Close();
    connection_->Close();
    EXPECT_EQ(connection_->Call({}), kMachSendInvalidDest);
    EXPECT_EQ(connection_->MapMemory(0, nullptr).error(), kMachSendInvalidDest);
    EXPECT_EQ(connection_->UnmapMemory(0), kMachSendInvalidDest);
    EXPECT_TRUE(client_->AwaitClose());
}

TEST_P(ConnectionTest, DestroyedConnection_ClosesThePort) {
    connection_.reset();
    EXPECT_TRUE(client_->AwaitClose());
}

TEST_P(ConnectionTest, SixtyFourThreads_ShareTheSlots) {
    std::vector<std::thread> threads;
    std::atomic<int> num_wrong = 0;
    constexpr int kCalls = 50;
    for (uint64_t t = 0; t < 64; ++t) {
        threads.emplace_back([&, t] {
            for (uint64_t i = 0; i < kCalls; ++i) {
                const uint64_t scalars[] = {t, i};
                uint64_t sum = 0;
                uint32_t count = 1;
                const int32_t result = connection_->Call({.selector = Selector::kSum,
                                                          .scalars = scalars,
                                                          .num_scalars = 2,
                                                          .scalar_output = &sum,
                                                          .num_scalar_output = &count});
                num_wrong += result != kSuccess || sum != t + i;
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(num_wrong.load(), 0);
    EXPECT_EQ(client_->num_calls.load(), 64U * kCalls);
    // In one process the user client itself puts its calls in order.
    EXPECT_TRUE(GetParam() == Way::kDirect || !client_->had_overlap.load());
}

// semantics.md 2.10
TEST_P(ConnectionTest, CloseDuringACall_LetsItFinish) {
    int32_t result = -1;
    std::thread caller([&] { result = connection_->Call({.selector = Selector::kBlock}); });
    ASSERT_TRUE(client_->AwaitBlocked());
    connection_->Close();
    EXPECT_EQ(connection_->Call({}), kMachSendInvalidDest);
    client_->Unblock();
    caller.join();
    EXPECT_EQ(result, kSuccess);
    EXPECT_TRUE(client_->AwaitClose());
}

TEST_P(ConnectionTest, LongCall_WakesItsParkedCaller) {
    int32_t result = -1;
    std::thread caller([&] { result = connection_->Call({.selector = Selector::kBlock}); });
    ASSERT_TRUE(client_->AwaitBlocked());
    // Long enough for both sides to tire of spinning; either way must work.
    SpinUntil([] { return false; }, 5 * SpinBudget::kMost);
    client_->Unblock();
    caller.join();
    EXPECT_EQ(result, kSuccess);
    SpinUntil([] { return false; }, 5 * SpinBudget::kMost);
    EXPECT_EQ(Sum({1, 1}), 2U);
}

TEST_P(ConnectionTest, EventLink_WakesBothSides) {
    const std::shared_ptr<EventLink> link = *EventLink::Create();
    ASSERT_EQ(connection_->GiveLink(LinkKind::kEventLink, FakeUserClient::kLinkName, link),
              kSuccess);
    uint64_t num_signals = 0;
    EXPECT_TRUE(link->Signal());
    EXPECT_TRUE(link->Signal());
    EXPECT_EQ(client_->given_link()->Wait({}, num_signals), EventLink::Outcome::kSignalled);
    EXPECT_EQ(num_signals, 2U);
    EXPECT_TRUE(client_->given_link()->Signal());
    EXPECT_EQ(link->Wait({}, num_signals), EventLink::Outcome::kSignalled);
    EXPECT_EQ(num_signals, 1U);
}

TEST_P(ConnectionTest, LinkWithoutAnObjectInTheDriver_IsNotFoundAndStays) {
    const std::shared_ptr<EventLink> link = *EventLink::Create();
    EXPECT_EQ(connection_->GiveLink(LinkKind::kEventLink, "other", link), kIoNotFound);
    EXPECT_EQ(connection_->GiveLink(LinkKind::kEventLink, std::string(kMaxLinkName, 'a'), link),
              kIoBadArgument);
    EXPECT_EQ(connection_->GiveLink(LinkKind::kEventLink, "", link), kIoBadArgument);
    const std::shared_ptr<EventLink> second =
        *EventLink::Attach(link->region(), EventLink::Side::kSecond);
    EXPECT_EQ(connection_->GiveLink(LinkKind::kEventLink, FakeUserClient::kLinkName, second),
              kIoBadArgument);
    connection_->Close();
    EXPECT_FALSE(link->is_cancelled());
    EXPECT_EQ(connection_->GiveLink(LinkKind::kEventLink, FakeUserClient::kLinkName, link),
              kMachSendInvalidDest);
}

TEST_P(ConnectionTest, Close_EndsTheWaitsOfBothSides) {
    const std::shared_ptr<EventLink> link = *EventLink::Create();
    ASSERT_EQ(connection_->GiveLink(LinkKind::kEventLink, FakeUserClient::kLinkName, link),
              kSuccess);
    const std::shared_ptr<EventLink> given = client_->given_link();
    std::thread driver([&] {
        uint64_t num_signals = 0;
        EXPECT_EQ(given->Wait({}, num_signals), EventLink::Outcome::kCancelled);
    });
    std::thread application([&] {
        uint64_t num_signals = 0;
        EXPECT_EQ(link->Wait({}, num_signals), EventLink::Outcome::kCancelled);
    });
    connection_->Close();
    driver.join();
    application.join();
}

}  // namespace
}  // namespace opendext::channel
