// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/property_value.h"
#include "base/unique_fd.h"

struct sd_bus_message;

namespace opendext::channel {

/// Longest text and list that a message may have; longer ones make the message invalid.
inline constexpr size_t kMaxTextBytes = size_t{64} * 1024;
inline constexpr size_t kMaxListLength = size_t{64} * 1024;

/// Puts typed values into a message that is being made. The first failure sticks and makes is_ok() false; the
/// message is then not sent. Borrows the message. Bus thread only.
class MessageWriter {
public:
    explicit MessageWriter(sd_bus_message *message) : message_(message) {}

    [[nodiscard]] bool is_ok() const { return is_ok_; }

    void U32(uint32_t value);
    void I32(int32_t value);
    void U64(uint64_t value);
    void Bool(bool value);
    /// Bytes that are not valid UTF-8 and NULs become '?': a bus string cannot carry them.
    void Text(std::string_view value);
    void Bytes(std::span<const uint8_t> value);
    void U64List(std::span<const uint64_t> values);
    void TextList(std::span<const std::string> values);
    /// Sends a duplicate; `fd` stays the caller's.
    void Fd(int fd);
    /// A list of one, or of none when `fd` is negative.
    void OptionalFd(int fd);
    /// As Fd, for each.
    void FdList(std::span<const int> fds);
    /// As binary property list bytes. A value beyond the limits of PropertyListLimits is a failure.
    void Property(const PropertyValue &value);

private:
    void Check(int result) { is_ok_ = is_ok_ && result >= 0; }

    sd_bus_message *const message_;
    bool is_ok_ = true;
};

/// Takes typed values out of a received message, in order. sd-bus has checked the message's form; a value of
/// another type or beyond its limit makes is_ok() false, and all values read then are empty. Borrows the
/// message. Bus thread only.
class MessageReader {
public:
    explicit MessageReader(sd_bus_message *message) : message_(message) {}

    [[nodiscard]] bool is_ok() const { return is_ok_; }

    uint32_t U32();
    int32_t I32();
    uint64_t U64();
    bool Bool();
    std::string Text();
    /// Borrowed from the message.
    std::span<const uint8_t> Bytes();
    std::vector<uint64_t> U64List(size_t max_length = kMaxListLength);
    std::vector<std::string> TextList(size_t max_length = kMaxListLength);
    /// A duplicate that the caller owns.
    UniqueFd Fd();
    /// Empty when the list is.
    UniqueFd OptionalFd();
    std::vector<UniqueFd> FdList(size_t max_length);
    PropertyValue Property();

    /// Names a value out of range that the caller found.
    void Fail() { is_ok_ = false; }

private:
    template <typename T>
    T Basic(char type);

    sd_bus_message *const message_;
    bool is_ok_ = true;
};

}  // namespace opendext::channel
