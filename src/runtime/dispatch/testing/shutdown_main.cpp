// SPDX-License-Identifier: Apache-2.0
/// Ends the workers and the timer thread after the tests, so that leak checkers see a quiet process.
#include <gtest/gtest.h>

#include "runtime/dispatch/timer_service.h"
#include "runtime/dispatch/worker_pool.h"

namespace {

class QuietEnd final : public testing::Environment {
public:
    void TearDown() override {
        opendext::dispatch::TimerService::Instance().Shutdown();
        opendext::dispatch::WorkerPool::Instance().Shutdown();
    }
};

[[maybe_unused]] testing::Environment *const g_quiet_end =
    testing::AddGlobalTestEnvironment(new QuietEnd);

}  // namespace
