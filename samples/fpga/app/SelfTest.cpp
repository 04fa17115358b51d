// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "../driver/FpgaProtocol.h"
#include "Demo.h"
#include "RoundTrip.h"

namespace {

constexpr size_t kSizes[] = {1,     2,     3,      5,       7,       8,      9,    15,    16,
                             17,    63,    64,     65,      255,     511,    1023, 4088,  4093,
                             4095,  4096,  4097,   4099,    8191,    8192,   8193, 12289, 65535,
                             65536, 65537, 131071, 1048575, 1048579, 5000011};
constexpr uint64_t kAddresses[] = {0, 1, 2, 3, 7, 8, 9, 4089, 4095, 4096, 4097, 65537};
constexpr size_t kHostOffsets[] = {0, 1, 13};

class SelfTest {
public:
    explicit SelfTest(FpgaCard &card) : card_(card) {}

    void sweep() {
        for (const size_t size : kSizes) {
            for (const size_t hostOffset : kHostOffsets) {
                RoundTrip trip(card_, size, hostOffset);
                for (const uint64_t address : kAddresses) {
                    roundTrip(trip, size, address);
                }
                // Up to the last byte of the RAM.
                roundTrip(trip, size, card_.ramBytes() - size);
            }
        }
    }

    // Each must be refused, and the call after it must work.
    void refusals() {
        std::vector<uint8_t> bytes(8192);
        const uint64_t end = card_.ramBytes();
        const struct {
            const char *what;
            uint64_t address;
            size_t size;
        } kRequests[] = {
            {"one byte behind the RAM", end, 1},
            {"a byte too many", end - 4096, 4097},
            {"a byte too many, few", end - 7, 8},
            {"an address that wraps", UINT64_MAX - 10, 64},
            {"an address that wraps, many", UINT64_MAX - 10, 8192},
        };
        for (const auto &request : kRequests) {
            expect(request.what, card_.read(request.address, request.size, bytes.data()),
                   kIOReturnNoSpace);
            expect(request.what, card_.write(request.address, request.size, bytes.data()),
                   kIOReturnNoSpace);
        }
        expect("a read of nothing", card_.read(0, 0, bytes.data()), kIOReturnBadArgument);
        expect("a write of nothing", card_.write(0, 0, bytes.data()), kIOReturnBadArgument);
        expect("a selector that is none",
               IOConnectCallMethod(card_.connection(), 99, nullptr, 0, nullptr, 0, nullptr, nullptr,
                                   nullptr, nullptr),
               kIOReturnBadArgument);
        expect("a write without an address",
               IOConnectCallStructMethod(card_.connection(), kFpgaWrite, bytes.data(), 16, nullptr,
                                         nullptr),
               kIOReturnBadArgument);
        const std::vector<uint8_t> tooMany(size_t{kFpgaMaxTransferBytes} + 1);
        const uint64_t address = 0;
        expect("more than 64 MiB in a call",
               IOConnectCallMethod(card_.connection(), kFpgaWrite, &address, 1, tooMany.data(),
                                   tooMany.size(), nullptr, nullptr, nullptr, nullptr),
               kIOReturnBadArgument);
        // Which error it is depends on the system.
        void *const nowhere = reinterpret_cast<void *>(uintptr_t{0x1000});
        ++numChecks_;
        if (card_.write(0, 8192, nowhere) == kIOReturnSuccess ||
            card_.read(0, 8192, nowhere) == kIOReturnSuccess) {
            ++numFailed_;
            fprintf(stderr, "fpga-app: memory that is not there is not refused\n");
        }
        RoundTrip trip(card_, 4097, 1);
        roundTrip(trip, 4097, 1);
    }

    int result() const {
        printf("%zu checks, %zu failed\n", numChecks_, numFailed_);
        return numFailed_ == 0 && numChecks_ != 0 ? 0 : 1;
    }

private:
    void roundTrip(RoundTrip &trip, size_t size, uint64_t address) {
        if (size > card_.ramBytes() || address > card_.ramBytes() - size) {
            return;
        }
        const std::string problem = trip.run(address, ++numChecks_);
        if (!problem.empty()) {
            ++numFailed_;
            fprintf(stderr, "fpga-app: %zu bytes at 0x%llx: %s\n", size,
                    static_cast<unsigned long long>(address), problem.c_str());
        }
    }

    void expect(const char *what, kern_return_t result, kern_return_t expected) {
        ++numChecks_;
        if (result != expected) {
            ++numFailed_;
            fprintf(stderr, "fpga-app: %s gives 0x%08x instead of 0x%08x\n", what,
                    static_cast<unsigned>(result), static_cast<unsigned>(expected));
        }
    }

    FpgaCard &card_;
    size_t numChecks_ = 0;
    size_t numFailed_ = 0;
};

}  // namespace

int runSelfTest(FpgaCard &card) {
    SelfTest test(card);
    test.sweep();
    test.refusals();
    return test.result();
}
