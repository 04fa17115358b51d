// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_send_queue.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <memory>

#include <gtest/gtest.h>

#include "base/unique_fd.h"

namespace opendext::backends {
namespace {

using Bytes = std::vector<std::byte>;

class UsbipSendQueueTest : public ::testing::Test {
protected:
    UsbipSendQueueTest() {
        std::array<int, 2> ends = {-1, -1};
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
        near_.Reset(ends[0]);
        far_.Reset(ends[1]);
    }

    static UsbipMessage Message(uint32_t seqnum, Bytes &data) {
        return {.seqnum = seqnum,
                .head = Bytes(48, std::byte{1}),
                .data = {{data.data(), data.size()}},
                .tail = Bytes(16, std::byte{3})};
    }

    /// What has come, without waiting.
    Bytes Received() const {
        Bytes all;
        Bytes some(65536);
        for (ssize_t length = 0;
             (length = recv(far_.get(), some.data(), some.size(), MSG_DONTWAIT)) > 0;) {
            all.insert(all.end(), some.begin(), some.begin() + length);
        }
        return all;
    }

    UniqueFd near_;
    UniqueFd far_;
    UsbipSendQueue queue_;
};

TEST_F(UsbipSendQueueTest, Messages_GoOutInOrderAndWhole) {
    Bytes first(100, std::byte{2});
    Bytes second(200, std::byte{4});
    queue_.Push(Message(1, first));
    queue_.Push(Message(2, second));
    ASSERT_TRUE(queue_.Flush(near_.get()));
    EXPECT_TRUE(queue_.IsEmpty());
    const Bytes received = Received();
    ASSERT_EQ(received.size(), 48U + 100 + 16 + 48 + 200 + 16);
    EXPECT_EQ(received[48], std::byte{2});
    EXPECT_EQ(received[148], std::byte{3});
    EXPECT_EQ(received[164], std::byte{1});
    EXPECT_EQ(received[164 + 48 + 199], std::byte{4});
}

TEST_F(UsbipSendQueueTest, MessageNotBegun_IsDropped) {
    Bytes data(100);
    queue_.Push(Message(1, data));
    EXPECT_TRUE(queue_.Holds(1));
    EXPECT_FALSE(queue_.Withdraw(1));
    EXPECT_FALSE(queue_.Holds(1));
    ASSERT_TRUE(queue_.Flush(near_.get()));
    EXPECT_TRUE(Received().empty());
}

TEST_F(UsbipSendQueueTest, MessageSent_IsKnownToThePeer) {
    Bytes data(100);
    queue_.Push(Message(1, data));
    ASSERT_TRUE(queue_.Flush(near_.get()));
    EXPECT_TRUE(queue_.Withdraw(1));
}

TEST_F(UsbipSendQueueTest, MessageSentInPart_IsCompletedFromACopy) {
    auto data = std::make_unique<Bytes>(8 * 1024 * 1024, std::byte{2});
    Bytes next(10, std::byte{5});
    queue_.Push(Message(1, *data));
    queue_.Push(Message(2, next));
    ASSERT_TRUE(queue_.Flush(near_.get()));
    ASSERT_TRUE(queue_.Holds(1)) << "the socket took everything; make the message larger";
    EXPECT_TRUE(queue_.Withdraw(1));
    data.reset();  // its transfer is over
    Bytes received;
    while (!queue_.IsEmpty()) {
        ASSERT_TRUE(queue_.Flush(near_.get()));
        const Bytes some = Received();
        received.insert(received.end(), some.begin(), some.end());
    }
    ASSERT_EQ(received.size(), 48U + 8 * 1024 * 1024 + 16 + 48 + 10 + 16);
    EXPECT_EQ(std::ranges::count(received, std::byte{2}), 8 * 1024 * 1024);
}

TEST_F(UsbipSendQueueTest, Messages_AreFoundByNumber) {
    Bytes data(100);
    constexpr uint32_t kLast = UINT32_MAX;
    for (const uint32_t seqnum : {kLast - 2, kLast, 1U, 2U, 5U}) {
        queue_.Push(Message(seqnum, data));
    }
    EXPECT_FALSE(queue_.Holds(kLast - 3));
    EXPECT_FALSE(queue_.Holds(kLast - 1));
    EXPECT_FALSE(queue_.Holds(3));
    EXPECT_FALSE(queue_.Holds(6));
    EXPECT_FALSE(queue_.Withdraw(1));
    EXPECT_FALSE(queue_.Withdraw(kLast - 2));
    for (const uint32_t seqnum : {kLast, 2U, 5U}) {
        EXPECT_TRUE(queue_.Holds(seqnum));
    }
    EXPECT_FALSE(queue_.Holds(1));
}

TEST_F(UsbipSendQueueTest, PeerGone_IsAnError) {
    far_.Reset();
    Bytes data(100);
    queue_.Push(Message(1, data));
    EXPECT_FALSE(queue_.Flush(near_.get()));
}

}  // namespace
}  // namespace opendext::backends
