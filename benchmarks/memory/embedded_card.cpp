// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/embedded_card.h"

#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "backends/api/pci_identity.h"
#include "backends/emulated/emulated_pci_backend.h"
#include "benchmarks/connection.h"
#include "benchmarks/memory/card_driver/CardBenchProtocol.h"
#include "benchmarks/samples.h"
#include "embedded/embedded_system.h"
#include "iokit/session.h"
#include "models/catalog.h"

namespace opendext::bench {

namespace {

using Result = std::expected<void, std::string>;

constexpr const char *kCard = "model:fpga-dma";
constexpr size_t kReadSamples = 500;
constexpr uint64_t kReadsPerSample = 1000;
constexpr uint64_t kLoopbackBytes = 64ULL << 20;
constexpr size_t kLoopbacks = 15;

std::expected<std::shared_ptr<backends::PciBackend>, std::string> MakeCard(
    const std::string &name) {
    auto model = models::CreateModel(name);
    if (!model) {
        return std::unexpected(std::move(model.error()));
    }
    auto backend = backends::EmulatedPciBackend::Create(*std::move(model));
    if (!backend) {
        return std::unexpected(name + ": no valid PCI function");
    }
    return *std::move(backend);
}

std::string CallFailure(const char *what, kern_return_t status) {
    return fmt::format("{} in this process failed: {:#x}", what, static_cast<uint32_t>(status));
}

Result MeasureReads(const Connection &connection, MemoryResults &results) {
    std::vector<uint64_t> nanoseconds(kReadSamples);
    size_t num_bytes = kReadSamples * sizeof(uint64_t);
    const kern_return_t status =
        IOConnectCallMethod(connection.get(), kCardBenchRead, &kReadsPerSample, 1, nullptr, 0,
                            nullptr, nullptr, nanoseconds.data(), &num_bytes);
    if (status != kIOReturnSuccess || num_bytes != kReadSamples * sizeof(uint64_t)) {
        return std::unexpected(CallFailure("register reads", status));
    }
    Samples samples;
    samples.Append(nanoseconds);
    results.figures["mmio_read_embedded_ns"] =
        static_cast<double>(samples.Median()) / static_cast<double>(kReadsPerSample);
    return {};
}

Result MeasureLoopback(const Connection &connection, MemoryResults &results) {
    Samples dma;
    Samples copy;
    for (size_t i = 0; i < kLoopbacks; ++i) {
        uint64_t nanoseconds[2] = {};
        uint32_t num_words = 2;
        const kern_return_t status = IOConnectCallScalarMethod(
            connection.get(), kCardBenchLoopback, &kLoopbackBytes, 1, nanoseconds, &num_words);
        if (status != kIOReturnSuccess || num_words != 2) {
            return std::unexpected(CallFailure("a DMA loopback", status));
        }
        if (i != 0) {  // the first one touches the card's RAM
            dma.Add(nanoseconds[0]);
            copy.Add(nanoseconds[1]);
        }
    }
    constexpr auto kMoved = static_cast<double>(2 * kLoopbackBytes);
    results.figures["dma_loopback_GBps"] = kMoved / static_cast<double>(dma.Median());
    results.figures["memcpy_dma_GBps"] = kMoved / static_cast<double>(copy.Median());
    return {};
}

Result Measure(MemoryResults &results) {
    auto connection = Connection::Open("CardBenchService");
    if (!connection) {
        return std::unexpected(std::move(connection.error()));
    }
    if (Result done = MeasureReads(*connection, results); !done) {
        return done;
    }
    return MeasureLoopback(*connection, results);
}

}  // namespace

std::expected<void, std::string> MeasureEmbeddedCard(const std::filesystem::path &dext,
                                                     MemoryResults &results) {
    auto card = MakeCard(kCard);
    if (!card) {
        return std::unexpected(std::move(card.error()));
    }
    auto system = embedded::EmbeddedSystem::Start({.make_device = MakeCard});
    if (!system) {
        return std::unexpected(std::move(system.error()));
    }
    (*system)->AddProvider({.class_name = "IOPCIDevice",
                            .name = "device",
                            .location = "4,0",
                            .device = kCard,
                            .properties = backends::PciIdentityProperties(**card)});
    if (auto added = (*system)->AddBundle(dext); !added) {
        return std::unexpected(std::move(added.error()));
    }
    (*system)->WaitUntilQuiet();
    iokit::Session::Current().Install((*system)->directory());
    auto measured = Measure(results);
    iokit::Session::Current().Install(nullptr);
    return measured;
}

}  // namespace opendext::bench
