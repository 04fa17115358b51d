// SPDX-License-Identifier: Apache-2.0
/// @file InterruptBenchProtocol.h
/// What the driver of the interrupt benchmark and its clients agree on.
#ifndef INTERRUPT_BENCH_PROTOCOL_H
#define INTERRUPT_BENCH_PROTOCOL_H

/// Selectors of InterruptBenchClient::ExternalMethod.
enum InterruptBenchSelector {
    /// Structure out: that many bytes of samples, one interrupt each: the nanoseconds from before the card was told to
    /// raise it until InterruptOccurred ran, in 64 bits.
    kInterruptBenchRun = 0,
};

enum { kInterruptBenchMaxSamples = 512 };

#endif
