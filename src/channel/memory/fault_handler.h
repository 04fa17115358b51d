// SPDX-License-Identifier: Apache-2.0
/// @file fault_handler.h
/// What this room makes of memory faults: of copies that may fail, and of writes that have to wait.
#pragma once

#include <cstdint>

namespace opendext::channel {

/// From now on, and again when somebody replaced the process's handler, faults of CopyBytes and at a closed WriteGate are
/// dealt with; a fifth of a microsecond. A write to read-only memory is passed on only after a few more tries, when
/// a gate has opened since. Any thread.
void InstallFaultHandler();

/// Holds up threads that write to a range which is read-only for a moment: for mappings that userfaultfd does
/// not take. One gate is closed at a time; the caller sees to that, and installs the handler first. A *system call*
/// that writes there fails with EFAULT.
class WriteGate {
public:
    /// No call of libc is made from here to Open by this thread.
    static void Close(uint64_t start, uint64_t end);
    static void Open();
};

}  // namespace opendext::channel
