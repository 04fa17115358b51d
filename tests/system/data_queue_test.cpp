// SPDX-License-Identifier: Apache-2.0
// IODataQueueDispatchSource: semantics.md 4.5.
#include <cstring>

#include "tests/system/core_test.h"

namespace opendext::rig {

namespace {

constexpr uint64_t kQueueBytes = 64;
constexpr size_t kHeaderBytes = 128;

class DataQueueSystemTest : public CoreTest {
protected:
    void SetUp() override {
        CoreTest::SetUp();
        OpenClient(kDataQueueClient);
        ASSERT_EQ(Call(kQueueCreate, {kQueueBytes}), kIOReturnSuccess);
    }

    kern_return_t Dequeue(Scalars *entry) {
        entry->assign(2, 0);
        uint32_t count = 2;
        return IOConnectCallScalarMethod(connect(), kQueueDequeue, nullptr, 0, entry->data(),
                                         &count);
    }
};

TEST_P(DataQueueSystemTest, Create_WantsAMultipleOfFourBelow4GiB) {
    EXPECT_EQ(Call(kQueueCreate, {3}), kIOReturnBadArgument);
    EXPECT_EQ(Call(kQueueCreate, {0xFFFFFFFC}), kIOReturnBadArgument);
    EXPECT_EQ(Call(kQueueCreate, {uint64_t{1} << 32}), kIOReturnBadArgument);
    EXPECT_EQ(Call(kQueueCreate, {0}), kIOReturnSuccess);
    EXPECT_EQ(Call(kQueueEnqueue, {0, 0}), kIOReturnOverrun);
}

TEST_P(DataQueueSystemTest, Entries_ComeInTheirOrder) {
    EXPECT_EQ(Call(kQueueEnqueue, {5, 1}), kIOReturnSuccess);
    EXPECT_EQ(Call(kQueueEnqueue, {8, 2}), kIOReturnSuccess);
    EXPECT_EQ(Ask(kQueuePeek, 2), (Scalars{5, 1}));
    EXPECT_EQ(Ask(kQueueDequeue, 2), (Scalars{5, 1}));
    EXPECT_EQ(Ask(kQueueDequeue, 2), (Scalars{8, 2}));
    Scalars none;
    EXPECT_EQ(Dequeue(&none), kIOReturnUnderrun);
}

TEST_P(DataQueueSystemTest, DataAvailable_ComesOnceForAnEmptyQueue) {
    ASSERT_EQ(Call(kQueueHandle), kIOReturnSuccess);
    ASSERT_EQ(Call(kQueueEnqueue, {4, 1}), kIOReturnSuccess);
    ASSERT_EQ(Call(kQueueEnqueue, {4, 2}), kIOReturnSuccess);
    EXPECT_TRUE(WaitFor(kQueueCalls, {1, 0, 0}));
    EXPECT_EQ(Ask(kQueueDrainTogether, 1), Scalars{2});
    ASSERT_EQ(Call(kQueueEnqueue, {4, 3}), kIOReturnSuccess);
    EXPECT_TRUE(WaitFor(kQueueCalls, {2, 0, 0}));
}

TEST_P(DataQueueSystemTest, HandlerThatIsSetLate_IsToldOfWhatIsThere) {
    ASSERT_EQ(Call(kQueueEnqueue, {4, 1}), kIOReturnSuccess);
    ASSERT_EQ(Call(kQueueHandle), kIOReturnSuccess);
    EXPECT_TRUE(WaitFor(kQueueCalls, {1, 0, 0}));
}

TEST_P(DataQueueSystemTest, DataServiced_ComesOnItsQueueAfterAnOverrun) {
    ASSERT_EQ(Call(kQueueHandle), kIOReturnSuccess);
    ASSERT_EQ(Call(kQueueEnqueue, {60, 1}), kIOReturnSuccess);
    EXPECT_EQ(Call(kQueueCanEnqueue, {4, 1}), kIOReturnOverrun);
    EXPECT_EQ(Call(kQueueEnqueue, {4, 2}), kIOReturnOverrun);
    // The overrun has the consumer look again.
    EXPECT_TRUE(WaitFor(kQueueCalls, {2, 0, 0}));
    EXPECT_EQ(Ask(kQueueDequeue, 2), (Scalars{60, 1}));
    EXPECT_TRUE(WaitFor(kQueueCalls, {2, 1, 0}));
    EXPECT_EQ(Call(kQueueCanEnqueue, {4, 1}), kIOReturnSuccess);
}

TEST_P(DataQueueSystemTest, DequeueWithoutAnOverrun_SendsNoDataServiced) {
    ASSERT_EQ(Call(kQueueHandle), kIOReturnSuccess);
    ASSERT_EQ(Call(kQueueEnqueue, {4, 1}), kIOReturnSuccess);
    EXPECT_EQ(Ask(kQueueDequeue, 2), (Scalars{4, 1}));
    ASSERT_EQ(Call(kQueueCancel), kIOReturnSuccess);
    // The handler of Cancel comes last.
    EXPECT_TRUE(WaitFor(kQueueCalls, {1, 0, 1}));
}

TEST_P(DataQueueSystemTest, EntriesTogether_AreToldOfOnce) {
    ASSERT_EQ(Call(kQueueHandle), kIOReturnSuccess);
    ASSERT_EQ(Call(kQueueFillTogether, {4, 8}), kIOReturnSuccess);
    EXPECT_TRUE(WaitFor(kQueueCalls, {1, 0, 0}));
    EXPECT_EQ(Call(kQueueFillTogether, {4, 1}), kIOReturnOverrun);
    EXPECT_EQ(Ask(kQueueDrainTogether, 1), Scalars{8});
    EXPECT_TRUE(WaitFor(kQueueCalls, {2, 1, 0}));
}

TEST_P(DataQueueSystemTest, ConsumerThatDrains_MissesNothing) {
    ASSERT_EQ(Call(kQueueHandle), kIOReturnSuccess);
    ASSERT_EQ(Call(kQueueDrainWhenAvailable), kIOReturnSuccess);
    for (uint64_t i = 0; i < 500; ++i) {
        ASSERT_TRUE(
            WaitUntil([&] { return Call(kQueueEnqueue, {i % 20, i}) == kIOReturnSuccess; }));
    }
    Scalars none;
    EXPECT_TRUE(WaitUntil([&] { return Dequeue(&none) == kIOReturnUnderrun; }));
}

TEST_P(DataQueueSystemTest, Cancel_EndsTheHandlersAndKeepsTheEntries) {
    ASSERT_EQ(Call(kQueueHandle), kIOReturnSuccess);
    ASSERT_EQ(Call(kQueueCancel), kIOReturnSuccess);
    EXPECT_TRUE(WaitFor(kQueueCalls, {0, 0, 1}));
    EXPECT_EQ(Call(kQueueEnqueue, {4, 1}), kIOReturnSuccess);
    EXPECT_EQ(Ask(kQueueDequeue, 2), (Scalars{4, 1}));
    EXPECT_EQ(Call(kQueueHandle), kIOReturnNotReady);
    EXPECT_EQ(Ask(kQueueCalls, 3), (Scalars{0, 0, 1}));
}

TEST_P(DataQueueSystemTest, HandlerOfAnotherType_IsRefused) {
    EXPECT_EQ(Call(kQueueWrongHandler), kIOReturnBadArgument);
}

TEST_P(DataQueueSystemTest, ApplicationWithTheMemory_SeesTheEntriesAndBreaksOnlyItsQueue) {
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    ASSERT_EQ(IOConnectMapMemory64(connect(), kQueueMemory, mach_task_self(), &address, &size,
                                   kIOMapAnywhere),
              kIOReturnSuccess);
    ASSERT_GE(size, kHeaderBytes + kQueueBytes);
    ASSERT_EQ(Call(kQueueEnqueue, {4, 0x11}), kIOReturnSuccess);
    auto *words = reinterpret_cast<volatile uint32_t *>(address);
    EXPECT_EQ(words[1], 8U);
    EXPECT_EQ(words[kHeaderBytes / 4], 4U);
    EXPECT_EQ(words[kHeaderBytes / 4 + 1], 0x11111111U);
    words[0] = 0x7FFFFFFC;
    Scalars none;
    EXPECT_EQ(Dequeue(&none), kIOReturnError);
    EXPECT_EQ(Call(kQueueEnqueue, {4, 1}), kIOReturnError);
    words[0] = 0;
    words[kHeaderBytes / 4] = 0xFFFFFFFF;
    EXPECT_EQ(Dequeue(&none), kIOReturnError);
    EXPECT_EQ(IOConnectUnmapMemory64(connect(), kQueueMemory, mach_task_self(), address),
              kIOReturnSuccess);
}

OPENDEXT_BOTH_VARIANTS(DataQueueSystemTest);

}  // namespace

}  // namespace opendext::rig
