// SPDX-License-Identifier: Apache-2.0
#ifndef METRONOME_PROTOCOL_H
#define METRONOME_PROTOCOL_H

#include <stdint.h>

/// What an application asks of the metronome.
enum MetronomeSelector {
    kMetronomeStart = 0,   ///< A MetronomeTempo: beats from now on.
    kMetronomeStop = 1,    ///< No more beats.
    kMetronomeCount = 2,   ///< Gives one scalar: the beats so far.
    kMetronomeFollow = 3,  ///< Asynchronous: a completion with the number of the beat, for each.
    kMetronomeSelectorCount
};

struct MetronomeTempo {
    uint64_t period_ns;  ///< At least kMetronomeShortestPeriod.
};

enum { kMetronomeShortestPeriod = 1000000 };

/// Memory type 0: what the application may read at any time.
struct MetronomeStatus {
    uint64_t num_beats;
};

/// The card's registers, in its first BAR: each write of kMetronomeStrike gives one beat. All ones when it is gone.
enum {
    kMetronomeRegisterStrike = 0x00,  ///< Write.
    kMetronomeRegisterBeats = 0x04,   ///< Read: how often it was struck.
    kMetronomeStrike = 1
};

#endif
