// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/capture_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/byte_cursor.h"

namespace opendext::backends {

namespace {

constexpr uint32_t kSectionBlock = 0x0A0D0D0A;
constexpr uint32_t kInterfaceBlock = 1;
constexpr uint32_t kObsoletePacketBlock = 2;
constexpr uint32_t kSimplePacketBlock = 3;
constexpr uint32_t kPacketBlock = 6;
constexpr uint32_t kByteOrderMark = 0x1A2B3C4D;

constexpr uint16_t kOptionEnd = 0;
constexpr uint16_t kOptionComment = 1;
constexpr uint16_t kOptionApplication = 4;
constexpr uint16_t kOptionTimeResolution = 9;

constexpr uint32_t kMicrosecondMagic = 0xA1B2C3D4;
constexpr uint32_t kNanosecondMagic = 0xA1B23C4D;

constexpr size_t kBlockFrameBytes = 12;  // type, length, and the length again at the end
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

std::unexpected<CaptureFault> Fault(size_t offset, std::string what) {
    return std::unexpected(CaptureFault{offset, std::move(what)});
}

/// What the packets of an interface have in common.
struct Interface {
    uint16_t link_type = 0;
    uint8_t time_resolution = 6;  // as the option has it
};

uint64_t Nanoseconds(uint64_t ticks, uint8_t resolution) {
    const unsigned exponent = resolution & 0x7F;
    if ((resolution & 0x80) != 0) {
        const uint64_t whole = exponent < 64 ? ticks >> exponent : 0;
        const unsigned fraction_bits = std::min(exponent, 64U);
        const uint64_t rest = fraction_bits == 64 ? ticks : ticks - (whole << fraction_bits);
        const auto part = static_cast<__uint128_t>(rest) * kNanosecondsPerSecond;
        return whole * kNanosecondsPerSecond + static_cast<uint64_t>(part >> exponent);
    }
    for (unsigned i = exponent; i < 9; ++i) {
        ticks *= 10;
    }
    for (unsigned i = 9; i < std::min(exponent, 30U); ++i) {
        ticks /= 10;
    }
    return ticks;
}

size_t Padding(size_t num_bytes) {
    return (4 - num_bytes % 4) % 4;
}

/// The value of an option; empty when it is not among them.
std::span<const std::byte> FindOption(std::span<const std::byte> options, std::endian order,
                                      uint16_t wanted) {
    ByteReader reader(options, order);
    while (reader.left() >= 4) {
        const auto code = reader.Take<uint16_t>();
        const auto length = reader.Take<uint16_t>();
        const auto value = reader.TakeBytes(length);
        if (code == kOptionEnd || !reader.ok()) {
            break;
        }
        if (code == wanted) {
            return value;
        }
        reader.Skip(Padding(length));
    }
    return {};
}

/// Reads the blocks of a pcapng file one after the other.
class PcapngReader {
public:
    explicit PcapngReader(std::span<const std::byte> file) : file_(file) {}

    std::expected<CaptureContents, CaptureFault> ReadAll() {
        while (offset_ < file_.size()) {
            if (file_.size() - offset_ < kBlockFrameBytes) {
                contents_.cut = CaptureFault{offset_, "the file ends within a block"};
                break;
            }
            if (auto done = ReadBlock(); !done) {
                return std::unexpected(std::move(done.error()));
            }
            if (contents_.cut) {
                break;
            }
        }
        return std::move(contents_);
    }

private:
    std::expected<void, CaptureFault> ReadBlock() {
        ByteReader head(file_.subspan(offset_), order_);
        auto type = head.Take<uint32_t>();
        if (type == kSectionBlock) {  // reads the same in both orders
            if (auto known = LearnOrder(); !known) {
                return known;
            }
            head = ByteReader(file_.subspan(offset_), order_);
            head.Skip(4);
        } else if (!has_section_) {
            return Fault(offset_, "packets before the beginning of a section");
        }
        const auto length = head.Take<uint32_t>();
        if (length < kBlockFrameBytes || length % 4 != 0) {
            return Fault(offset_, fmt::format("a block of {} bytes", length));
        }
        if (length > file_.size() - offset_) {
            contents_.cut = CaptureFault{
                offset_, fmt::format("a block of {} bytes, and the file ends after {} of them",
                                     length, file_.size() - offset_)};
            return {};
        }
        ByteReader tail(file_.subspan(offset_ + length - 4), order_);
        if (const auto again = tail.Take<uint32_t>(); again != length) {
            return Fault(offset_,
                         fmt::format("a block of {} bytes that at its end says {}", length, again));
        }
        const auto body = file_.subspan(offset_ + 8, length - kBlockFrameBytes);
        auto done = ReadBody(type, body);
        offset_ += length;
        return done;
    }

