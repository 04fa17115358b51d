// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOCommandPool.h>

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

#include "runtime/object/object_internals.h"

namespace {

using opendext::object::ObjectInternals;

class CommandPoolTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(IODispatchQueue::Create("commands", kIODispatchQueueReentrant, 0, &queue),
                  kIOReturnSuccess);
        pool = IOCommandPool::withQueue(queue);
        ASSERT_NE(pool, nullptr);
    }
    void TearDown() override {
        OSSafeReleaseNULL(pool);
        OSSafeReleaseNULL(queue);
    }
    static IOCommand *NewCommand() {
        IOCommand *command = OSTypeAlloc(IOCommand);
        EXPECT_TRUE(command->init());
        return command;
    }

    IODispatchQueue *queue = nullptr;
    IOCommandPool *pool = nullptr;
};

TEST_F(CommandPoolTest, CommandsThatWerePutIn_ComeOutLastFirst) {
    IOCommand *first = NewCommand();
    IOCommand *second = NewCommand();
    pool->returnCommand(first);
    pool->returnCommand(second);
    EXPECT_EQ(pool->getCommand(true), second);
    EXPECT_EQ(pool->getCommand(false), first);
    EXPECT_EQ(pool->getCommand(false), nullptr);
    first->release();
    second->release();
}

TEST_F(CommandPoolTest, PoolThatIsFreed_ReleasesWhatIsInIt) {
    IOCommand *command = NewCommand();
    command->retain();
    pool->returnCommand(command);
    EXPECT_EQ(ObjectInternals::References(command), 2U);
    OSSafeReleaseNULL(pool);
    EXPECT_EQ(ObjectInternals::References(command), 1U);
    command->release();
}

TEST_F(CommandPoolTest, WhoWaits_GetsTheCommandThatIsReturned) {
    std::promise<IOCommand *> taken;
    std::jthread waiter([&] { taken.set_value(pool->getCommand(true)); });
    IOCommand *command = NewCommand();
    pool->returnCommand(command);
    EXPECT_EQ(taken.get_future().get(), command);
    command->release();
}

TEST_F(CommandPoolTest, ManyThreads_ShareFewCommands) {
    for (int i = 0; i < 2; ++i) {
        pool->returnCommand(NewCommand());
    }
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([this] {
                for (int round = 0; round < 500; ++round) {
                    IOCommand *command = pool->getCommand(true);
                    ASSERT_NE(command, nullptr);
                    pool->returnCommand(command);
                }
            });
        }
    }
    for (int i = 0; i < 2; ++i) {
        pool->getCommand(false)->release();
    }
    EXPECT_EQ(pool->getCommand(false), nullptr);
}

TEST(CommandPool, QueueThatIsNotReentrant_CannotWait) {
    IODispatchQueue *queue = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("commands", 0, 0, &queue), kIOReturnSuccess);
    IOCommandPool *pool = IOCommandPool::withQueue(queue);
    EXPECT_EQ(pool->getCommand(true), nullptr);
    pool->release();
    queue->release();
    EXPECT_EQ(IOCommandPool::withQueue(nullptr), nullptr);
}

TEST(Command, Link_LeadsBackToIt) {
    IOCommand *command = OSTypeAlloc(IOCommand);
    ASSERT_TRUE(command->init());
    EXPECT_EQ(IOCommand::FromChain(command->CommandChain()), command);
    EXPECT_EQ(IOCommand::FromChain(nullptr), nullptr);
    command->release();
}

}  // namespace
