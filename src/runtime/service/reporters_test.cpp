// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOReporters.h>
#include <DriverKit/OSCollections.h>
#include <DriverKit/OSSharedPtr.h>

#include "runtime/service/service_context.h"
#include "runtime/service/service_state.h"

namespace opendext::service {
namespace {

constexpr uint64_t kBytesIn = IOREPORT_MAKEID('b', 'y', 't', 'e', 's', ' ', 'i', 'n');
constexpr uint64_t kErrors = 7;
constexpr EntryId kEntry{0x42};

OSSharedPtr<IOService> Service() {
    OSSharedPtr<IOService> service(OSTypeAlloc(IOService), OSNoRetain);
    EXPECT_TRUE(AttachToRegistry(service.get(), std::make_shared<ServiceContext>(), kEntry,
                                 ServiceRole::kDriver));
    EXPECT_TRUE(service->init());
    return service;
}

OSSharedPtr<OSData> ChannelList(const std::vector<uint64_t> &ids) {
    std::vector<uint8_t> bytes(offsetof(IOReportChannelList, channels) +
                               ids.size() * sizeof(IOReportChannel));
    const auto count = static_cast<uint32_t>(ids.size());
    std::memcpy(bytes.data(), &count, sizeof count);
    for (size_t i = 0; i < ids.size(); ++i) {
        const IOReportChannel channel = {.channel_id = ids[i], .channel_type = {}};
        std::memcpy(bytes.data() + offsetof(IOReportChannelList, channels) + i * sizeof channel,
                    &channel, sizeof channel);
    }
    return {OSData::withBytes(bytes.data(), bytes.size()), OSNoRetain};
}

/// Enables the channels, and reads them.
std::vector<IOReportElement> Read(OSCollection *reporters, const std::vector<uint64_t> &ids) {
    const OSSharedPtr<OSData> list = ChannelList(ids);
    uint32_t count = 0;
    EXPECT_EQ(IOReporter::configureAllReports(reporters, list.get(), kIOReportEnable, &count),
              kIOReturnSuccess);
    uint32_t num_elements = 0;
    EXPECT_EQ(IOReporter::configureAllReports(reporters, list.get(), kIOReportGetDimensions,
                                              &num_elements),
              kIOReturnSuccess);
    const size_t num_bytes = num_elements * sizeof(IOReportElement);
    OSSharedPtr<IOBufferMemoryDescriptor> buffer;
    EXPECT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 64 + num_bytes, 0,
                                               buffer.attach()),
              kIOReturnSuccess);
    uint32_t num_copied = 0;
    EXPECT_EQ(IOReporter::updateAllReports(reporters, list.get(), kIOReportCopyChannelData,
                                           &num_copied, 64, num_bytes, buffer.get()),
              kIOReturnSuccess);
    EXPECT_EQ(num_copied, num_elements);
    IOAddressSegment range = {};
    EXPECT_EQ(buffer->GetAddressRange(&range), kIOReturnSuccess);
    std::vector<IOReportElement> elements(num_copied);
    if (num_copied != 0) {
        std::memcpy(elements.data(), reinterpret_cast<const uint8_t *>(range.address) + 64,
                    num_bytes);
    }
    EXPECT_EQ(IOReporter::configureAllReports(reporters, list.get(), kIOReportDisable, &count),
              kIOReturnSuccess);
    return elements;
}

template <typename Values>
Values ValuesOf(const IOReportElement &element) {
    return std::bit_cast<Values>(element.values);
}

class ReportersTest : public ::testing::Test {
protected:
    [[nodiscard]] OSCollection *Set(const std::vector<IOReporter *> &reporters) {
        set_.reset(OSSet::withCapacity(2), OSNoRetain);
        for (IOReporter *reporter : reporters) {
            set_->setObject(reporter);
        }
        return set_.get();
    }

    OSSharedPtr<IOService> service_ = Service();
    OSSharedPtr<OSSet> set_;
};

class SimpleReporterTest : public ReportersTest {
protected:
    void SetUp() override {
        ASSERT_TRUE(reporter_);
        EXPECT_EQ(reporter_->addChannel(kBytesIn), kIOReturnSuccess);
        EXPECT_EQ(reporter_->addChannel(kErrors, "errors"), kIOReturnSuccess);
    }
    const OSSharedPtr<IOSimpleReporter> reporter_{
        IOSimpleReporter::with(service_.get(), kIOReportCategoryTraffic, kIOReportUnitBytes),
        OSNoRetain};
};

