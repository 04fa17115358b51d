// SPDX-License-Identifier: Apache-2.0
/// @file BulkOnlyTransport.h
/// What travels before and after the data of a command: USB Mass Storage Class, Bulk-Only Transport 1.0. Little-endian.
#ifndef BULK_ONLY_TRANSPORT_H
#define BULK_ONLY_TRANSPORT_H

#include <stdint.h>

struct CommandBlockWrapper {
    uint32_t signature;
    uint32_t tag;
    uint32_t dataTransferLength;
    uint8_t flags;
    uint8_t lun;
    uint8_t commandLength;
    uint8_t command[16];
} __attribute__((packed));

struct CommandStatusWrapper {
    uint32_t signature;
    uint32_t tag;
    uint32_t dataResidue;
    uint8_t status;
} __attribute__((packed));

enum : uint32_t {
    kCommandSignature = 0x43425355,
    kStatusSignature = 0x53425355,
};

enum : uint8_t {
    kDataIn = 0x80,

    kStatusPassed = 0,
    kStatusFailed = 1,
};

/// SCSI operation codes.
enum : uint8_t {
    kScsiRequestSense = 0x03,
    kScsiInquiry = 0x12,
    kScsiReadCapacity10 = 0x25,
    kScsiRead10 = 0x28,
};

#endif
