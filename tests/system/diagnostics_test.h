// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "runtime/diagnostics/diagnostic.h"
#include "tests/rig/driver_test.h"
#include "tests/system/misuse/MisuseProtocol.h"

namespace opendext::rig {

using diagnostics::DiagnosticId;

/// The lines of `log` that report anything of docs/diagnostics.md.
[[nodiscard]] inline std::vector<std::string> DiagnosticLines(const LogLines &log) {
    std::vector<std::string> found;
    const std::string text = log.Text();
    for (size_t start = 0; start < text.size();) {
        const size_t end = text.find('\n', start);
        std::string line = text.substr(start, end - start);
        if (line.contains("; see docs/diagnostics.md#")) {
            found.push_back(std::move(line));
        }
        start = end == std::string::npos ? text.size() : end + 1;
    }
    return found;
}

/// With the driver that does wrong what it is asked to.
class DiagnosticsTest : public DriverTest {
protected:
    void SetUp() override {
        DriverTest::SetUp();
        DriverTest::Start({.dexts = {BuiltDext("misuse")}, .devices = {"model:fpga-dma"}});
        if (rig_ != nullptr) {
            connection_ = Open(FindService("MisuseService"));
        }
    }
    void TearDown() override {
        connection_.Close();
        DriverTest::TearDown();
    }

    kern_return_t Ask(uint32_t selector) {
        return IOConnectCallMethod(connection_.get(), selector, nullptr, 0, nullptr, 0, nullptr,
                                   nullptr, nullptr, nullptr);
    }

    /// Ends everything: then the log has all there will be.
    void End() {
        connection_.Close();
        EXPECT_EQ(rig_->Stop(), "");
    }

    /// The line of `id` with `part` in it has come, has all of `parts`, and there is one of them.
    void ExpectTold(DiagnosticId id, std::string_view part,
                    std::initializer_list<std::string_view> parts) {
        const std::string link = "; see " + diagnostics::LinkOf(id);
        EXPECT_TRUE(log().WaitFor(link)) << log().Text();
        std::vector<std::string> lines = DiagnosticLines(log());
        std::erase_if(lines, [&](const std::string &line) {
            return !line.contains(link) || !line.contains(part);
        });
        ASSERT_EQ(lines.size(), 1U) << part << "\n" << log().Text();
        for (const std::string_view wanted : parts) {
            EXPECT_TRUE(lines[0].contains(wanted)) << wanted << " in\n" << lines[0];
        }
    }

    Connection connection_;
};

}  // namespace opendext::rig
