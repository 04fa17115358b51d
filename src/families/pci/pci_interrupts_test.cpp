// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOInterruptDispatchSource.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "families/pci/pci_rig.h"
#include "runtime/service/testing/test_drivers.h"

namespace opendext::pci {
namespace {

using backends::PciDeviceBuilder;
using memory::Retained;

constexpr std::chrono::seconds kHangGuard{30};

template <typename Condition>
bool WaitUntil(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + kHangGuard;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

// A device with a pin, MSI and MSI-X, and a driver with a queue that counts.
class InterruptTest : public testing::Test {
protected:
    void SetUp() override {
        driver.reset(OSTypeAlloc(TestDriver));
        ASSERT_TRUE(rig.is_ready && driver->init());
        script.interrupted = [this](uint64_t count, uint64_t time) {
            num_interrupts += count;
            last_time = time;
            ++num_deliveries;
            if (during_delivery) {
                during_delivery();
            }
        };
        IODispatchQueue *made = nullptr;
        ASSERT_EQ(driver->CopyDispatchQueue("Default", &made), kIOReturnSuccess);
        queue.reset(made);
        OSAction *made_action = nullptr;
        ASSERT_EQ(driver->CreateActionInterrupted(0, &made_action), kIOReturnSuccess);
        action.reset(made_action);
        ASSERT_EQ(rig.device->Open(rig.client.get()), kIOReturnSuccess);
        rig.EnableCommand(kIOPCICommandMemorySpace | kIOPCICommandBusLead);
    }

    // A handler may still be on its way out: what it counts into goes with the test.
    void TearDown() override {
        source = nullptr;
        if (queue != nullptr) {
            queue->DispatchSync(^{});
        }
    }

    kern_return_t Create(uint32_t index) {
        IOInterruptDispatchSource *made = nullptr;
        const kern_return_t status =
            IOInterruptDispatchSource::Create(rig.device.get(), index, queue.get(), &made);
        source.reset(made);
        return status;
    }

    void CreateEnabled(uint32_t index) {
        ASSERT_EQ(Create(index), kIOReturnSuccess);
        ASSERT_EQ(source->SetHandler(action.get()), kIOReturnSuccess);
        ASSERT_EQ(source->SetEnable(true), kIOReturnSuccess);
    }

    PciRig rig{[](PciDeviceBuilder &builder) {
        builder.RegisterBar(0, 4096)
            .InterruptPin(1)
            .Msi({.num_vectors = 4})
            .Msix({.num_vectors = 8, .bar_index = 0, .table_offset = 2048, .pending_offset = 3072});
    }};
    service::DriverScript script;
    const service::ScriptInForce in_force{script};
    std::atomic<uint64_t> num_interrupts = 0;
    std::atomic<uint64_t> num_deliveries = 0;
    std::atomic<uint64_t> last_time = 0;
    std::function<void()> during_delivery;
    Retained<TestDriver> driver;
    Retained<IODispatchQueue> queue;
    Retained<OSAction> action;
    Retained<IOInterruptDispatchSource> source;
};

// semantics.md 4.4, 6.7: the default list is the pin and one message.
TEST_F(InterruptTest, GetInterruptType_ListsPinThenMessage) {
    uint64_t type = 1;
    EXPECT_EQ(IOInterruptDispatchSource::GetInterruptType(rig.device.get(), 0, &type),
              kIOReturnSuccess);
    EXPECT_EQ(type, uint64_t{kIOInterruptDispatchSourceTypeLevel});
    EXPECT_EQ(IOInterruptDispatchSource::GetInterruptType(rig.device.get(), 1, &type),
              kIOReturnSuccess);
    EXPECT_EQ(type, uint64_t{kIOInterruptTypePCIMessaged});
    EXPECT_EQ(IOInterruptDispatchSource::GetInterruptType(rig.device.get(), 2, &type),
              kIOReturnNoInterrupt);
    EXPECT_EQ(type, 0U);
}

// semantics.md 6.7.
TEST_F(InterruptTest, ConfigureInterrupts_WrongArguments_AreBadArgument) {
    EXPECT_EQ(rig.device->ConfigureInterrupts(kIOInterruptTypePCIMessaged, 0, 1),
              kIOReturnBadArgument);
    EXPECT_EQ(rig.device->ConfigureInterrupts(kIOInterruptTypePCIMessaged, 2, 1),
              kIOReturnBadArgument);
    EXPECT_EQ(rig.device->ConfigureInterrupts(kIOInterruptTypePCIMessaged, 1, 1, 1),
              kIOReturnBadArgument);
    EXPECT_EQ(rig.device->ConfigureInterrupts(0x40000, 1, 1), kIOReturnBadArgument);
}

// semantics.md 6.7: once.
TEST_F(InterruptTest, ConfigureInterrupts_SecondCallFitsOrIsUnsupported) {
    EXPECT_EQ(rig.device->ConfigureInterrupts(kIOInterruptTypePCIMessagedX, 2, 4),
              kIOReturnSuccess);
    uint64_t type = 0;
    EXPECT_EQ(IOInterruptDispatchSource::GetInterruptType(rig.device.get(), 4, &type),
              kIOReturnSuccess);
    EXPECT_EQ(type, uint64_t{kIOInterruptTypePCIMessaged | kIOInterruptTypePCIMessagedX});
    EXPECT_EQ(rig.device->ConfigureInterrupts(kIOInterruptTypePCIMessagedX, 4, 4),
              kIOReturnSuccess);
    EXPECT_EQ(rig.device->ConfigureInterrupts(kIOInterruptTypePCIMessagedX, 5, 5),
              kIOReturnUnsupported);
    EXPECT_EQ(rig.device->ConfigureInterrupts(kIOInterruptTypePCIMessaged, 1, 1),
              kIOReturnUnsupported);
}

// semantics.md 6.7: looking at an interrupt makes the default set.
TEST_F(InterruptTest, ConfigureInterrupts_AfterALook_IsUnsupported) {
    uint64_t type = 0;
    (void)IOInterruptDispatchSource::GetInterruptType(rig.device.get(), 0, &type);
    EXPECT_EQ(rig.device->ConfigureInterrupts(kIOInterruptTypePCIMessaged, 2, 2),
              kIOReturnUnsupported);
    EXPECT_EQ(rig.device->ConfigureInterrupts(kIOInterruptTypePCIMessaged, 1, 1), kIOReturnSuccess);
}

// semantics.md 4.4.
TEST_F(InterruptTest, Create_OfMissingOrTakenIndex_Fails) {
    EXPECT_EQ(Create(9), kIOReturnNoInterrupt);
    ASSERT_EQ(Create(1), kIOReturnSuccess);
    IOInterruptDispatchSource *second = nullptr;
    EXPECT_EQ(IOInterruptDispatchSource::Create(rig.device.get(), 1, queue.get(), &second),
              kIOReturnNoResources);
    EXPECT_EQ(second, nullptr);
    EXPECT_EQ(IOInterruptDispatchSource::Create(rig.device.get(), 0, queue.get(), &second),
              kIOReturnNoResources);
}

// semantics.md 4.4: starts disabled, then count and time.
TEST_F(InterruptTest, MessageInterrupt_IsDeliveredOnceEnabled) {
    ASSERT_EQ(Create(1), kIOReturnSuccess);
    ASSERT_EQ(source->SetHandler(action.get()), kIOReturnSuccess);
    rig.model->port().RaiseInterrupt(0);
    EXPECT_EQ(num_interrupts, 0U);
    ASSERT_EQ(source->SetEnable(true), kIOReturnSuccess);
    EXPECT_EQ(source->SetEnable(true), kIOReturnSuccess);
    const uint64_t before = NowNanoseconds(ClockDomain::kUptime);
    rig.model->port().RaiseInterrupt(0);
    ASSERT_TRUE(WaitUntil([&] { return num_deliveries == 1; }));
    EXPECT_EQ(num_interrupts, 1U);
    EXPECT_GE(last_time, before);
}

// semantics.md 4.4: coalesced.
TEST_F(InterruptTest, InterruptsDuringTheHandler_AreDeliveredTogether) {
    std::atomic<bool> may_go_on = false;
    std::atomic<int> num_over = 0;
    during_delivery = [&] {
        (void)WaitUntil([&] { return may_go_on.load(); });
        ++num_over;
    };
    CreateEnabled(1);
    rig.model->port().RaiseInterrupt(0);
    ASSERT_TRUE(WaitUntil([&] { return num_deliveries == 1; }));
    for (int i = 0; i < 3; ++i) {
        rig.model->port().RaiseInterrupt(0);
    }
    uint64_t waiting = 0;
    EXPECT_EQ(source->GetLastInterrupt(&waiting, nullptr), kIOReturnSuccess);
    EXPECT_EQ(waiting, 3U);
    may_go_on = true;
    ASSERT_TRUE(WaitUntil([&] { return num_over == 2; }));
    EXPECT_EQ(num_interrupts, 4U);
}

// semantics.md 4.4: a level interrupt is masked until the handler has returned.
TEST_F(InterruptTest, AssertedPin_InterruptsOnceEachTimeTheHandlerReturns) {
    std::atomic<int> wanted = 3;
    during_delivery = [&] {
        if (--wanted == 0) {
            rig.model->port().SetInterruptLine(false);
        }
    };
    CreateEnabled(0);
    rig.model->port().SetInterruptLine(true);
    ASSERT_TRUE(WaitUntil([&] { return wanted == 0; }));
    EXPECT_EQ(num_deliveries, 3U);
}

// semantics.md 4.4.
TEST_F(InterruptTest, Cancelled_CannotBeEnabledAndGivesTheInterruptBack) {
    CreateEnabled(1);
    std::atomic<bool> cancelled = false;
    std::atomic<bool> *const flag = &cancelled;
    EXPECT_EQ(source->Cancel(^{ *flag = true; }), kIOReturnSuccess);
    ASSERT_TRUE(WaitUntil([&] { return cancelled.load(); }));
    EXPECT_EQ(source->SetEnable(true), kIOReturnUnsupported);
    rig.model->port().RaiseInterrupt(0);
    EXPECT_EQ(Create(1), kIOReturnSuccess);
    EXPECT_EQ(num_interrupts, 0U);
}

// semantics.md 4.2: what comes while it is off is delivered when it is on again.
TEST_F(InterruptTest, DisabledSource_HoldsInterruptsBack) {
    CreateEnabled(1);
    ASSERT_EQ(source->SetEnable(false), kIOReturnSuccess);
    rig.model->port().RaiseInterrupt(0);
    ASSERT_EQ(source->SetEnable(true), kIOReturnSuccess);
    EXPECT_TRUE(WaitUntil([&] { return num_interrupts == 1; }));
}

// semantics.md 4.4: it needs a handler and SetEnable(true), in either order.
TEST_F(InterruptTest, HandlerSetAfterTheInterrupt_GetsIt) {
    ASSERT_EQ(Create(1), kIOReturnSuccess);
    ASSERT_EQ(source->SetEnable(true), kIOReturnSuccess);
    rig.model->port().RaiseInterrupt(0);
    uint64_t waiting = 0;
    ASSERT_TRUE(WaitUntil([&] {
        return source->GetLastInterrupt(&waiting, nullptr) == kIOReturnSuccess && waiting == 1;
    }));
    queue->DispatchSync(^{});
    EXPECT_EQ(num_interrupts, 0U);
    ASSERT_EQ(source->SetHandler(action.get()), kIOReturnSuccess);
    EXPECT_TRUE(WaitUntil([&] { return num_interrupts == 1; }));
}

// semantics.md 6.7: every vector by itself.
TEST_F(InterruptTest, EveryVector_HasItsOwnSource) {
    ASSERT_EQ(rig.device->ConfigureInterrupts(kIOInterruptTypePCIMessagedX, 8, 8),
              kIOReturnSuccess);
    CreateEnabled(8);
    rig.model->port().RaiseInterrupt(3);
    rig.model->port().RaiseInterrupt(7);
    ASSERT_TRUE(WaitUntil([&] { return num_interrupts == 1; }));
}

TEST(InterruptProvider, WithoutInterrupts_HasNone) {
    Retained<IOService> plain(OSTypeAlloc(IOService));
    ASSERT_TRUE(plain->init());
    uint64_t type = 5;
    EXPECT_EQ(IOInterruptDispatchSource::GetInterruptType(plain.get(), 0, &type),
              kIOReturnNoInterrupt);
    EXPECT_EQ(type, 0U);
}

}  // namespace
}  // namespace opendext::pci
