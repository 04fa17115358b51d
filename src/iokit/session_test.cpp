// SPDX-License-Identifier: Apache-2.0
#include "iokit/session.h"

#include <sys/wait.h>
#include <unistd.h>
#include <memory>

#include <IOKit/IOKitLib.h>
#include <gtest/gtest.h>

#include "channel/wire/call.h"
#include "iokit/registry_object.h"

namespace opendext::iokit {
namespace {

class AnsweringConnection final : public channel::ClientConnection {
public:
    int32_t Call(const channel::ClientCall &) override { return kIOReturnSuccess; }
    std::expected<channel::ClientMapping, int32_t> MapMemory(uint64_t, std::byte *) override {
        return std::unexpected(kIOReturnUnsupported);
    }
    int32_t UnmapMemory(uint64_t) override { return kIOReturnUnsupported; }
    int32_t GiveLink(LinkKind, std::string_view, const std::shared_ptr<EventLink> &) override {
        return kIOReturnUnsupported;
    }
    void Close() override {}
};

kern_return_t CallOn(io_connect_t connect) {
    return IOConnectCallScalarMethod(connect, 0, nullptr, 0, nullptr, nullptr);
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
