// SPDX-License-Identifier: Apache-2.0
/// @file capture_file.h
/// Files of captured packets: reads pcapng (any byte order, several sections and interfaces) and classic pcap (both
/// byte orders, micro- and nanoseconds), writes pcapng. What the packets are is for others. Pure; any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace opendext::backends {

/// Where a file is wrong, and what is wrong there.
struct CaptureFault {
    size_t offset = 0;  ///< In bytes, from the beginning of the file.
    std::string what;

    /// "byte 123: a block of 7 bytes".
    [[nodiscard]] std::string ToString() const;
};

/// One packet, where it lies in the file.
struct CapturePacket {
    size_t number = 0;  ///< From 1, as Wireshark counts.
    size_t offset = 0;  ///< Of its block or record.
    uint16_t link_type = 0;
    std::endian order = std::endian::little;  ///< Of the machine that captured it.
    uint64_t time_nanoseconds = 0;            ///< Since 1970.
    uint64_t original_bytes = 0;  ///< More than there are: the packet was cut when it was captured.
    std::span<const std::byte> bytes;
    std::string_view comment;  ///< The first one; empty: none.
};

struct CaptureContents {
    std::vector<CapturePacket> packets;
    /// The file ends within a block, as it does when whoever wrote it was killed: `packets` are those before.
    std::optional<CaptureFault> cut;
};

/// Reads all of a file. The result refers to `file`.
[[nodiscard]] std::expected<CaptureContents, CaptureFault> ReadCaptureFile(
    std::span<const std::byte> file);

/// The beginning of a pcapng file of this machine's byte order: a section, and one interface whose times are
/// nanoseconds. `application` is named in it.
void EncodeCaptureStart(uint16_t link_type, std::string_view application,
                        std::vector<std::byte> &out);

/// One packet, in one block. An empty comment is left out.
void EncodeCapturePacket(uint64_t time_nanoseconds, std::span<const std::byte> bytes,
                         std::string_view comment, std::vector<std::byte> &out);

}  // namespace opendext::backends