TEST_F(SimpleReporterTest, Values_AreSetAndAddedUp) {
    EXPECT_EQ(reporter_->setValue(kBytesIn, 100), kIOReturnSuccess);
    EXPECT_EQ(reporter_->incrementValue(kBytesIn, -30), kIOReturnSuccess);
    EXPECT_EQ(reporter_->getValue(kBytesIn), 70);
    EXPECT_EQ(reporter_->getValue(kErrors), 0);
}

TEST_F(SimpleReporterTest, SumBeyondTheLargestNumber_StaysThere) {
    EXPECT_EQ(reporter_->setValue(kErrors, std::numeric_limits<int64_t>::max() - 1),
              kIOReturnSuccess);
    EXPECT_EQ(reporter_->incrementValue(kErrors, 5), kIOReturnSuccess);
    EXPECT_EQ(reporter_->getValue(kErrors), std::numeric_limits<int64_t>::max());
}

TEST_F(SimpleReporterTest, ChannelThatThereIsNot_IsRefused) {
    EXPECT_EQ(reporter_->setValue(99, 1), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->incrementValue(99, 1), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->getValue(99), kIOReportInvalidIntValue);
}

TEST_F(SimpleReporterTest, Report_HasTheWantedChannelsInTheirOrder) {
    EXPECT_EQ(reporter_->setValue(kBytesIn, 100), kIOReturnSuccess);
    EXPECT_EQ(reporter_->setValue(kErrors, 3), kIOReturnSuccess);
    const auto elements = Read(Set({reporter_.get()}), {kErrors, 99, kBytesIn});
    ASSERT_EQ(elements.size(), 2U);
    EXPECT_EQ(elements[0].channel_id, kErrors);
    EXPECT_EQ(elements[0].provider_id, 0x42U);
    EXPECT_EQ(elements[0].channel_type.report_format, kIOReportFormatSimple);
    EXPECT_EQ(elements[0].channel_type.nelements, 1);
    EXPECT_EQ(ValuesOf<IOSimpleReportValues>(elements[0]).simple_value, 3);
    EXPECT_EQ(ValuesOf<IOSimpleReportValues>(elements[1]).simple_value, 100);
}

TEST_F(SimpleReporterTest, ReporterOfWhichNobodyWantsAnything_AddsNothing) {
    const OSSharedPtr<IOSimpleReporter> other(
        IOSimpleReporter::with(service_.get(), 0, kIOReportUnitNone), OSNoRetain);
    EXPECT_EQ(other->addChannel(5), kIOReturnSuccess);
    EXPECT_EQ(Read(Set({other.get(), reporter_.get()}), {kErrors}).size(), 1U);
}

TEST_F(SimpleReporterTest, UpdateWithoutEnable_Fails) {
    uint32_t count = 0;
    uint8_t bytes[64] = {};
    uint8_t *buffer = bytes;
    size_t capacity = sizeof bytes;
    IOReportChannelList none = {.nchannels = 0};
    EXPECT_EQ(reporter_->updateReport(&none, kIOReportCopyChannelData, count, buffer, capacity),
              kIOReturnError);
}

TEST_F(SimpleReporterTest, MemoryThatIsTooSmall_IsRefused) {
    const OSSharedPtr<OSData> list = ChannelList({kErrors});
    OSSharedPtr<IOBufferMemoryDescriptor> buffer;
    ASSERT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 4096, 0, buffer.attach()),
              kIOReturnSuccess);
    OSCollection *set = Set({reporter_.get()});
    uint32_t count = 0;
    ASSERT_EQ(IOReporter::configureAllReports(set, list.get(), kIOReportEnable, &count),
              kIOReturnSuccess);
    const auto update = [&](uint64_t offset, uint64_t capacity) {
        return IOReporter::updateAllReports(set, list.get(), kIOReportCopyChannelData, &count,
                                            offset, capacity, buffer.get());
    };
    EXPECT_EQ(update(0, 63), kIOReturnOverrun);
    EXPECT_EQ(update(4096, 64), kIOReturnOverrun);
    EXPECT_EQ(update(std::numeric_limits<uint64_t>::max(), 64), kIOReturnOverrun);
    EXPECT_EQ(update(4032, 64), kIOReturnSuccess);
}

