// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "tests/rig/driver_test.h"
#include "tests/system/probe/ProbeProtocol.h"

namespace opendext::rig {

/// With the misbehaving driver started and one connection to it open.
class ProbeTest : public DriverTest {
protected:
    void SetUp() override;
    void TearDown() override;

    [[nodiscard]] io_connect_t connect() const { return connection_.get(); }

    /// One call without structures. `output` has room for what is asked, and what came on return.
    kern_return_t CallScalars(uint32_t selector, const std::vector<uint64_t> &input,
                              std::vector<uint64_t> *output);
    kern_return_t CallScalars(uint32_t selector, const std::vector<uint64_t> &input) {
        return CallScalars(selector, input, nullptr);
    }

    /// Nothing was lost by what went before: an ordinary call, and a large one each way, work.
    void ExpectStillWorks();

    /// Live objects, descriptors and mappings of the driver's process.
    [[nodiscard]] std::vector<uint64_t> Census();
    /// Waits until the driver's process holds no more than `before`, which may have counted
    /// objects that were on their way out: a client's goes after its Stop, when its queue is done.
    [[nodiscard]] ::testing::AssertionResult ComesBackTo(const std::vector<uint64_t> &before);

    Connection connection_;
};

/// A page that is mapped for neither reading nor writing.
class MissingPage {
public:
    MissingPage();
    ~MissingPage();
    MissingPage(const MissingPage &) = delete;
    MissingPage &operator=(const MissingPage &) = delete;

    /// The first of many bytes that are not there.
    [[nodiscard]] void *address() const { return address_; }
    /// Bytes in front of that, that are there.
    [[nodiscard]] void *before(size_t num_bytes) const {
        return static_cast<char *>(address_) - num_bytes;
    }

private:
    void *pages_;
    void *address_;
};

}  // namespace opendext::rig
