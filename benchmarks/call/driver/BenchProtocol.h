// SPDX-License-Identifier: Apache-2.0
/// @file BenchProtocol.h
/// What the driver of the call benchmark and its clients agree on.
#ifndef BENCH_PROTOCOL_H
#define BENCH_PROTOCOL_H

/// Selectors of BenchClient::ExternalMethod.
enum BenchSelector {
    kBenchIncrement = 0,  ///< One scalar in, one out: the same plus 1.
    kBenchSelectorCount
};

#endif
