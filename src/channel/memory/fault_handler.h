// SPDX-License-Identifier: Apache-2.0
/// @file fault_handler.h
/// The one handler of this room for memory faults: of copies that may fail, and of writes that have to wait.
#pragma once

#include <cstdint>

namespace opendext::channel {

/// Installs the handler for SIGSEGV and SIGBUS, and again when somebody replaced it; a fifth of a microsecond. It passes on
/// every signal that is not ours to the handler that was there before; a write to read-only memory only after a few more
/// tries, when a gate has opened since. Any thread.
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
