// SPDX-License-Identifier: Apache-2.0
/// @file fake_lending_peer.h
/// For tests: a driver process that takes note of what it is lent.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>

#include "channel/transport/lending_peer.h"

namespace opendext::channel {

/// One thread.
class FakeLendingPeer final : public LendingPeer {
public:
    uint64_t RegisterRegion(SharedRegion & /*region*/) override {
        if (refuses) {
            return 0;
        }
        known.insert(++num_registered);
        return num_registered;
    }
    void DropRegion(uint64_t region_id) override { num_wrong_drops += 1 - known.erase(region_id); }
    void TrimAfter(std::chrono::milliseconds /*delay*/) override { ++num_trims_due; }

    void ExpectCall() override { ++num_calls_expected; }

    bool refuses = false;
    uint64_t num_registered = 0;
    uint64_t num_trims_due = 0;
    uint64_t num_calls_expected = 0;
    uint64_t num_wrong_drops = 0;  ///< Of names that it does not know.
    std::set<uint64_t> known;
};

}  // namespace opendext::channel
