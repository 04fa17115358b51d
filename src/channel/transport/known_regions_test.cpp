// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/known_regions.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "channel/transport/testing/fake_lending_peer.h"

namespace opendext::channel {
namespace {

class KnownRegionsTest : public testing::Test {
protected:
    static std::shared_ptr<SharedRegion> MakeRegion() {
        return *SharedRegion::Create(4096, "test-region");
    }

    FakeLendingPeer peer_;
    KnownRegions regions_{peer_};
};

TEST_F(KnownRegionsTest, Region_IsRegisteredOnce) {
    const auto region = MakeRegion();
    const uint64_t id = regions_.Begin(region).region_id();
    EXPECT_NE(id, 0U);
    EXPECT_EQ(regions_.Begin(region).region_id(), id);
    EXPECT_NE(regions_.Begin(MakeRegion()).region_id(), id);
    EXPECT_EQ(peer_.num_registered, 2U);
}

TEST_F(KnownRegionsTest, RegionInUse_KeepsItsNameUntilTheUseEnds) {
    const auto region = MakeRegion();
    {
        const KnownRegions::Use use = regions_.Begin(region);
        regions_.Forget(*region);
        EXPECT_TRUE(peer_.known.contains(use.region_id()));
    }
    EXPECT_TRUE(peer_.known.empty());
    EXPECT_EQ(regions_.size(), 0U);
}

TEST_F(KnownRegionsTest, RegionThatNobodyHasAnyMore_IsForgotten) {
    auto region = MakeRegion();
    {
        const KnownRegions::Use use = regions_.Begin(region);
        region.reset();
    }
    EXPECT_TRUE(peer_.known.empty());
}

TEST_F(KnownRegionsTest, ManyRegions_AreBoundedAndThoseInUseStay) {
    std::vector<std::shared_ptr<SharedRegion>> all = {MakeRegion(), MakeRegion()};
    const KnownRegions::Use in_use = regions_.Begin(all[0]);
    const uint64_t unused = regions_.Begin(all[1]).region_id();
    for (size_t i = 0; i < KnownRegions::kMaxRegions; ++i) {
        all.push_back(MakeRegion());
        ASSERT_TRUE(regions_.Begin(all.back()).is_valid());
    }
    EXPECT_EQ(regions_.size(), KnownRegions::kMaxRegions);
    EXPECT_EQ(peer_.known.size(), KnownRegions::kMaxRegions);
    EXPECT_TRUE(peer_.known.contains(in_use.region_id()));
    EXPECT_FALSE(peer_.known.contains(unused));
    EXPECT_EQ(peer_.num_wrong_drops, 0U);
    // It is registered anew.
    EXPECT_NE(regions_.Begin(all[1]).region_id(), unused);
}

TEST_F(KnownRegionsTest, PeerThatRefuses_GivesNoName) {
    peer_.refuses = true;
    EXPECT_FALSE(regions_.Begin(MakeRegion()).is_valid());
    EXPECT_EQ(regions_.size(), 0U);
}

TEST_F(KnownRegionsTest, AdoptedName_IsUsed) {
    const auto region = MakeRegion();
    peer_.known.insert(77);
    regions_.Add(region, 77);
    EXPECT_EQ(regions_.Begin(region).region_id(), 77U);
    EXPECT_EQ(peer_.num_registered, 0U);
}

}  // namespace
}  // namespace opendext::channel
