// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tests/rig/driver_test.h"
#include "tests/system/core/CoreProtocol.h"

namespace opendext::rig {

using Scalars = std::vector<uint64_t>;

/// With the driver of DriverKit's core classes started.
class CoreTest : public DriverTest {
protected:
    void SetUp() override;
    void TearDown() override;

    /// Opens the client that the test is about.
    void OpenClient(CoreClientType type);
    [[nodiscard]] io_connect_t connect() const { return connection_.get(); }

    kern_return_t Call(uint32_t selector, const Scalars &input = {});
    /// A call that must succeed, with `num_outputs` scalars as its result.
    Scalars Ask(uint32_t selector, size_t num_outputs, const Scalars &input = {});
    /// Asks until the result is `expected`; false: it is not within the hang guard.
    bool WaitFor(uint32_t selector, const Scalars &expected);

    Connection connection_;
};

}  // namespace opendext::rig