TEST_F(SimpleReporterTest, ListLongerThanItsData_IsRefused) {
    const uint32_t words[] = {1000, 0};
    const OSSharedPtr<OSData> list(OSData::withBytes(words, sizeof words), OSNoRetain);
    const OSSharedPtr<OSData> empty(OSData::withCapacity(0), OSNoRetain);
    OSCollection *set = Set({reporter_.get()});
    uint32_t count = 0;
    for (OSData *data : {list.get(), empty.get(), static_cast<OSData *>(nullptr)}) {
        EXPECT_EQ(IOReporter::configureAllReports(set, data, kIOReportEnable, &count),
                  kIOReturnBadArgument);
    }
    EXPECT_EQ(
        IOReporter::configureAllReports(set, ChannelList({}).get(), kIOReportTraceOnChange, &count),
        kIOReturnUnsupported);
}

TEST_F(SimpleReporterTest, OtherObjectAmongReporters_IsRefused) {
    OSCollection *set = Set({reporter_.get()});
    set_->setObject(OSSTR("no reporter"));
    uint32_t count = 0;
    EXPECT_EQ(
        IOReporter::configureAllReports(set, ChannelList({kErrors}).get(), kIOReportEnable, &count),
        kIOReturnUnsupported);
}

TEST_F(SimpleReporterTest, Legend_NamesChannelsUnitAndGroups) {
    const OSSharedPtr<IOReportLegend> legend(IOReportLegend::with(nullptr), OSNoRetain);
    ASSERT_EQ(legend->addReporterLegend(reporter_.get(), "Link", "Traffic"), kIOReturnSuccess);
    EXPECT_EQ(legend->addReporterLegend(reporter_.get(), nullptr, "Traffic"), kIOReturnBadArgument);
    EXPECT_EQ(legend->addReporterLegend(nullptr, "Link", nullptr), kIOReturnError);
    ASSERT_EQ(legend->getLegend()->getCount(), 1U);
    auto *entry = OSDynamicCast(OSDictionary, legend->getLegend()->getObject(0));
    EXPECT_STREQ(OSDictionaryGetStringValue(entry, kIOReportLegendGroupNameKey), "Link");
    EXPECT_STREQ(OSDictionaryGetStringValue(entry, kIOReportLegendSubGroupNameKey), "Traffic");
    auto *information = OSDynamicCast(OSDictionary, entry->getObject(kIOReportLegendInfoKey));
    EXPECT_EQ(OSDictionaryGetUInt64Value(information, kIOReportLegendUnitKey), kIOReportUnitBytes);
    auto *channels = OSDynamicCast(OSArray, entry->getObject(kIOReportLegendChannelsKey));
    ASSERT_EQ(channels->getCount(), 2U);
    auto *first = OSDynamicCast(OSArray, channels->getObject(0));
    auto *second = OSDynamicCast(OSArray, channels->getObject(1));
    EXPECT_EQ(OSArrayGetUInt64Value(first, kIOReportChannelIDIdx), kBytesIn);
    EXPECT_EQ(first->getCount(), 2U) << "its id is its name";
    EXPECT_STREQ(OSArrayGetStringValue(second, kIOReportChannelNameIdx), "errors");
}

TEST_F(ReportersTest, ServiceWithoutAnEntry_HasNoReporters) {
    const OSSharedPtr<IOService> unknown(OSTypeAlloc(IOService), OSNoRetain);
    EXPECT_EQ(IOSimpleReporter::with(unknown.get(), 0, kIOReportUnitNone), nullptr);
    EXPECT_EQ(IOSimpleReporter::with(nullptr, 0, kIOReportUnitNone), nullptr);
    EXPECT_EQ(IOStateReporter::with(service_.get(), 0, 0), nullptr);
}

class StateReporterTest : public ReportersTest {
protected:
    void SetUp() override {
        ASSERT_TRUE(reporter_);
        EXPECT_EQ(reporter_->addChannel(1, "link"), kIOReturnSuccess);
    }
    const OSSharedPtr<IOStateReporter> reporter_{
        IOStateReporter::with(service_.get(), kIOReportCategoryPower, 3), OSNoRetain};
};

