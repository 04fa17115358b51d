// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace opendext::host {

/// Writes the active IOExtensiblePaniclogs of this process to `fd`, each as a line "| panic log NAME UUID, N bytes" and
/// lines "|   ..." of its first 4096 bytes: as they are when they are text, else 32 bytes a line in hexadecimal. In a
/// signal handler.
void WritePanicLogs(int fd);

}  // namespace opendext::host
