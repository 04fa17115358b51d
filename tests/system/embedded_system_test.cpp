// SPDX-License-Identifier: Apache-2.0
// The end of the system in one process: the process may exit, or load drivers again, as soon as it is over.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "embedded/embedded_system.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/dispatch/testing/event.h"

namespace opendext::rig {

namespace {

// What a worker still does may be the release of a driver's code.
TEST(EmbeddedSystemTest, End_WaitsForTheDriversThreads) {
    for (int round = 0; round < 20; ++round) {
        auto system = embedded::EmbeddedSystem::Start({});
        ASSERT_TRUE(system.has_value()) << system.error();
        dispatch::Event release;
        std::atomic<bool> has_ended = false;
        dispatch::RunOnWorker([&] {
            EXPECT_TRUE(release.Wait());
            std::this_thread::yield();
            has_ended = true;
        });
        const std::jthread releaser([&] { release.Set(); });
        system->reset();
        EXPECT_TRUE(has_ended);
    }
}

}  // namespace

}  // namespace opendext::rig
