// SPDX-License-Identifier: Apache-2.0
/// @file IOReportTypes.h
/// Reports: what channels are, and the values in them. A driver counts in the reporters of IOReporters.iig; whoever
/// reads the reports asks for channels and gets elements.
#ifndef OPENDEXT_DRIVERKIT_IOREPORTTYPES_H
#define OPENDEXT_DRIVERKIT_IOREPORTTYPES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IOR_VALUES_PER_ELEMENT 4

/// What stands for a value that there is not, signed and unsigned.
#define kIOReportInvalidIntValue INT64_MIN
#define kIOReportInvalidValue (uint64_t)kIOReportInvalidIntValue

/// What channels are about; may be combined.
typedef uint16_t IOReportCategories;
#define kIOReportCategoryPower (1 << 1)
#define kIOReportCategoryTraffic (1 << 2)
#define kIOReportCategoryPerformance (1 << 3)
#define kIOReportCategoryPeripheral (1 << 4)
#define kIOReportCategoryField (1 << 8)
#define kIOReportCategoryDebug (1 << 15)
#define kIOReportInvalidCategory UINT16_MAX

/// What the elements of a channel hold.
typedef uint8_t IOReportFormat;
enum {
    kIOReportInvalidFormat = 0,
    kIOReportFormatSimple = 1,       ///< One element: IOSimpleReportValues.
    kIOReportFormatState = 2,        ///< One element for each state: IOStateReportValues.
    kIOReportFormatHistogram = 3,    ///< One element for each bucket: IOHistogramReportValues.
    kIOReportFormatSimpleArray = 4,  ///< IOSimpleArrayReportValues.
};

/// An integer.
typedef struct {
    int64_t simple_value;
    uint64_t reserved1;
    uint64_t reserved2;
    uint64_t reserved3;
} __attribute__((packed)) IOSimpleReportValues;

/// Integers.
typedef struct {
    int64_t simple_values[IOR_VALUES_PER_ELEMENT];
} __attribute__((packed)) IOSimpleArrayReportValues;

/// One state of a channel.
typedef struct {
    uint64_t state_id;           ///< Its number, or an id of IOREPORT_MAKEID.
    uint64_t intransitions;      ///< How often it was entered.
    uint64_t upticks;            ///< Time spent in it, in ticks of mach_absolute_time.
    uint64_t last_intransition;  ///< When it was entered last.
} __attribute__((packed)) IOStateReportValues;

/// One bucket of a histogram.
typedef struct {
    uint64_t bucket_hits;
    int64_t bucket_min;
    int64_t bucket_max;
    int64_t bucket_sum;
} __attribute__((packed)) IOHistogramReportValues;

/// What ConfigureReport is asked for.
typedef uint32_t IOReportConfigureAction;
enum {
    kIOReportDisable = 0x00,
    kIOReportEnable = 0x01,
    kIOReportGetDimensions = 0x02,
    kIOReportNotifyHubOnChange = 0x10,
    kIOReportTraceOnChange = 0x20,
};

/// What UpdateReport is asked for.
typedef uint32_t IOReportUpdateAction;
enum {
    kIOReportCopyChannelData = 1,
    kIOReportTraceChannelData = 2,
};

/// What the channels of a reporter have in common.
typedef struct {
    uint8_t report_format;
    uint8_t reserved;
    uint16_t categories;
    uint16_t nelements;   ///< Elements of a channel.
    int16_t element_idx;  ///< Of an element: which one it is in its channel.
} __attribute__((packed)) IOReportChannelType;

#define __IOR_lshiftchr(c, chshift) ((uint64_t)(c) << (8 * (chshift)))
/// The id of a channel or state that is its name: up to 8 characters.
#define IOREPORT_MAKEID(A, B, C, D, E, F, G, H)                              \
    (__IOR_lshiftchr(A, 7) | __IOR_lshiftchr(B, 6) | __IOR_lshiftchr(C, 5) | \
     __IOR_lshiftchr(D, 4) | __IOR_lshiftchr(E, 3) | __IOR_lshiftchr(F, 2) | \
     __IOR_lshiftchr(G, 1) | __IOR_lshiftchr(H, 0))

/// A channel of a service.
typedef struct {
    uint64_t channel_id;
    IOReportChannelType channel_type;
} IOReportChannel;

/// Channels of a service.
typedef struct {
    uint32_t nchannels;
    IOReportChannel channels[];
} IOReportChannelList;

