// SPDX-License-Identifier: Apache-2.0
// Each thing that the echo sample's client does, one test for each of its menu entries.
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include <dispatch/dispatch.h>

#include "samples/echo/driver/EchoProtocol.h"
#include "tests/rig/driver_test.h"

namespace opendext::rig {

namespace {

struct Event {
    IOReturn result = 0;
    std::vector<uint64_t> words;
};

/// The events of one subscription. Thread-safe.
class Events {
public:
    static void OnEvent(void *events, IOReturn result, void **words, uint32_t num_words) {
        auto *self = static_cast<Events *>(events);
        Event event{.result = result, .words = {}};
        for (uint32_t i = 0; i < num_words; ++i) {
            event.words.push_back(reinterpret_cast<uint64_t>(words[i]));
        }
        const std::lock_guard lock(self->mutex_);
        self->events_.push_back(std::move(event));
        self->arrived_.notify_all();
    }

    [[nodiscard]] size_t size() {
        const std::lock_guard lock(mutex_);
        return events_.size();
    }
    [[nodiscard]] Event at(size_t index) {
        const std::lock_guard lock(mutex_);
        return events_.at(index);
    }
    [[nodiscard]] bool WaitFor(size_t count) {
        std::unique_lock lock(mutex_);
        return arrived_.wait_for(lock, std::chrono::seconds(30),
                                 [&] { return events_.size() >= count; });
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<Event> events_;
};

class EchoTest : public DriverTest {
protected:
    void SetUp() override {
        DriverTest::SetUp();
        DriverTest::Start({.dexts = {BuiltDext("echo")}});
        if (rig_ != nullptr) {
            connection_ = Open(FindService("EchoService"));
        }
    }

    void TearDown() override {
        connection_.Close();
        DriverTest::TearDown();
    }

    kern_return_t Subscribe(mach_port_t port, Events &events, EchoPair &pair) {
        uint64_t reference[kIOAsyncCalloutCount] = {};
        reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(&Events::OnEvent);
        reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<uint64_t>(&events);
        const EchoPair input = pair;
        size_t num_bytes = sizeof(pair);
        return IOConnectCallAsyncStructMethod(connection_.get(), kEchoSubscribe, port, reference,
                                              kIOAsyncCalloutCount, &input, sizeof(input), &pair,
                                              &num_bytes);
    }

    [[nodiscard]] kern_return_t Request(const EchoPair &pair) {
        return IOConnectCallStructMethod(connection_.get(), kEchoRequest, &pair, sizeof(pair),
                                         nullptr, nullptr);
    }