    std::expected<void, CaptureFault> LearnOrder() {
        for (const std::endian order : {std::endian::little, std::endian::big}) {
            ByteReader reader(file_.subspan(offset_ + 8), order);
            if (reader.Take<uint32_t>() == kByteOrderMark) {
                order_ = order;
                has_section_ = true;
                interfaces_.clear();
                return {};
            }
        }
        return Fault(offset_, "a section without a byte order");
    }

    std::expected<void, CaptureFault> ReadBody(uint32_t type, std::span<const std::byte> body) {
        switch (type) {
            case kInterfaceBlock:
                return ReadInterface(body);
            case kPacketBlock:
            case kObsoletePacketBlock:
                return ReadPacket(type, body);
            case kSimplePacketBlock:
                return ReadSimplePacket(body);
            default:
                return {};
        }
    }

    std::expected<void, CaptureFault> ReadInterface(std::span<const std::byte> body) {
        ByteReader reader(body, order_);
        Interface interface;
        interface.link_type = reader.Take<uint16_t>();
        reader.Skip(2 + 4);
        if (!reader.ok()) {
            return Fault(offset_, "an interface of no link type");
        }
        const auto resolution =
            FindOption(body.subspan(reader.offset()), order_, kOptionTimeResolution);
        if (!resolution.empty()) {
            interface.time_resolution = std::to_integer<uint8_t>(resolution.front());
        }
        interfaces_.push_back(interface);
        return {};
    }

    std::expected<void, CaptureFault> ReadPacket(uint32_t type, std::span<const std::byte> body) {
        ByteReader reader(body, order_);
        uint32_t interface = 0;
        if (type == kPacketBlock) {
            interface = reader.Take<uint32_t>();
        } else {
            interface = reader.Take<uint16_t>();
            reader.Skip(2);
        }
        const uint64_t time_high = reader.Take<uint32_t>();
        const uint64_t ticks = time_high << 32 | reader.Take<uint32_t>();
        const auto length = reader.Take<uint32_t>();
        const auto original = reader.Take<uint32_t>();
        if (!reader.ok() || length > reader.left()) {
            return Fault(offset_, fmt::format("a packet of {} bytes in a block of {}", length,
                                              body.size() + kBlockFrameBytes));
        }
        if (interface >= interfaces_.size()) {
            return Fault(offset_, fmt::format("a packet of interface {}; there are {}", interface,
                                              interfaces_.size()));
        }
        CapturePacket packet{
            .time_nanoseconds = Nanoseconds(ticks, interfaces_[interface].time_resolution),
            .original_bytes = original,
            .bytes = reader.TakeBytes(length)};
        reader.Skip(Padding(length));
        const auto comment = FindOption(body.last(reader.left()), order_, kOptionComment);
        packet.comment = {reinterpret_cast<const char *>(comment.data()), comment.size()};
        Add(packet, interfaces_[interface]);
        return {};
    }

    std::expected<void, CaptureFault> ReadSimplePacket(std::span<const std::byte> body) {
        ByteReader reader(body, order_);
        const auto original = reader.Take<uint32_t>();
        if (!reader.ok() || interfaces_.empty()) {
            return Fault(offset_, "a packet of no interface");
        }
        const size_t length = std::min<size_t>(original, reader.left());
        Add({.original_bytes = original, .bytes = reader.TakeBytes(length)}, interfaces_.front());
        return {};
    }

    void Add(CapturePacket packet, const Interface &interface) {
        packet.number = contents_.packets.size() + 1;
        packet.offset = offset_;
        packet.link_type = interface.link_type;
        packet.order = order_;
        contents_.packets.push_back(packet);
    }

