// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/bus_message.h"

#include <fcntl.h>

#include <systemd/sd-bus.h>

#include "base/property_list.h"

namespace opendext::channel {

namespace {

/// Length of the valid UTF-8 sequence at the start of `text`, 0 when there is none.
size_t SequenceLength(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) {
        return first == 0 ? 0 : 1;
    }
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length > text.size()) {
        return 0;
    }
    uint32_t code = first & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (byte(i) & 0x3fU);
    }
    const bool is_overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    return is_overlong || is_surrogate || code > 0x10ffff ? 0 : length;
}

std::string ToBusText(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const size_t length = SequenceLength(text);
        if (length == 0) {
            result += '?';
        } else {
            result += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return result;
}

}  // namespace

void MessageWriter::U32(uint32_t value) {
    Check(sd_bus_message_append_basic(message_, 'u', &value));
}
void MessageWriter::I32(int32_t value) {
    Check(sd_bus_message_append_basic(message_, 'i', &value));
}
void MessageWriter::U64(uint64_t value) {
    Check(sd_bus_message_append_basic(message_, 't', &value));
}

void MessageWriter::Bool(bool value) {
    const int as_int = value ? 1 : 0;
    Check(sd_bus_message_append_basic(message_, 'b', &as_int));
}

void MessageWriter::Text(std::string_view value) {
    if (value.size() > kMaxTextBytes) {
        is_ok_ = false;
        return;
    }
    Check(sd_bus_message_append_basic(message_, 's', ToBusText(value).c_str()));
}

void MessageWriter::Bytes(std::span<const uint8_t> value) {
    Check(sd_bus_message_append_array(message_, 'y', value.data(), value.size()));
}

void MessageWriter::U64List(std::span<const uint64_t> values) {
    Check(sd_bus_message_append_array(message_, 't', values.data(), values.size_bytes()));
}

void MessageWriter::TextList(std::span<const std::string> values) {
    Check(sd_bus_message_open_container(message_, 'a', "s"));
    for (const std::string &value : values) {
        Text(value);
    }
    Check(sd_bus_message_close_container(message_));
}

void MessageWriter::Fd(int fd) {
    Check(sd_bus_message_append_basic(message_, 'h', &fd));
}

void MessageWriter::OptionalFd(int fd) {
    FdList(std::span(&fd, fd >= 0 ? 1 : 0));
}

void MessageWriter::FdList(std::span<const int> fds) {
    Check(sd_bus_message_open_container(message_, 'a', "h"));
    for (const int fd : fds) {
        Fd(fd);
    }
    Check(sd_bus_message_close_container(message_));
}

void MessageWriter::Property(const PropertyValue &value) {
    const auto encoded = EncodePropertyValue(value);
    if (!encoded) {
        is_ok_ = false;
        return;
    }
    Bytes(*encoded);
}

template <typename T>
T MessageReader::Basic(char type) {
    T value = {};
    if (is_ok_ && sd_bus_message_read_basic(message_, type, &value) <= 0) {
        is_ok_ = false;
    }
    return is_ok_ ? value : T{};
}

uint32_t MessageReader::U32() {
    return Basic<uint32_t>('u');
}
int32_t MessageReader::I32() {
    return Basic<int32_t>('i');
}
uint64_t MessageReader::U64() {
    return Basic<uint64_t>('t');
}
bool MessageReader::Bool() {
    return Basic<int>('b') != 0;
}

std::string MessageReader::Text() {
    const char *text = Basic<const char *>('s');
    std::string result = text == nullptr ? std::string() : std::string(text);
    if (result.size() > kMaxTextBytes) {
        is_ok_ = false;
        return {};
    }
    return result;
}

std::span<const uint8_t> MessageReader::Bytes() {
    const void *data = nullptr;
    size_t num_bytes = 0;
    if (!is_ok_ || sd_bus_message_read_array(message_, 'y', &data, &num_bytes) < 0) {
        is_ok_ = false;
        return {};
    }
    return {static_cast<const uint8_t *>(data), num_bytes};
}

std::vector<uint64_t> MessageReader::U64List(size_t max_length) {
    const void *data = nullptr;
    size_t num_bytes = 0;
    if (!is_ok_ || sd_bus_message_read_array(message_, 't', &data, &num_bytes) < 0 ||
        num_bytes / sizeof(uint64_t) > max_length) {
        is_ok_ = false;
        return {};
    }
    const auto *words = static_cast<const uint64_t *>(data);
    return {words, words + num_bytes / sizeof(uint64_t)};
}

std::vector<std::string> MessageReader::TextList(size_t max_length) {
    std::vector<std::string> values;
    if (!is_ok_ || sd_bus_message_enter_container(message_, 'a', "s") < 0) {
        is_ok_ = false;
        return {};
    }
    while (is_ok_ && sd_bus_message_at_end(message_, 0) == 0) {
        values.push_back(Text());
        is_ok_ = is_ok_ && values.size() <= max_length;
    }
    if (!is_ok_ || sd_bus_message_exit_container(message_) < 0) {
        is_ok_ = false;
        return {};
    }
    return values;
}

UniqueFd MessageReader::Fd() {
    int borrowed = -1;
    if (!is_ok_ || sd_bus_message_read_basic(message_, 'h', &borrowed) <= 0) {
        is_ok_ = false;
        return {};
    }
    UniqueFd fd(fcntl(borrowed, F_DUPFD_CLOEXEC, 3));
    is_ok_ = fd.is_valid();
    return fd;
}

UniqueFd MessageReader::OptionalFd() {
    std::vector<UniqueFd> fds = FdList(1);
    return fds.empty() ? UniqueFd() : std::move(fds.front());
}

std::vector<UniqueFd> MessageReader::FdList(size_t max_length) {
    std::vector<UniqueFd> fds;
    if (!is_ok_ || sd_bus_message_enter_container(message_, 'a', "h") < 0) {
        is_ok_ = false;
        return {};
    }
    while (is_ok_ && sd_bus_message_at_end(message_, 0) == 0) {
        is_ok_ = fds.size() < max_length;
        if (is_ok_) {
            fds.push_back(Fd());
        }
    }
    if (!is_ok_ || sd_bus_message_exit_container(message_) < 0) {
        is_ok_ = false;
        return {};
    }
    return fds;
}

PropertyValue MessageReader::Property() {
    const std::span<const uint8_t> bytes = Bytes();
    if (!is_ok_) {
        return {};
    }
    auto value = DecodePropertyValue(bytes);
    if (!value) {
        is_ok_ = false;
        return {};
    }
    return std::move(*value);
}

}  // namespace opendext::channel