/// A channel, and the service that has it: its registry id.
typedef struct {
    uint64_t provider_id;
    IOReportChannel channel;
} IOReportInterest;

/// Channels of several services.
typedef struct {
    uint32_t ninterests;
    IOReportInterest interests[];
} IOReportInterestList;

/// The values of an element, whatever their form is.
typedef struct {
    uint64_t v[IOR_VALUES_PER_ELEMENT];
} __attribute__((packed)) IOReportElementValues;

/// One element.
typedef struct {
    uint64_t provider_id;
    uint64_t channel_id;
    IOReportChannelType channel_type;
    uint64_t timestamp;  ///< When it was set, in ticks of mach_absolute_time.
    IOReportElementValues values;
} __attribute__((packed)) IOReportElement;

/// A unit: a quantity in its highest byte, and a scale.
typedef uint64_t IOReportUnit;
typedef uint64_t IOReportUnits;
typedef uint8_t IOReportQuantity;
typedef uint64_t IOReportScaleFactor;
#define __IOR_MAKEUNIT(quantity, scale) (((IOReportUnit)quantity << 56) | (uint64_t)scale)
#define IOREPORT_GETUNIT_QUANTITY(unit) ((IOReportQuantity)((uint64_t)unit >> 56) & 0xff)
#define IOREPORT_GETUNIT_SCALE(unit) ((IOReportScaleFactor)unit & 0x00ffffffffffffff)

/// What is measured.
enum {
    kIOReportQuantityUndefined = 0,
    kIOReportQuantityTime = 1,          ///< Seconds.
    kIOReportQuantityPower = 2,         ///< Watts.
    kIOReportQuantityEnergy = 3,        ///< Joules.
    kIOReportQuantityCurrent = 4,       ///< Amperes.
    kIOReportQuantityVoltage = 5,       ///< Volts.
    kIOReportQuantityCapacitance = 6,   ///< Farads.
    kIOReportQuantityInductance = 7,    ///< Henries.
    kIOReportQuantityFrequency = 8,     ///< Hertz.
    kIOReportQuantityData = 9,          ///< Bits.
    kIOReportQuantityTemperature = 10,  ///< Degrees Celsius.
    kIOReportQuantityEventCount = 100,
    kIOReportQuantityPacketCount = 101,
    kIOReportQuantityCPUInstrs = 102,
};

// A scale is constant * 10^si * 2^iec; an exponent of 0 stands for none, others are stored with an offset of 127.
#define kIOReportScaleConstMask 0x000000007fffffff
#define kIOReportScaleOneOver (1LL << 31)
#define kIOReportExpBase (-127)
#define kIOReportExpZeroOffset -(kIOReportExpBase)
#define kIOReportScaleSIShift 32
#define kIOReportScaleSIMask 0x000000ff00000000
#define kIOReportScaleIECShift 40
#define kIOReportScaleIECMask 0x0000ff0000000000
#define kIOReportCardinalShift 48
#define kIOReportCardinalMask 0x00ff000000000000

#define kIOReportScalePico ((-12LL + kIOReportExpZeroOffset) << kIOReportScaleSIShift)
#define kIOReportScaleNano ((-9LL + kIOReportExpZeroOffset) << kIOReportScaleSIShift)
#define kIOReportScaleMicro ((-6LL + kIOReportExpZeroOffset) << kIOReportScaleSIShift)
#define kIOReportScaleMilli ((-3LL + kIOReportExpZeroOffset) << kIOReportScaleSIShift)
#define kIOReportScaleUnity 0
#define kIOReportScaleKilo ((3LL + kIOReportExpZeroOffset) << kIOReportScaleSIShift)
#define kIOReportScaleMega ((6LL + kIOReportExpZeroOffset) << kIOReportScaleSIShift)
#define kIOReportScaleGiga ((9LL + kIOReportExpZeroOffset) << kIOReportScaleSIShift)
#define kIOReportScaleTera ((12LL + kIOReportExpZeroOffset) << kIOReportScaleSIShift)