    const std::span<const std::byte> file_;
    size_t offset_ = 0;
    bool has_section_ = false;
    std::endian order_ = std::endian::native;
    std::vector<Interface> interfaces_;
    CaptureContents contents_;
};

std::expected<CaptureContents, CaptureFault> ReadClassicPcap(std::span<const std::byte> file,
                                                             std::endian order, bool nanoseconds) {
    constexpr size_t kFileHeadBytes = 24;
    constexpr size_t kRecordHeadBytes = 16;
    if (file.size() < kFileHeadBytes) {
        return Fault(0, "the file ends within its head");
    }
    ByteReader reader(file, order);
    reader.Skip(20);
    const auto link_type = static_cast<uint16_t>(reader.Take<uint32_t>());
    CaptureContents contents;
    while (reader.left() != 0) {
        const size_t offset = reader.offset();
        if (reader.left() < kRecordHeadBytes) {
            contents.cut = CaptureFault{offset, "the file ends within the head of a packet"};
            break;
        }
        const uint64_t seconds = reader.Take<uint32_t>();
        const uint64_t fraction = reader.Take<uint32_t>();
        const auto length = reader.Take<uint32_t>();
        const auto original = reader.Take<uint32_t>();
        if (length > reader.left()) {
            contents.cut = CaptureFault{
                offset, fmt::format("a packet of {} bytes, and the file ends after {} of them",
                                    length, reader.left())};
            break;
        }
        contents.packets.push_back({.number = contents.packets.size() + 1,
                                    .offset = offset,
                                    .link_type = link_type,
                                    .order = order,
                                    .time_nanoseconds = seconds * kNanosecondsPerSecond +
                                                        fraction * (nanoseconds ? 1 : 1000),
                                    .original_bytes = original,
                                    .bytes = reader.TakeBytes(length)});
    }
    return contents;
}

void PutOption(ByteWriter &writer, uint16_t code, std::span<const std::byte> value) {
    writer.Put(code).Put(static_cast<uint16_t>(value.size())).PutBytes(value);
    writer.PutZeros(Padding(value.size()));
}

std::span<const std::byte> BytesOf(std::string_view text) {
    constexpr size_t kMost = UINT16_MAX - 3;
    return std::as_bytes(std::span(text.substr(0, kMost)));
}

void PutBlock(uint32_t type, std::span<const std::byte> body, std::vector<std::byte> &out) {
    const auto length = static_cast<uint32_t>(body.size() + kBlockFrameBytes);
    ByteWriter(out, std::endian::native).Put(type).Put(length).PutBytes(body).Put(length);
}

}  // namespace

std::string CaptureFault::ToString() const {
    return fmt::format("byte {}: {}", offset, what);
}

std::expected<CaptureContents, CaptureFault> ReadCaptureFile(std::span<const std::byte> file) {
    for (const std::endian order : {std::endian::little, std::endian::big}) {
        const auto magic = ByteReader(file, order).Take<uint32_t>();
        if (magic == kSectionBlock) {
            return PcapngReader(file).ReadAll();
        }
        if (magic == kMicrosecondMagic || magic == kNanosecondMagic) {
            return ReadClassicPcap(file, order, magic == kNanosecondMagic);
        }
    }
    return Fault(0, "neither a pcapng nor a pcap file");
}

void EncodeCaptureStart(uint16_t link_type, std::string_view application,
                        std::vector<std::byte> &out) {
    std::vector<std::byte> body;
    ByteWriter section(body, std::endian::native);
    section.Put(kByteOrderMark).Put(uint16_t{1}).Put(uint16_t{0}).Put(int64_t{-1});
    PutOption(section, kOptionApplication, BytesOf(application));
    PutOption(section, kOptionEnd, {});
    PutBlock(kSectionBlock, body, out);

    body.clear();
    ByteWriter interface(body, std::endian::native);
    interface.Put(link_type).Put(uint16_t{0}).Put(uint32_t{0});  // no limit to a packet's size
    const std::array<std::byte, 1> nanoseconds = {std::byte{9}};
    PutOption(interface, kOptionTimeResolution, nanoseconds);
    PutOption(interface, kOptionEnd, {});
    PutBlock(kInterfaceBlock, body, out);
}

void EncodeCapturePacket(uint64_t time_nanoseconds, std::span<const std::byte> bytes,
                         std::string_view comment, std::vector<std::byte> &out) {
    std::vector<std::byte> body;
    body.reserve(bytes.size() + comment.size() + 64);
    const auto length = static_cast<uint32_t>(bytes.size());
    ByteWriter writer(body, std::endian::native);
    writer.Put(uint32_t{0})
        .Put(static_cast<uint32_t>(time_nanoseconds >> 32))
        .Put(static_cast<uint32_t>(time_nanoseconds))
        .Put(length)
        .Put(length)
        .PutBytes(bytes)
        .PutZeros(Padding(bytes.size()));
    if (!comment.empty()) {
        PutOption(writer, kOptionComment, BytesOf(comment));
        PutOption(writer, kOptionEnd, {});
    }
    PutBlock(kPacketBlock, body, out);
}

}  // namespace opendext::backends
