// SPDX-License-Identifier: Apache-2.0
/// @file Operations.h
/// What operations on descriptors cost in a driver.
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include <stdint.h>

#include <DriverKit/IOReturn.h>

/// Times an operation.
/// @param operation kMemoryBenchTime...
/// @param timesPerSample how often it is done for a sample.
/// @param samples receive numSamples times the nanoseconds that it took that often.
/// @return kIOReturnBadArgument for an operation that is none; what the operation failed with.
kern_return_t TimeOperation(uint64_t operation, uint64_t timesPerSample, uint64_t *samples,
                            uint64_t numSamples);

#endif
