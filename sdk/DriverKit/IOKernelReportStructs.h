// SPDX-License-Identifier: Apache-2.0
/// @file IOKernelReportStructs.h
/// Legends: how a service publishes which channels it has; and the shape of a histogram.
#ifndef OPENDEXT_DRIVERKIT_IOKERNELREPORTSTRUCTS_H
#define OPENDEXT_DRIVERKIT_IOKERNELREPORTSTRUCTS_H

#include <DriverKit/IOReportTypes.h>

#ifdef __cplusplus
extern "C" {
#endif

// Properties of a service with channels: a boolean, and an array of legend entries.
#define kIOReportLegendPublicKey "IOReportLegendPublic"
#define kIOReportLegendKey "IOReportLegend"
// A legend entry, a dictionary: its channels, each an array; the group that it is in; and what the channels have in
// common, a dictionary.
#define kIOReportLegendChannelsKey "IOReportChannels"
#define kIOReportLegendGroupNameKey "IOReportGroupName"
#define kIOReportLegendSubGroupNameKey "IOReportSubGroupName"
#define kIOReportLegendInfoKey "IOReportChannelInfo"
#define kIOReportLegendUnitKey "IOReportChannelUnit"
#define kIOReportLegendConfigKey "IOReportChannelConfig"
#define kIOReportLegendStateNamesKey "IOReportChannelStateNames"

// A channel in a legend entry: its id, its IOReportChannelType as a number, and its name if it has one.
#define kIOReportChannelIDIdx 0
#define kIOReportChannelTypeIdx 1
#define kIOReportChannelNameIdx 2

// How the upper bounds of a segment's buckets grow: base * (n + 1), or base to the power of (n + 1).
#define kIOHistogramScaleLinear 0
#define kIOHistogramScaleExponential 1

/// Some buckets of a histogram.
typedef struct {
    uint32_t base_bucket_width;
    uint32_t scale_flag;
    uint32_t segment_idx;
    uint32_t segment_bucket_count;
} __attribute__((packed)) IOHistogramSegmentConfig;

#ifdef __cplusplus
}
#endif

#endif
