// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/unix_socket.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <systemd/sd-event.h>

#include "base/unique_fd.h"
#include "channel/transport/bus_thread.h"

namespace opendext::channel {
namespace {

class UnixSocketTest : public testing::Test {
protected:
    void SetUp() override {
        std::string folder = testing::TempDir() + "socket-XXXXXX";
        ASSERT_NE(mkdtemp(folder.data()), nullptr);
        folder_ = folder;
        listener_ = *UnixListener::Listen(*bus_thread_, path(), [this](UniqueFd socket) {
            accepted_.push_back(std::move(socket));
            num_accepted_ = accepted_.size();
            num_accepted_.notify_all();
        });
    }
    void TearDown() override {
        listener_.reset();
        std::filesystem::remove_all(folder_);
    }

    [[nodiscard]] std::string path() const { return folder_ + "/socket"; }

    std::string folder_;
    std::vector<UniqueFd> accepted_;  // used on the bus thread only
    std::atomic<size_t> num_accepted_ = 0;
    std::unique_ptr<BusThread> bus_thread_ = *BusThread::Start("bus");
    std::unique_ptr<UnixListener> listener_;
};

TEST_F(UnixSocketTest, SecondListenerAtThePath_IsRefused) {
    const auto second = UnixListener::Listen(*bus_thread_, path(), [](UniqueFd) {});
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error(), "another process listens there");
}

TEST_F(UnixSocketTest, LongPath_IsRefused) {
    EXPECT_FALSE(ConnectUnixSocket("/" + std::string(200, 'a')).has_value());
}

TEST_F(UnixSocketTest, NoDescriptorLeft_WaitsForOneWithoutSpinning) {
    UniqueFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    rlimit before = {};
    getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none_left = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none_left);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    const bool is_connected =
        connect(client.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)) == 0;
    uint64_t iterations_before = 0;
    uint64_t iterations_after = 0;
    std::promise<void> waited;
    bus_thread_->RunAndWait(
        [&] { sd_event_get_iteration(bus_thread_->event(), &iterations_before); });
    bus_thread_->After(std::chrono::milliseconds(250), [&] {
        sd_event_get_iteration(bus_thread_->event(), &iterations_after);
        waited.set_value();
    });
    waited.get_future().wait();
    setrlimit(RLIMIT_NOFILE, &before);
    ASSERT_TRUE(is_connected);
    num_accepted_.wait(0);
    EXPECT_LT(iterations_after - iterations_before, 50U);
}

}  // namespace
}  // namespace opendext::channel