TEST_F(StateReporterTest, EnteredStates_AreCountedAndTimed) {
    EXPECT_EQ(reporter_->setState(0), kIOReturnSuccess);
    EXPECT_EQ(reporter_->setState(2), kIOReturnSuccess);
    EXPECT_EQ(reporter_->setState(2), kIOReturnSuccess);
    EXPECT_EQ(reporter_->setChannelState(1, 0), kIOReturnSuccess);
    EXPECT_EQ(reporter_->setStateByIndices(0, 2), kIOReturnSuccess);
    EXPECT_EQ(reporter_->getStateInTransitions(1, 0), 2U);
    EXPECT_EQ(reporter_->getStateInTransitions(1, 1), 0U);
    EXPECT_EQ(reporter_->getStateInTransitions(1, 2), 2U);
    EXPECT_EQ(reporter_->getStateResidencyTime(1, 1), 0U);
    const uint64_t so_far = reporter_->getStateResidencyTime(1, 2);
    while (reporter_->getStateResidencyTime(1, 2) == so_far) {
        // the current state's time goes on
    }
    EXPECT_GT(reporter_->getStateLastTransitionTime(1, 2),
              reporter_->getStateLastTransitionTime(1, 0));
    EXPECT_GE(reporter_->getStateLastChannelUpdateTime(1),
              reporter_->getStateLastTransitionTime(1, 2));
}

TEST_F(StateReporterTest, States_AreNamedByTheirIds) {
    constexpr uint64_t kUp = IOREPORT_MAKEID('u', 'p', 0, 0, 0, 0, 0, 0);
    EXPECT_EQ(reporter_->setStateID(1, 1, kUp), kIOReturnSuccess);
    EXPECT_EQ(reporter_->setStateID(1, 3, kUp), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->setStateID(9, 1, kUp), kIOReturnError);
    EXPECT_EQ(reporter_->setChannelState(1, kUp), kIOReturnSuccess);
    EXPECT_EQ(reporter_->setChannelState(1, 1), kIOReturnBadArgument);
    const auto elements = Read(Set({reporter_.get()}), {1});
    ASSERT_EQ(elements.size(), 3U);
    EXPECT_EQ(elements[1].channel_type.element_idx, 1);
    EXPECT_EQ(ValuesOf<IOStateReportValues>(elements[1]).state_id, kUp);
    EXPECT_EQ(ValuesOf<IOStateReportValues>(elements[1]).intransitions, 1U);
    EXPECT_EQ(ValuesOf<IOStateReportValues>(elements[2]).state_id, 2U);
}

TEST_F(StateReporterTest, TimesOfTheDriversOwn_AreTakenOver) {
    EXPECT_EQ(reporter_->overrideChannelState(1, 0, 50, 2, 7), kIOReturnSuccess);
    EXPECT_EQ(reporter_->incrementChannelState(1, 0, 5, 1, 9), kIOReturnSuccess);
    EXPECT_EQ(reporter_->getStateResidencyTime(1, 0), 55U);
    EXPECT_EQ(reporter_->getStateInTransitions(1, 0), 3U);
    EXPECT_EQ(reporter_->getStateLastTransitionTime(1, 0), 9U);
    EXPECT_EQ(reporter_->getStateLastChannelUpdateTime(1), 0U);
    EXPECT_EQ(reporter_->overrideChannelState(1, 3, 0, 0), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->getStateInTransitions(1, 3), kIOReportInvalidValue);
    EXPECT_EQ(reporter_->getStateLastChannelUpdateTime(9), kIOReportInvalidValue);
}

TEST_F(StateReporterTest, BothWaysForOneChannel_EndTheProcess) {
    EXPECT_EQ(reporter_->setState(0), kIOReturnSuccess);
    EXPECT_DEATH(static_cast<void>(reporter_->overrideChannelState(1, 0, 50, 2)),
                 "use one or the other for a channel");
}

TEST_F(StateReporterTest, SetStateOfSeveralChannels_IsRefused) {
    EXPECT_EQ(reporter_->addChannel(2), kIOReturnSuccess);
    EXPECT_EQ(reporter_->setState(0), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->setStateByIndices(1, 1), kIOReturnSuccess);
    EXPECT_EQ(reporter_->getStateInTransitions(2, 1), 1U);
    EXPECT_EQ(reporter_->setStateByIndices(2, 1), kIOReturnBadArgument);
    EXPECT_EQ(reporter_->setStateByIndices(1, 3), kIOReturnOverrun);
}

