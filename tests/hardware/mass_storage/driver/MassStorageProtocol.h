// SPDX-License-Identifier: Apache-2.0
/// @file MassStorageProtocol.h
/// What the MassStorage driver and its clients agree on. Included by both sides.
#ifndef MASS_STORAGE_PROTOCOL_H
#define MASS_STORAGE_PROTOCOL_H

#include <stdint.h>

/// Selectors of MassStorageClient::ExternalMethod.
enum MassStorageSelector {
    kMassStorageGetCapacity = 0,  ///< 2 scalars out: number of blocks, bytes of a block.
    kMassStorageRead = 1,  ///< Scalars in: first block, number of blocks. Structure out: them.
    kMassStorageMeasure =
        2,  ///< Asynchronous. Scalars in: number of transfers, how many at a time.
    kMassStorageSelectorCount
};

/// Of kMassStorageMeasure: bytes of each transfer, all of one READ(10).
enum { kMassStorageTransferBytes = 64 * 1024 };

/// Words of the event that ends kMassStorageMeasure: bytes that were read, and nanoseconds that it took.
enum { kMassStorageEventBytes = 0, kMassStorageEventNanoseconds = 1, kMassStorageEventWords = 2 };

#endif
