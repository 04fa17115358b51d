// SPDX-License-Identifier: Apache-2.0
/// @file CardBenchProtocol.h
/// What the card's driver of the memory benchmark and its clients agree on.
#ifndef CARD_BENCH_PROTOCOL_H
#define CARD_BENCH_PROTOCOL_H

/// Selectors of CardBenchClient::ExternalMethod.
enum CardBenchSelector {
    /// Scalar in: reads per sample. Structure out: that many bytes of samples, each the nanoseconds of all reads of
    /// one register in 64 bits.
    kCardBenchRead = 0,
    /// Scalar in: bytes. Scalars out: nanoseconds of their way by DMA into the card and back, and of a memcpy there
    /// and back.
    kCardBenchLoopback,
    kCardBenchSelectorCount
};

#endif
