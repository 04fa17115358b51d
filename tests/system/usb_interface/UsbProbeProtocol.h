// SPDX-License-Identifier: Apache-2.0
#ifndef USB_PROBE_PROTOCOL_H
#define USB_PROBE_PROTOCOL_H

/// Selectors of the user clients of both USB test drivers. Unless it says otherwise a selector takes and gives nothing.
enum UsbProbeSelector {
    kUsbProbeVendorRequest =
        0,  ///< 3 scalars in: bRequest, wValue, wIndex of a vendor request without data.
    kUsbProbeConfigure =
        1,  ///< Device. 2 scalars in: configuration, whether to match its interfaces.
    kUsbProbeCountInterfaces = 2,  ///< Out: how many interfaces the device has, by its iterator.
    kUsbProbeEcho = 3,  ///< Interface. Structure in; out: what comes back from the loopback pair.
    kUsbProbeRead =
        4,  ///< Interface. Asynchronous: reads 64 bytes of loopback; completes with status, bytes.
    kUsbProbeNumber = 5,         ///< Interface. Out: bInterfaceNumber.
    kUsbProbeCrash = 6,          ///< Writes to an address that nothing is at.
    kUsbProbeSelectSetting = 7,  ///< Interface. 1 scalar in: bAlternateSetting.
    kUsbProbeSelectorCount
};

#define kUsbProbeDeviceStops "UsbProbeDevice stops"
#define kUsbProbeInterfaceStops "UsbProbeInterface stops"

#endif
