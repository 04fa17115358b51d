// SPDX-License-Identifier: Apache-2.0
#include "iokit/session.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include <memory>
#include <thread>

#include <IOKit/IOKitLib.h>
#include <gtest/gtest.h>

#include "channel/wire/call.h"
#include "iokit/registry_object.h"

namespace opendext::iokit {
namespace {

class AnsweringConnection final : public channel::ClientConnection {
public:
    explicit AnsweringConnection(int32_t answer = kIOReturnSuccess) : answer_(answer) {}

    int32_t Call(const channel::ClientCall &) override { return answer_; }
    std::expected<channel::ClientMapping, int32_t> MapMemory(uint64_t, std::byte *) override {
        return std::unexpected(kIOReturnUnsupported);
    }
    int32_t UnmapMemory(uint64_t) override { return kIOReturnUnsupported; }
    int32_t GiveLink(LinkKind, std::string_view, const std::shared_ptr<EventLink> &) override {
        return kIOReturnUnsupported;
    }
    void Close() override {}

private:
    const int32_t answer_;
};

kern_return_t CallOn(io_connect_t connect) {
    return IOConnectCallScalarMethod(connect, 0, nullptr, 0, nullptr, nullptr);
}

io_connect_t Insert(const std::shared_ptr<ConnectionObject> &connection) {
    return Session::Current().objects().Insert(connection);
}

TEST(SessionTest, ThreadThatCalledOnAConnection_DoesNotKeepIt) {
    auto connection = std::make_shared<ConnectionObject>(std::make_shared<AnsweringConnection>());
    const std::weak_ptr<ConnectionObject> observed = connection;
    const io_connect_t connect = Insert(connection);
    connection.reset();
    ASSERT_EQ(CallOn(connect), kIOReturnSuccess);
    EXPECT_EQ(IOServiceClose(connect), kIOReturnSuccess);
    EXPECT_TRUE(observed.expired());
    EXPECT_EQ(CallOn(connect), channel::kMachSendInvalidDest);
}

TEST(SessionTest, NameThatIsGone_IsNotFoundThoughTheConnectionIsStillHeld) {
    const auto connection =
        std::make_shared<ConnectionObject>(std::make_shared<AnsweringConnection>());
    const io_connect_t connect = Insert(connection);
    ASSERT_EQ(CallOn(connect), kIOReturnSuccess);
    EXPECT_EQ(IOObjectRelease(connect), kIOReturnSuccess);
    EXPECT_EQ(CallOn(connect), channel::kMachSendInvalidDest);
}

TEST(SessionTest, CallsOnTwoConnectionsInTurn_ReachEachItsOwn) {
    const io_connect_t first =
        Insert(std::make_shared<ConnectionObject>(std::make_shared<AnsweringConnection>()));
    const io_connect_t second = Insert(
        std::make_shared<ConnectionObject>(std::make_shared<AnsweringConnection>(kIOReturnBusy)));
    for (int round = 0; round < 2; ++round) {
        EXPECT_EQ(CallOn(first), kIOReturnSuccess);
        EXPECT_EQ(CallOn(second), kIOReturnBusy);
    }
    EXPECT_EQ(IOServiceClose(first), kIOReturnSuccess);
    EXPECT_EQ(IOServiceClose(second), kIOReturnSuccess);
}

// Keys are destroyed after all thread_local data.
TEST(SessionTest, CallInAThreadsLastDestructor_IsAnswered) {
    static io_connect_t connect = IO_OBJECT_NULL;
    static kern_return_t result = kIOReturnError;
    connect = Insert(std::make_shared<ConnectionObject>(std::make_shared<AnsweringConnection>()));
    pthread_key_t key = 0;
    ASSERT_EQ(pthread_key_create(&key, [](void *) { result = CallOn(connect); }), 0);
    std::thread([key] {
        pthread_setspecific(key, &connect);
        EXPECT_EQ(CallOn(connect), kIOReturnSuccess);
    }).join();
    EXPECT_EQ(result, kIOReturnSuccess);
    EXPECT_EQ(IOServiceClose(connect), kIOReturnSuccess);
    pthread_key_delete(key);
}

// semantics.md 7.2: a dead name is as a dead driver.
TEST(SessionTest, ForkedChild_HasNoneOfItsParentsNames) {
    Session &session = Session::Current();
    const io_connect_t connect = session.objects().Insert(
        std::make_shared<ConnectionObject>(std::make_shared<AnsweringConnection>()));
    ASSERT_EQ(CallOn(connect), kIOReturnSuccess);
    const pid_t child = fork();
    if (child == 0) {
        const bool is_fresh = &Session::Current() != &session;
        _exit(is_fresh && CallOn(connect) == channel::kMachSendInvalidDest ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(&Session::Current(), &session);
    EXPECT_EQ(CallOn(connect), kIOReturnSuccess);
    EXPECT_EQ(IOServiceClose(connect), kIOReturnSuccess);
}

}  // namespace
}  // namespace opendext::iokit