#define kIOReportScaleBits kIOReportScaleUnity
#define kIOReportScaleBytes ((3LL + kIOReportExpZeroOffset) << kIOReportScaleIECShift)
#define kIOReportScaleKibi ((10LL + kIOReportExpZeroOffset) << kIOReportScaleIECShift)
#define kIOReportScaleKiBytes ((13LL + kIOReportExpZeroOffset) << kIOReportScaleIECShift)
#define kIOReportScaleMebi ((20LL + kIOReportExpZeroOffset) << kIOReportScaleIECShift)
#define kIOReportScaleMiBytes ((23LL + kIOReportExpZeroOffset) << kIOReportScaleIECShift)
#define kIOReportScaleGibi ((30LL + kIOReportExpZeroOffset) << kIOReportScaleIECShift)
#define kIOReportScaleGiBytes ((33LL + kIOReportExpZeroOffset) << kIOReportScaleIECShift)
#define kIOReportScaleTebi ((40LL + kIOReportExpZeroOffset) << kIOReportScaleIECShift)
#define kIOReportScaleTiBytes ((43LL + kIOReportExpZeroOffset) << kIOReportScaleIECShift)

#define kIOReportScaleMachHWTicks (1LL << kIOReportCardinalShift)
#define kIOReportScaleHWPageSize (2LL << kIOReportCardinalShift)
#define kIOReportScale4KiB (4 | kIOReportScaleKiBytes)
#define kIOReportScale8KiB (8 | kIOReportScaleKiBytes)
#define kIOReportScale16KiB (16 | kIOReportScaleKiBytes)
#define kIOReportScale1GHz (1 | kIOReportScaleNano)
#define kIOReportScale24MHz (kIOReportScaleOneOver | 24 | kIOReportScaleMicro)

// Units.
#define kIOReportUnitNone __IOR_MAKEUNIT(kIOReportQuantityUndefined, kIOReportScaleUnity)
#define kIOReportUnit_s __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScaleUnity)
#define kIOReportUnit_ms __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScaleMilli)
#define kIOReportUnit_us __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScaleMicro)
#define kIOReportUnit_ns __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScaleNano)
#define kIOReportUnit_J __IOR_MAKEUNIT(kIOReportQuantityEnergy, kIOReportScaleUnity)
#define kIOReportUnit_mJ __IOR_MAKEUNIT(kIOReportQuantityEnergy, kIOReportScaleMilli)
#define kIOReportUnit_uJ __IOR_MAKEUNIT(kIOReportQuantityEnergy, kIOReportScaleMicro)
#define kIOReportUnit_nJ __IOR_MAKEUNIT(kIOReportQuantityEnergy, kIOReportScaleNano)
#define kIOReportUnit_pJ __IOR_MAKEUNIT(kIOReportQuantityEnergy, kIOReportScalePico)
/// Ticks of mach_absolute_time, whatever they are on this machine: here nanoseconds.
#define kIOReportUnitHWTicks __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScaleMachHWTicks)
#define kIOReportUnit24MHzTicks __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScale24MHz)
#define kIOReportUnit1GHzTicks __IOR_MAKEUNIT(kIOReportQuantityTime, kIOReportScale1GHz)
#define kIOReportUnitBits __IOR_MAKEUNIT(kIOReportQuantityData, kIOReportScaleBits)
#define kIOReportUnitBytes __IOR_MAKEUNIT(kIOReportQuantityData, kIOReportScaleBytes)
#define kIOReportUnit_KiB __IOR_MAKEUNIT(kIOReportQuantityData, kIOReportScaleKiBytes)
#define kIOReportUnit_MiB __IOR_MAKEUNIT(kIOReportQuantityData, kIOReportScaleMiBytes)
#define kIOReportUnit_GiB __IOR_MAKEUNIT(kIOReportQuantityData, kIOReportScaleGiBytes)
#define kIOReportUnit_TiB __IOR_MAKEUNIT(kIOReportQuantityData, kIOReportScaleTiBytes)
#define kIOReportUnitEvents __IOR_MAKEUNIT(kIOReportQuantityEventCount, kIOReportScaleUnity)
#define kIOReportUnitPackets __IOR_MAKEUNIT(kIOReportQuantityPacketCount, kIOReportScaleUnity)
#define kIOReportUnitInstrs __IOR_MAKEUNIT(kIOReportQuantityCPUInstrs, kIOReportScaleUnity)
#define kIOReportUnit_KI __IOR_MAKEUNIT(kIOReportQuantityCPUInstrs, kIOReportScaleKilo)
#define kIOReportUnit_MI __IOR_MAKEUNIT(kIOReportQuantityCPUInstrs, kIOReportScaleMega)
#define kIOReportUnit_GI __IOR_MAKEUNIT(kIOReportQuantityCPUInstrs, kIOReportScaleGiga)

#ifdef __cplusplus
}
#endif

#endif