class HistogramReporterTest : public ReportersTest {
protected:
    /// Buckets up to 10, 20, 30; then up to 100.
    OSSharedPtr<IOHistogramReporter> Make(std::vector<IOHistogramSegmentConfig> segments) {
        return {IOHistogramReporter::with(service_.get(), 0, 4, "latency", kIOReportUnit_us,
                                          static_cast<int>(segments.size()), segments.data()),
                OSNoRetain};
    }
};

TEST_F(HistogramReporterTest, Values_AreCountedInTheirBuckets) {
    const auto reporter = Make({{.base_bucket_width = 10,
                                 .scale_flag = kIOHistogramScaleLinear,
                                 .segment_idx = 0,
                                 .segment_bucket_count = 3},
                                {.base_bucket_width = 100,
                                 .scale_flag = kIOHistogramScaleLinear,
                                 .segment_idx = 1,
                                 .segment_bucket_count = 1}});
    ASSERT_TRUE(reporter);
    EXPECT_EQ(reporter->tallyValue(-5), 0);
    EXPECT_EQ(reporter->tallyValue(10), 0);
    EXPECT_EQ(reporter->tallyValue(11), 1);
    EXPECT_EQ(reporter->tallyValue(30), 2);
    EXPECT_EQ(reporter->tallyValue(100000), 3);
    const auto elements = Read(Set({reporter.get()}), {4});
    ASSERT_EQ(elements.size(), 4U);
    const auto first = ValuesOf<IOHistogramReportValues>(elements[0]);
    EXPECT_EQ(first.bucket_hits, 2U);
    EXPECT_EQ(first.bucket_min, -5);
    EXPECT_EQ(first.bucket_max, 10);
    EXPECT_EQ(first.bucket_sum, 5);
}

TEST_F(HistogramReporterTest, ExponentialBounds_Grow) {
    const auto reporter = Make({{.base_bucket_width = 2,
                                 .scale_flag = kIOHistogramScaleExponential,
                                 .segment_idx = 0,
                                 .segment_bucket_count = 10}});
    ASSERT_TRUE(reporter);
    EXPECT_EQ(reporter->tallyValue(2), 0);
    EXPECT_EQ(reporter->tallyValue(5), 2);
    EXPECT_EQ(reporter->tallyValue(512), 8);
    EXPECT_EQ(reporter->addChannel(5), kIOReturnUnsupported);
}

TEST_F(HistogramReporterTest, BucketsThatDoNotGrow_MakeNoReporter) {
    const IOHistogramSegmentConfig linear = {.base_bucket_width = 10,
                                             .scale_flag = kIOHistogramScaleLinear,
                                             .segment_idx = 0,
                                             .segment_bucket_count = 3};
    EXPECT_FALSE(Make({linear, linear}));
    EXPECT_FALSE(Make({}));
    IOHistogramSegmentConfig wrong = linear;
    wrong.base_bucket_width = 0;
    EXPECT_FALSE(Make({wrong}));
    wrong = linear;
    wrong.scale_flag = 2;
    EXPECT_FALSE(Make({wrong}));
    wrong = linear;
    wrong.scale_flag = kIOHistogramScaleExponential;
    wrong.segment_bucket_count = 64;
    EXPECT_FALSE(Make({wrong})) << "10 to the power of 64";
    wrong = linear;
    wrong.segment_bucket_count = UINT32_MAX;
    EXPECT_FALSE(Make({wrong}));
}

TEST_F(HistogramReporterTest, BucketValues_AreOverridden) {
    const auto reporter = Make({{.base_bucket_width = 10,
                                 .scale_flag = kIOHistogramScaleLinear,
                                 .segment_idx = 0,
                                 .segment_bucket_count = 2}});
    ASSERT_TRUE(reporter);
    EXPECT_EQ(reporter->overrideBucketValues(1, 4, 11, 15, 50), kIOReturnSuccess);
    EXPECT_EQ(reporter->overrideBucketValues(2, 0, 0, 0, 0), kIOReturnBadArgument);
    const auto elements = Read(Set({reporter.get()}), {4});
    EXPECT_EQ(ValuesOf<IOHistogramReportValues>(elements[1]).bucket_sum, 50);
    EXPECT_EQ(ValuesOf<IOHistogramReportValues>(elements[0]).bucket_min, kIOReportInvalidIntValue);
}

}  // namespace
}  // namespace opendext::service
