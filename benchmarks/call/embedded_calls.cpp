// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/call/embedded_calls.h"

#include "benchmarks/call/call_client.h"
#include "embedded/embedded_system.h"
#include "iokit/session.h"

namespace opendext::bench {

namespace {

std::expected<void, std::string> Measure(size_t count, Samples &samples) {
    auto client = CallClient::Open();
    if (!client) {
        return std::unexpected(client.error());
    }
    const auto call = [&] { return client->Call(); };
    if (!WarmUp(call) || !samples.TimeEach(count, call)) {
        return std::unexpected("a call to BenchService in this process failed");
    }
    return {};
}

}  // namespace

std::expected<void, std::string> MeasureEmbeddedCalls(const std::filesystem::path &dext,
                                                      size_t count, Samples &samples) {
    auto system = embedded::EmbeddedSystem::Start({});
    if (!system) {
        return std::unexpected(system.error());
    }
    if (auto added = (*system)->AddBundle(dext); !added) {
        return std::unexpected(added.error());
    }
    (*system)->WaitUntilQuiet();
    iokit::Session::Current().Install((*system)->directory());
    auto measured = Measure(count, samples);
    iokit::Session::Current().Install(nullptr);
    return measured;
}

}  // namespace opendext::bench
