// SPDX-License-Identifier: Apache-2.0
#include "Demo.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "RoundTrip.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kSizes[] = {1, 7, 64, 4095, 4096, 4097, 65536, kMiB, 16 * kMiB, 64 * kMiB};
constexpr uint64_t kAddresses[] = {0x1000, 0x1001};
constexpr auto kMeasureFor = std::chrono::milliseconds(60);

enum class Direction { kToCard, kFromCard };

struct Row {
    size_t size;
    Direction direction;
    uint64_t address;
    double secondsPerCall;
    std::string problem;  // empty: every byte is right
};

std::string sizeText(size_t size) {
    const bool inMiB = size >= kMiB && size % kMiB == 0;
    return inMiB ? std::to_string(size / kMiB) + " MiB" : std::to_string(size) + " B";
}

const char *directionText(Direction direction) {
    return direction == Direction::kToCard ? "to card" : "from card";
}

/// Shows that bytes move: one line that is rewritten on a terminal, dots elsewhere.
class Progress {
public:
    explicit Progress(size_t numSteps)
        : isTerminal_(isatty(STDOUT_FILENO) != 0), numSteps_(numSteps) {}
    Progress(const Progress &) = delete;
    Progress &operator=(const Progress &) = delete;

    ~Progress() {
        printf("%s", isTerminal_ ? "\r\033[K" : "\n");
        fflush(stdout);
    }

    void beginStep(size_t size, uint64_t address) {
        ++step_;
        text_ = sizeText(size) + " at 0x";
        char number[20];
        snprintf(number, sizeof(number), "%llx", static_cast<unsigned long long>(address));
        text_ += number;
        if (!isTerminal_) {
            putchar('.');
            fflush(stdout);
        }
    }

    void bytesMoved(size_t size) {
        bytes_ += size;
        const auto now = Clock::now();
        if (now - shown_ < std::chrono::milliseconds(50)) {
            return;
        }
        shown_ = now;
        if (isTerminal_) {
            printf("\r\033[K[%zu/%zu] %s, %zu MiB moved", step_, numSteps_, text_.c_str(),
                   bytes_ / kMiB);
        } else {
            putchar('.');
        }
        fflush(stdout);
    }

private:
    bool isTerminal_;
    size_t numSteps_;
    size_t step_ = 0;
    size_t bytes_ = 0;
    std::string text_;
    Clock::time_point shown_;
};

// The time of one call, from as many as fit the time there is; at least one.
Row measure(FpgaCard &card, RoundTrip &trip, size_t size, uint64_t address, Direction direction,
            Progress &progress) {
    Row row{size, direction, address, 0, ""};
    const auto batch = std::max<size_t>(1, 4096 / size / 16);
    size_t calls = 0;
    Clock::duration spent{};
    while (spent < kMeasureFor) {
        const auto begin = Clock::now();
        for (size_t i = 0; i < batch; ++i) {
            const kern_return_t ret = direction == Direction::kToCard
                                          ? card.write(address, size, trip.source())
                                          : card.read(address, size, trip.destination());
            if (ret != kIOReturnSuccess) {
                row.problem = describeError(ret);
                return row;
            }
        }
        spent += Clock::now() - begin;
        calls += batch;
        progress.bytesMoved(batch * size);
    }
    row.secondsPerCall = std::chrono::duration<double>(spent).count() / static_cast<double>(calls);
    return row;
}

// What the timed writes wrote is read back and compared; so is what the timed reads read.
void check(FpgaCard &card, RoundTrip &trip, Row &row) {
    if (row.problem.empty() && row.direction == Direction::kToCard) {
        const kern_return_t ret = card.read(row.address, row.size, trip.destination());
        row.problem = ret == kIOReturnSuccess ? "" : describeError(ret);
    }
    if (row.problem.empty()) {
        row.problem = trip.compare(row.address);
    }
}

// First a round trip that looks beside the range too, then the timed calls, with another pattern.
void measureAt(FpgaCard &card, size_t size, uint64_t address, Progress &progress,
               std::vector<Row> &rows) {
    progress.beginStep(size, address);
    RoundTrip trip(card, size, address % 2);
    const std::string problem = trip.run(address, size ^ address);
    progress.bytesMoved(2 * size);
    fillPattern(trip.source(), size, ~(size ^ address));
    for (const Direction direction : {Direction::kToCard, Direction::kFromCard}) {
        if (!problem.empty()) {
            rows.push_back({size, direction, address, 0, problem});
            continue;
        }
        memset(trip.destination(), 0, size);
        rows.push_back(measure(card, trip, size, address, direction, progress));
        check(card, trip, rows.back());
    }
}

std::string timeText(double seconds) {
    char text[32];
    if (seconds < 1e-3) {
        snprintf(text, sizeof(text), "%.2f us", seconds * 1e6);
    } else {
        snprintf(text, sizeof(text), "%.2f ms", seconds * 1e3);
    }
    return text;
}

// @return rows in which something differs.
size_t printTable(const std::vector<Row> &rows) {
    size_t numWrong = 0;
    printf("%10s  %-9s  %-8s  %9s  %12s  %s\n", "size", "direction", "address", "GB/s", "time/call",
           "verified");
    for (const Row &row : rows) {
        const bool isRight = row.problem.empty();
        const double rate =
            row.secondsPerCall > 0 ? static_cast<double>(row.size) / row.secondsPerCall / 1e9 : 0;
        printf("%10s  %-9s  0x%-6llx  %9.3f  %12s  %s\n", sizeText(row.size).c_str(),
               directionText(row.direction), static_cast<unsigned long long>(row.address), rate,
               timeText(row.secondsPerCall).c_str(),
               isRight ? "yes" : ("NO: " + row.problem).c_str());
        numWrong += isRight ? 0 : 1;
    }
    return numWrong;
}

/// @return transfers left out, for want of RAM.
size_t measureAll(FpgaCard &card, std::vector<Row> &rows) {
    size_t numSkipped = 0;
    Progress progress(std::size(kSizes) * std::size(kAddresses));
    for (const size_t size : kSizes) {
        for (const uint64_t address : kAddresses) {
            if (address + size > card.ramBytes()) {
                ++numSkipped;
                continue;
            }
            measureAt(card, size, address, progress, rows);
        }
    }
    return numSkipped;
}

}  // namespace

int runDemo(FpgaCard &card) {
    printf("card with %llu MiB of RAM, version %u.%u\n",
           static_cast<unsigned long long>(card.ramBytes() / kMiB), card.version() >> 16,
           card.version() & 0xFFFF);
    std::vector<Row> rows;
    const size_t numSkipped = measureAll(card, rows);
    const size_t numWrong = printTable(rows);
    if (numSkipped != 0) {
        printf("left out for want of RAM: %zu transfers (--device model:fpga-dma,ram-mib=128)\n",
               numSkipped);
    }
    if (numWrong != 0) {
        fprintf(stderr, "fpga-app: %zu of %zu rows are wrong: the driver's log may say why\n",
                numWrong, rows.size());
        return 1;
    }
    printf("every byte verified\n");
    return 0;
}
