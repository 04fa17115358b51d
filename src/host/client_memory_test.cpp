// SPDX-License-Identifier: Apache-2.0
// IOUserClient::CreateMemoryDescriptorFromClient between the driver and the connection. Every test: semantics.md
// 2.9, unless it names another section.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <future>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include <DriverKit/IOMemoryMap.h>

#include "host/testing/session_test.h"
#include "runtime/memory/memory_census.h"
#include "runtime/memory/retained.h"
#include "runtime/object/object_census.h"

namespace opendext::host {
namespace {

using memory::Retained;
using Arguments = IOUserClientMethodArguments;

constexpr uint64_t kBase = 0x10000;
constexpr uint64_t kNumBytes = 8192;

// An application with kNumBytes at kBase, all of them `fill`.
class FakeApplication final : public channel::ClientMemorySource {
public:
    explicit FakeApplication(int fill = 0) { std::memset(region_->Writable(), fill, kNumBytes); }

    std::expected<std::vector<channel::ClientMemoryPiece>, int32_t> ShareMemory(
        const channel::ClientMemoryRequest &request) override {
        ++num_asked;
        if (before_answer) {
            before_answer();
        }
        if (is_gone) {
            return std::unexpected(channel::kMachSendInvalidDest);
        }
        last = request;
        std::vector<channel::ClientMemoryPiece> pieces;
        for (const channel::ClientSegment &segment : request.segments) {
            const bool is_there =
                segment.address >= kBase && segment.address - kBase + segment.length <= kNumBytes;
            pieces.push_back({{is_there ? region_ : nullptr, is_there ? segment.address - kBase : 0,
                               segment.length},
                              lease});
        }
        return pieces;
    }

    [[nodiscard]] const std::byte *bytes() { return region_->ReadOnly(); }

    std::function<void()> before_answer;
    std::atomic<bool> is_gone = false;
    std::atomic<int> num_asked = 0;
    channel::ClientMemoryRequest last;  // without its segments
    std::shared_ptr<const void> lease = std::make_shared<int>(0);

private:
    const std::shared_ptr<SharedRegion> region_ = SharedRegion::Create(kNumBytes, "app").value();
};

kern_return_t Create(IOUserClient *client, uint64_t options, std::vector<IOAddressSegment> segments,
                     Retained<IOMemoryDescriptor> &memory) {
    auto *made = reinterpret_cast<IOMemoryDescriptor *>(1);  // to see what becomes of it
    const auto count = static_cast<uint32_t>(segments.size());
    segments.resize(32);
    const kern_return_t status =
        client->CreateMemoryDescriptorFromClient(options, count, segments.data(), &made);
    memory.reset(status == kIOReturnSuccess ? made : nullptr);
    if (status == kIOReturnNoMemory) {
        EXPECT_EQ(made, nullptr);
    }
    return status;
}

kern_return_t Map(IOMemoryDescriptor &memory, Retained<IOMemoryMap> &map) {
    IOMemoryMap *made = nullptr;
    const kern_return_t status = memory.CreateMapping(0, 0, 0, 0, 0, &made);
    map.reset(made);
    return status;
}

class ClientMemoryTest : public SessionTest {
protected:
    void SetUp() override {
        SessionTest::SetUp();
        session->Attach(&sink_, &application);
    }
    void TearDown() override { session->Detach(); }

    /// Runs `work` with the user client, in a call.
    int32_t InCall(std::function<kern_return_t(TestClient *)> work) {
        Answer([work = std::move(work)](TestClient *client, Arguments &) { return work(client); });
        return call.Run(*session);
    }

