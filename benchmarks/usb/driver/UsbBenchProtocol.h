// SPDX-License-Identifier: Apache-2.0
/// @file UsbBenchProtocol.h
/// What the driver of the USB benchmark and its clients agree on. The device is docs/devices/usb-loopback.md's.
#ifndef USB_BENCH_PROTOCOL_H
#define USB_BENCH_PROTOCOL_H

/// Selectors of UsbBenchClient::ExternalMethod.
enum UsbBenchSelector {
    /// Scalars in: bytes of all, bytes of a transfer, transfers in flight (at most 16), whether each buffer is filled
    /// from other memory before it is sent. Scalar out: nanoseconds until the device had all.
    kUsbBenchStream = 0,
    /// Scalar in: bytes. Scalar out: nanoseconds of copying as many, in the driver.
    kUsbBenchCopy,
    /// Structure out: as many samples as fit, each the nanoseconds of a control request of 8 bytes in 64 bits.
    kUsbBenchControl,
    /// Scalar in: how many (at most 1024). Starts as many transfers at once on one pipe, and waits for all. Scalar out:
    /// how many completed with another number than their turn.
    kUsbBenchInFlight,
    kUsbBenchSelectorCount
};

#endif
