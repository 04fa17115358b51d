// SPDX-License-Identifier: Apache-2.0
/// @file panic_logs.h
/// The active IOExtensiblePaniclogs of this process, in a form that a signal handler may read.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace opendext::service {

/// What a crash report shows of one log. Plain bytes, which may be copied while they change.
struct PanicLog {
    std::array<char, 33> name;  ///< Zero-terminated.
    std::array<uint8_t, 16> uuid;
    const uint8_t *data = nullptr;
    std::atomic<uint32_t> length = 0;  ///< Bytes of data.
};

/// The table of active logs. Any thread; Get also in a signal handler.
class PanicLogs {
public:
    static constexpr size_t kMost = 64;

    /// Of this process.
    static PanicLogs &Instance();

    /// @return false when there are kMost.
    [[nodiscard]] bool Add(const PanicLog *log);
    void Remove(const PanicLog *log);

    /// The log at `index`, below kMost, or NULL. It may be gone before it is read: read it with a call that fails then.
    [[nodiscard]] const PanicLog *Get(size_t index) const { return slots_[index].load(); }

private:
    std::array<std::atomic<const PanicLog *>, kMost> slots_ = {};
};

}  // namespace opendext::service