    FakeApplication application;

private:
    CollectingSink sink_;
};

TEST_F(ClientMemoryTest, DescriptorIsOfTheApplicationsBytes) {
    EXPECT_EQ(
        InCall([&](TestClient *client) {
            Retained<IOMemoryDescriptor> memory;
            Retained<IOMemoryMap> map;
            kern_return_t status =
                Create(client, kIOMemoryDirectionInOut | kIOMemoryDisableCopyOnWrite,
                       {{kBase + 1, 10}, {kBase + 4096, 4096}}, memory);
            if (status != kIOReturnSuccess || (status = Map(*memory, map)) != kIOReturnSuccess) {
                return status;
            }
            EXPECT_EQ(map->GetLength(), 4106U);
            std::memset(reinterpret_cast<void *>(map->GetAddress()), 7, 10);
            return kIOReturnSuccess;
        }),
        kIOReturnSuccess);
    EXPECT_EQ(application.bytes()[0], std::byte{0});
    EXPECT_EQ(application.bytes()[10], std::byte{7});
    EXPECT_TRUE(application.last.is_shared);
    EXPECT_TRUE(application.last.driver_writes);
    EXPECT_EQ(memory::TakeMemoryCensus(), memory::MemoryCensus{});
}

TEST_F(ClientMemoryTest, BadArguments_AreTheOriginals) {
    EXPECT_EQ(InCall([&](TestClient *client) {
                  Retained<IOMemoryDescriptor> memory;
                  EXPECT_EQ(Create(client, 0, std::vector<IOAddressSegment>(33), memory),
                            kIOReturnOverrun);
                  EXPECT_EQ(Create(client, 0, {{UINT64_MAX, 2}}, memory), kIOReturnNoMemory);
                  EXPECT_EQ(Create(client, 0xFF0, {}, memory), kIOReturnSuccess);
                  EXPECT_EQ(client->CreateMemoryDescriptorFromClient(0, 0, nullptr, nullptr),
                            kIOReturnBadArgument);
                  return kIOReturnSuccess;
              }),
              kIOReturnSuccess);
    EXPECT_EQ(application.num_asked, 0);
}

TEST_F(ClientMemoryTest, MemoryThatIsNotThere_CannotBeMapped) {
    EXPECT_EQ(InCall([&](TestClient *client) {
                  Retained<IOMemoryDescriptor> memory;
                  Retained<IOMemoryMap> map;
                  EXPECT_EQ(Create(client, kIOMemoryDirectionIn, {{kBase, 8}, {4096, 8}}, memory),
                            kIOReturnSuccess);
                  return Map(*memory, map);
              }),
              kIOReturnError);
}

TEST_F(ClientMemoryTest, BeforeTheConnectionIsOpenAndAfterStop_IsNotReady) {
    kern_return_t while_starting = 0;
    rig.script.client_start = [&](TestClient *client, IOService *) {
        Retained<IOMemoryDescriptor> memory;
        while_starting = Create(client, 0, {{kBase, 8}}, memory);
        return kIOReturnSuccess;
    };
    Retained<IOUserClient> kept;
    // Shared: the fixture's own client stops when this test is over.
    const auto while_stopping = std::make_shared<std::atomic<kern_return_t>>(kIOReturnBusy);
    rig.script.client_stop = [while_stopping](TestClient *client) {
        Retained<IOMemoryDescriptor> memory;
        *while_stopping = Create(client, 0, {{kBase, 8}}, memory);
    };
    const auto opened = rig.Open();
    ASSERT_TRUE(opened);
    EXPECT_EQ(while_starting, kIOReturnNotReady);
    auto second = std::get<std::shared_ptr<channel::UserClientPort>>(opened->endpoint);
    Answer([&](TestClient *client, Arguments &) {
        kept = memory::Retain<IOUserClient>(client);
        return kIOReturnSuccess;
    });
    ASSERT_EQ(call.Run(*second), kIOReturnSuccess);
    second->Close();
    ASSERT_TRUE(WaitUntil([&] { return *while_stopping != kIOReturnBusy; }));
    Retained<IOMemoryDescriptor> memory;
    EXPECT_TRUE(WaitUntil(
        [&] { return Create(kept.get(), 0, {{kBase, 8}}, memory) == kIOReturnNotReady; }));
    EXPECT_EQ(*while_stopping, kIOReturnSuccess);
}

TEST_F(ClientMemoryTest, KeptDescriptor_CanBeMappedAfterTheCall) {
    Retained<IOMemoryDescriptor> kept;
    ASSERT_EQ(InCall([&](TestClient *client) {
                  return Create(client, kIOMemoryDirectionOut, {{kBase, 8}}, kept);
              }),
              kIOReturnSuccess);
    Retained<IOMemoryMap> map;
    EXPECT_EQ(Map(*kept, map), kIOReturnSuccess);
    EXPECT_FALSE(application.last.driver_writes);
}

// semantics.md 2.10: what is mapped stays.
TEST_F(ClientMemoryTest, ClosedConnection_LeavesMappingsAndRefusesNewOnes) {
    Retained<IOMemoryDescriptor> mapped;
    Retained<IOMemoryDescriptor> unmapped;
    Retained<IOMemoryMap> map;
    ASSERT_EQ(InCall([&](TestClient *client) {
                  EXPECT_EQ(Create(client, 0, {{kBase, 8}}, mapped), kIOReturnSuccess);
                  EXPECT_EQ(Create(client, 0, {{kBase, 8}}, unmapped), kIOReturnSuccess);
                  return Map(*mapped, map);
              }),
              kIOReturnSuccess);
    session->Close();
    session->Detach();
    const int num_asked = application.num_asked;
    Retained<IOMemoryMap> late;
    EXPECT_EQ(Map(*unmapped, late), kIOReturnError);
    EXPECT_EQ(Map(*mapped, late), kIOReturnSuccess);
    EXPECT_EQ(application.num_asked, num_asked);
    EXPECT_EQ(*reinterpret_cast<const std::byte *>(map->GetAddress()), std::byte{0});
    const std::weak_ptr<const void> lease = application.lease;
    application.lease.reset();
    map.reset();
    late.reset();
    EXPECT_FALSE(lease.expired());
    mapped.reset();
    EXPECT_TRUE(lease.expired());
}

TEST_F(ClientMemoryTest, Close_DoesNotWaitForTheApplicationAndDetachDoes) {
    std::latch asked(1);
    std::promise<void> answer;
    application.before_answer = [&] {
        asked.count_down();
        answer.get_future().wait();
    };
    Retained<IOMemoryDescriptor> kept;
    ASSERT_EQ(InCall([&](TestClient *client) { return Create(client, 0, {{kBase, 8}}, kept); }),
              kIOReturnSuccess);
    std::jthread driver([&] {
        Retained<IOMemoryMap> map;
        EXPECT_EQ(Map(*kept, map), kIOReturnError);
    });
    asked.wait();
    session->Close();
    std::atomic<bool> is_answered = false;
    std::jthread transport([&] {
        session->Detach();
        EXPECT_TRUE(is_answered);
    });
    application.is_gone = true;
    is_answered = true;
    answer.set_value();
}

// An address means what it means to the application whose client was asked, whoever else uses the same.
TEST_F(ClientMemoryTest, EachClient_ReachesItsOwnApplicationOnly) {
    FakeApplication other_application(1);
    CollectingSink sink;
    auto opened = rig.Open();
    ASSERT_TRUE(opened);
    auto other = std::get<std::shared_ptr<channel::UserClientPort>>(opened->endpoint);
    other->Attach(&sink, &other_application);
    Answer([](TestClient *client, Arguments &arguments) {
        Retained<IOMemoryDescriptor> memory;
        Retained<IOMemoryMap> map;
        kern_return_t status = Create(client, kIOMemoryDirectionOut, {{kBase, 8}}, memory);
        if (status == kIOReturnSuccess && (status = Map(*memory, map)) == kIOReturnSuccess) {
            arguments.scalarOutput[0] = *reinterpret_cast<const uint8_t *>(map->GetAddress());
        }
        return status;
    });
    call.request.scalar_output_capacity = 1;
    ASSERT_EQ(call.Run(*session), kIOReturnSuccess);
    EXPECT_EQ(call.scalars[0], 0U);
    ASSERT_EQ(call.Run(*other), kIOReturnSuccess);
    EXPECT_EQ(call.scalars[0], 1U);
    EXPECT_EQ(application.num_asked, 1);
    EXPECT_EQ(other_application.num_asked, 1);
    other->Detach();
}

}  // namespace
}  // namespace opendext::host
