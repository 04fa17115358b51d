// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/capture_writer.h"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "backends/recorded/capture_file.h"
#include "base/clock.h"
#include "base/log.h"

namespace opendext::backends {

namespace {

void AppendRange(std::span<const HostSpan> buffer, uint64_t offset, uint64_t num_bytes,
                 std::vector<std::byte> &out) {
    for (const HostSpan &piece : buffer) {
        const uint64_t skipped = std::min(offset, piece.num_bytes);
        const uint64_t length = std::min(num_bytes, piece.num_bytes - skipped);
        out.insert(out.end(), piece.address + skipped, piece.address + skipped + length);
        offset -= skipped;
        num_bytes -= length;
    }
}

}  // namespace

std::expected<std::unique_ptr<CaptureWriter>, std::string> CaptureWriter::Create(
    const std::string &path) {
    UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!file) {
        return std::unexpected(
            fmt::format("{}: cannot be written: {}", path, std::strerror(errno)));
    }
    std::unique_ptr<CaptureWriter> writer(new CaptureWriter(std::move(file), path));
    std::vector<std::byte> start;
    EncodeCaptureStart(kLinkTypeUsbLinuxMmapped, "OpenDext", start);
    writer->Put(start);
    if (!writer->file_) {
        return std::unexpected(fmt::format("{}: cannot be written", path));
    }
    return writer;
}

void CaptureWriter::Write(UsbCaptureEvent event, std::span<const HostSpan> buffer, uint64_t offset,
                          size_t num_bytes, std::string_view comment) {
    const std::lock_guard lock(mutex_);
    event.time_nanoseconds = NowNanoseconds(ClockDomain::kWall);
    packet_.clear();
    EncodeUsbmonHead(event, num_bytes, packet_);
    AppendRange(buffer, offset, num_bytes, packet_);
    block_.clear();
    EncodeCapturePacket(event.time_nanoseconds, packet_, comment, block_);
    Put(block_);
}

void CaptureWriter::Put(std::span<const std::byte> bytes) {
    while (!bytes.empty() && file_) {
        const ssize_t written = write(file_.get(), bytes.data(), bytes.size());
        if (written >= 0) {
            bytes = bytes.subspan(static_cast<size_t>(written));
        } else if (errno != EINTR) {
            LogError("{}: {}; the recording ends here", path_, std::strerror(errno));
            file_.Reset();
        }
    }
}

}  // namespace opendext::backends
