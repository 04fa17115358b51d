// SPDX-License-Identifier: Apache-2.0
/// @file SerialLineProtocol.h
/// What the SerialLine driver and its clients agree on. Included by both sides.
#ifndef SERIAL_LINE_PROTOCOL_H
#define SERIAL_LINE_PROTOCOL_H

/// Selectors of SerialLineClient::ExternalMethod.
enum SerialLineSelector {
    kSerialLineWrite = 0,  ///< Structure in: the bytes.
    kSerialLineRead = 1,   ///< Structure out: as many bytes as it has room for; waits for them.
    kSerialLineSelectorCount
};

/// Of one call.
enum { kSerialLineMaxBytes = 4096 };

#endif
