// SPDX-License-Identifier: Apache-2.0
#ifndef USB_PUMP_PROTOCOL_H
#define USB_PUMP_PROTOCOL_H

/// Selectors of UsbPumpClient.
enum UsbPumpSelector {
    kUsbPumpWrite = 0,  ///< Structure in: sent to the device in transfers of kUsbPumpChunkBytes.
    kUsbPumpRead = 1,   ///< Asynchronous: each read completes with its bytes, see below.
    kUsbPumpSelectorCount
};

enum {
    kUsbPumpChunkBytes = 64,  ///< Also the most that a read gets.
    kUsbPumpNumSlots = 4,     ///< Writes that can be under way.
    kUsbPumpLeastWords = 3    ///< Of a completion: fewer would come to the callback as arguments.
};

/// Completion words: the number of bytes, then the bytes, eight a word.

#define kUsbPumpStops "UsbPump stops"

#endif
