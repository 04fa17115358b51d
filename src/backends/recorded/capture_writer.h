// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/api/dma_address_space.h"
#include "backends/recorded/usb_capture_event.h"
#include "base/unique_fd.h"

namespace opendext::backends {

/// Writes USB events into a pcapng file, each by one write, so that whoever is killed leaves a readable file. Any thread.
/// When the file cannot be written any more, one line says so and the rest is dropped.
class CaptureWriter {
public:
    /// Makes or empties the file. @return why not, in one line.
    [[nodiscard]] static std::expected<std::unique_ptr<CaptureWriter>, std::string> Create(
        const std::string &path);

    CaptureWriter(const CaptureWriter &) = delete;
    CaptureWriter &operator=(const CaptureWriter &) = delete;

    /// Writes one event, now. `num_bytes` from `offset` on, of a buffer that has them, are its data, if it is of a kind
    /// that has data. @return when it was.
    void Write(UsbCaptureEvent event, std::span<const HostSpan> buffer, uint64_t offset,
               size_t num_bytes, std::string_view comment = {});

private:
    CaptureWriter(UniqueFd file, std::string path)
        : file_(std::move(file)), path_(std::move(path)) {}
    void Put(std::span<const std::byte> bytes);

    std::mutex mutex_;  // guards all but the path
    UniqueFd file_;     // empty: broken
    const std::string path_;
    std::vector<std::byte> packet_;
    std::vector<std::byte> block_;
};

}  // namespace opendext::backends