    Connection connection_;
};

TEST_P(EchoTest, Scalars_ComeBackPlusOne) {
    for (uint32_t count = 0; count <= 16; ++count) {
        std::array<uint64_t, 16> input = {};
        std::array<uint64_t, 16> output = {};
        for (uint32_t i = 0; i < count; ++i) {
            input[i] = (uint64_t{1} << (4 * i)) - 1;
        }
        uint32_t num_outputs = count;
        ASSERT_EQ(IOConnectCallScalarMethod(connection_.get(), kEchoScalars, input.data(), count,
                                            output.data(), &num_outputs),
                  kIOReturnSuccess);
        EXPECT_EQ(num_outputs, count);
        for (uint32_t i = 0; i < count; ++i) {
            EXPECT_EQ(output[i], input[i] + 1);
        }
    }
}

TEST_P(EchoTest, Struct_ComesBackChanged) {
    const EchoPair input = {.left = 1, .right = 2};
    EchoPair output = {};
    size_t num_bytes = sizeof(output);
    ASSERT_EQ(IOConnectCallStructMethod(connection_.get(), kEchoStruct, &input, sizeof(input),
                                        &output, &num_bytes),
              kIOReturnSuccess);
    EXPECT_EQ(num_bytes, sizeof(output));
    EXPECT_EQ(output.left, 2U);
    EXPECT_EQ(output.right, 12U);
}

TEST_P(EchoTest, LargeStruct_ComesBackChanged) {
    EchoBlock input = {};
    EchoBlock output = {};
    input.left = 5;
    input.right = 6;
    for (size_t i = 0; i < std::size(input.rest); ++i) {
        input.rest[i] = i * i;
    }
    size_t num_bytes = sizeof(output);
    ASSERT_EQ(IOConnectCallStructMethod(connection_.get(), kEchoStruct, &input, sizeof(input),
                                        &output, &num_bytes),
              kIOReturnSuccess);
    EXPECT_EQ(num_bytes, sizeof(output));
    EXPECT_EQ(output.left, 6U);
    EXPECT_EQ(output.right, 16U);
    EXPECT_EQ(std::memcmp(input.rest, output.rest, sizeof(input.rest)), 0);
}

TEST_P(EchoTest, CheckedScalars_AreSixteen) {
    std::array<uint64_t, 16> input = {};
    std::array<uint64_t, 16> output = {};
    uint32_t num_outputs = 16;
    EXPECT_EQ(IOConnectCallScalarMethod(connection_.get(), kEchoCheckedScalars, input.data(), 16,
                                        output.data(), &num_outputs),
              kIOReturnSuccess);
    EXPECT_EQ(output[15], 1U);
    // semantics.md 2.6: the table's checks.
    EXPECT_EQ(IOConnectCallScalarMethod(connection_.get(), kEchoCheckedScalars, input.data(), 15,
                                        output.data(), &num_outputs),
              kIOReturnBadArgument);
}

TEST_P(EchoTest, CheckedStruct_IsOnePair) {
    const EchoPair input = {.left = 7, .right = 8};
    EchoPair output = {};
    size_t num_bytes = sizeof(output);
    EXPECT_EQ(IOConnectCallStructMethod(connection_.get(), kEchoCheckedStruct, &input,
                                        sizeof(input), &output, &num_bytes),
              kIOReturnSuccess);
    EXPECT_EQ(output.right, 18U);
    num_bytes = sizeof(output);
    EXPECT_EQ(IOConnectCallStructMethod(connection_.get(), kEchoCheckedStruct, &input,
                                        sizeof(input) - 1, &output, &num_bytes),
              kIOReturnBadArgument);
}

TEST_P(EchoTest, Subscription_AnswersAtOnceAndOnTheRunLoop) {
    const LoopPort port;
    Events events;
    EchoPair pair = {.left = 20, .right = 30};
    ASSERT_EQ(Subscribe(port.mach_port(), events, pair), kIOReturnSuccess);
    EXPECT_EQ(pair.left, 21U);
    ASSERT_TRUE(LoopPort::RunUntil([&] { return events.size() == 1; }));
    EXPECT_EQ(events.at(0).result, kIOReturnSuccess);
    EXPECT_EQ(events.at(0).words, (std::vector<uint64_t>{2, 21, 40}));
    connection_.Close();
}

TEST_P(EchoTest, Request_IsAnsweredOnTheSubscription) {
    const LoopPort port;
    Events events;
    EchoPair pair = {};
    ASSERT_EQ(Subscribe(port.mach_port(), events, pair), kIOReturnSuccess);
    ASSERT_TRUE(LoopPort::RunUntil([&] { return events.size() == 1; }));
    for (uint64_t i = 0; i < 3; ++i) {
        ASSERT_EQ(Request({.left = i, .right = 0}), kIOReturnSuccess);
        ASSERT_TRUE(LoopPort::RunUntil([&] { return events.size() == 2 + i; }));
        EXPECT_EQ(events.at(1 + i).words, (std::vector<uint64_t>{2, i + 1, 10}));
    }
    connection_.Close();
}

TEST_P(EchoTest, RequestWithoutSubscription_IsNotReady) {
    EXPECT_EQ(Request({.left = 1, .right = 1}), kIOReturnNotReady);
}

TEST_P(EchoTest, Request_IsAnsweredOnADispatchQueue) {
    IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
    dispatch_queue_t queue = dispatch_queue_create("echo events", nullptr);
    IONotificationPortSetDispatchQueue(port, queue);
    Events events;
    EchoPair pair = {};
    ASSERT_EQ(Subscribe(IONotificationPortGetMachPort(port), events, pair), kIOReturnSuccess);
    ASSERT_TRUE(events.WaitFor(1));
    ASSERT_EQ(Request({.left = 9, .right = 9}), kIOReturnSuccess);
    ASSERT_TRUE(events.WaitFor(2));
    EXPECT_EQ(events.at(1).words, (std::vector<uint64_t>{2, 10, 19}));
    connection_.Close();
    dispatch_sync(queue, ^{ IONotificationPortDestroy(port); });
    dispatch_release(queue);
}

TEST_P(EchoTest, ClientsOfOneService_AreApart) {
    const Connection second = Open(FindService("EchoService"));
    EXPECT_EQ(Request({.left = 1, .right = 1}), kIOReturnNotReady);
    const LoopPort port;
    Events events;
    EchoPair pair = {};
    ASSERT_EQ(Subscribe(port.mach_port(), events, pair), kIOReturnSuccess);
    const EchoPair other = {.left = 1, .right = 1};
    EXPECT_EQ(IOConnectCallStructMethod(second.get(), kEchoRequest, &other, sizeof(other), nullptr,
                                        nullptr),
              kIOReturnNotReady);
    connection_.Close();
}

OPENDEXT_BOTH_VARIANTS(EchoTest);

}  // namespace

}  // namespace opendext::rig
