// SPDX-License-Identifier: Apache-2.0
// Finding services, hearing of them, and their properties: semantics.md 7.1, 7.3, 7.4.
#include <cstring>
#include <memory>
#include <set>
#include <string>

#include <IOKit/IOMessage.h>

#include "tests/system/probe_test.h"

namespace opendext::rig {

namespace {

struct CfRelease {
    void operator()(const void *object) const { CFRelease(object); }
};
using CfObject = std::unique_ptr<const void, CfRelease>;

std::string Text(CFTypeRef value) {
    char text[256] = {};
    if (value == nullptr || CFGetTypeID(value) != CFStringGetTypeID()) {
        return {};
    }
    CFStringGetCString(static_cast<CFStringRef>(value), text, sizeof(text), kCFStringEncodingUTF8);
    return text;
}

int64_t Number(CFTypeRef value) {
    int64_t number = -1;
    if (value != nullptr && CFGetTypeID(value) == CFNumberGetTypeID()) {
        CFNumberGetValue(static_cast<CFNumberRef>(value), kCFNumberSInt64Type, &number);
    }
    return number;
}

std::string NameOf(const IoObject &entry) {
    io_name_t name = {};
    return IORegistryEntryGetName(entry.get(), name) == kIOReturnSuccess ? name : "";
}

uint64_t IdOf(const IoObject &entry) {
    uint64_t id = 0;
    EXPECT_EQ(IORegistryEntryGetRegistryEntryID(entry.get(), &id), kIOReturnSuccess);
    return id;
}

size_t CountMatches(CFDictionaryRef matching) {
    IoObject iterator;
    EXPECT_EQ(IOServiceGetMatchingServices(kIOMainPortDefault, matching, iterator.out()),
              kIOReturnSuccess);
    size_t count = 0;
    while (const IoObject next{IOIteratorNext(iterator.get())}) {
        ++count;
    }
    return count;
}

/// A matching notification; counts what arrives, and holds the last of it.
class Watch {
public:
    Watch(const LoopPort &port, const char *type, const char *name) {
        EXPECT_EQ(IOServiceAddMatchingNotification(port.get(), type, IOServiceNameMatching(name),
                                                   OnArrival, this, iterator_.out()),
                  kIOReturnSuccess);
        Drain();
    }

    [[nodiscard]] size_t num_arrived() const { return num_arrived_; }
    [[nodiscard]] const IoObject &last() const { return last_; }

private:
    static void OnArrival(void *watch, io_iterator_t /*iterator*/) {
        static_cast<Watch *>(watch)->Drain();
    }
    void Drain() {
        while (IoObject next{IOIteratorNext(iterator_.get())}) {
            last_ = std::move(next);
            ++num_arrived_;
        }
    }

    IoObject iterator_;
    IoObject last_;
    size_t num_arrived_ = 0;
};

class MatchingTest : public ProbeTest {};

// A dext's kernel class is IOUserService; its own class is its name (semantics.md 3.5).
TEST_P(MatchingTest, DextService_IsFoundByNameAndNotByItsClass) {
    EXPECT_EQ(CountMatches(IOServiceNameMatching("ProbeService")), 1U);
    EXPECT_EQ(CountMatches(IOServiceMatching("ProbeService")), 0U);
    EXPECT_GE(CountMatches(IOServiceMatching("IOUserService")), 1U);
    EXPECT_GE(CountMatches(IOServiceMatching("IOService")), 2U);
    const IoObject service = FindService("ProbeService");
    EXPECT_EQ(NameOf(service), "ProbeService");
    io_name_t class_name = {};
    EXPECT_EQ(IOObjectGetClass(service.get(), class_name), kIOReturnSuccess);
    EXPECT_STREQ(class_name, "IOUserService");
    EXPECT_TRUE(IOObjectConformsTo(service.get(), "IOService"));
    EXPECT_FALSE(IOObjectConformsTo(service.get(), "IOPCIDevice"));
}

TEST_P(MatchingTest, PropertyMatch_ChoosesByValue) {
    for (const auto &[value, count] :
         {std::pair{CFSTR("ProbeService"), 1U}, std::pair{CFSTR("Another"), 0U}}) {
        CFMutableDictionaryRef matching = IOServiceMatching("IOUserService");
        const void *key = CFSTR("IOUserClass");
        const void *values[] = {value};
        const CfObject properties(CFDictionaryCreate(kCFAllocatorDefault, &key, values, 1,
                                                     &kCFTypeDictionaryKeyCallBacks,
                                                     &kCFTypeDictionaryValueCallBacks));
        CFDictionarySetValue(matching, CFSTR(kIOPropertyMatchKey), properties.get());
        EXPECT_EQ(CountMatches(matching), count);
    }
}

TEST_P(MatchingTest, NothingThatMatches_IsSuccessWithoutAnIterator) {
    io_iterator_t iterator = 1;
    EXPECT_EQ(IOServiceGetMatchingServices(kIOMainPortDefault,
                                           IOServiceNameMatching("NoSuchService"), &iterator),
              kIOReturnSuccess);
    EXPECT_EQ(iterator, IO_OBJECT_NULL);
    EXPECT_EQ(IOServiceGetMatchingServices(kIOMainPortDefault, nullptr, &iterator),
              kIOReturnBadArgument);
    EXPECT_EQ(IOServiceGetMatchingService(kIOMainPortDefault, nullptr), IO_OBJECT_NULL);
}

TEST_P(MatchingTest, EntryIdMatching_FindsThatEntry) {
    const IoObject service = FindService("ProbeService");
    const IoObject same(
        IOServiceGetMatchingService(kIOMainPortDefault, IORegistryEntryIDMatching(IdOf(service))));
    EXPECT_TRUE(IOObjectIsEqualTo(service.get(), same.get()));
    boolean_t matches = 0;
    CFMutableDictionaryRef matching = IOServiceNameMatching("ProbeService");
    EXPECT_EQ(IOServiceMatchPropertyTable(service.get(), matching, &matches), kIOReturnSuccess);
    EXPECT_TRUE(matches);
    CFRelease(matching);
}

TEST_P(MatchingTest, Iterator_StartsAgainAfterAReset) {
    IoObject iterator;
    ASSERT_EQ(IOServiceGetMatchingServices(kIOMainPortDefault,
                                           IOServiceNameMatching("ProbeService"), iterator.out()),
              kIOReturnSuccess);
    EXPECT_TRUE(IoObject(IOIteratorNext(iterator.get())));
    EXPECT_FALSE(IoObject(IOIteratorNext(iterator.get())));
    IOIteratorReset(iterator.get());
    EXPECT_TRUE(IoObject(IOIteratorNext(iterator.get())));
    EXPECT_TRUE(IOIteratorIsValid(iterator.get()));
}

TEST_P(MatchingTest, FirstMatch_TellsOfWhatIsThere) {
    const LoopPort port;
    const Watch watch(port, kIOFirstMatchNotification, "ProbeService");
    EXPECT_EQ(watch.num_arrived(), 1U);
    EXPECT_EQ(IdOf(watch.last()), IdOf(FindService("ProbeService")));
}

// semantics.md 7.3: Matched comes with each registration, FirstMatch once.
TEST_P(MatchingTest, SecondRegistration_IsMatchedAndNoFirstMatch) {
    const LoopPort port;
    const Watch first(port, kIOFirstMatchNotification, "ProbeService");
    const Watch each(port, kIOMatchedNotification, "ProbeService");
    ASSERT_EQ(each.num_arrived(), 1U);
    ASSERT_EQ(CallScalars(kProbeRegister, {}), kIOReturnSuccess);
    EXPECT_TRUE(LoopPort::RunUntil([&] { return each.num_arrived() == 2; }));
    EXPECT_EQ(first.num_arrived(), 1U);
}

TEST_P(MatchingTest, Termination_IsTold) {
    const LoopPort port;
    const Watch watch(port, kIOTerminatedNotification, "ProbeService");
    EXPECT_EQ(watch.num_arrived(), 0U);
    const IoObject service = FindService("ProbeService");
    ASSERT_EQ(CallScalars(kProbeTerminate, {}), kIOReturnSuccess);
    ASSERT_TRUE(LoopPort::RunUntil([&] { return watch.num_arrived() == 1; }));
    EXPECT_TRUE(IOObjectIsEqualTo(watch.last().get(), service.get()));
    EXPECT_FALSE(FindService("ProbeService"));
    // The client goes with its service.
    EXPECT_TRUE(log().WaitFor(kProbeStopLine));
    connection_.Close();
}

TEST_P(MatchingTest, Interest_HearsOfTheTermination) {
    const LoopPort port;
    const IoObject service = FindService("ProbeService");
    uint32_t message = 0;
    IoObject notification;
    ASSERT_EQ(IOServiceAddInterestNotification(
                  port.get(), service.get(), kIOGeneralInterest,
                  [](void *seen, io_service_t, uint32_t type, void *) {
                      *static_cast<uint32_t *>(seen) = type;
                  },
                  &message, notification.out()),
              kIOReturnSuccess);
    ASSERT_EQ(CallScalars(kProbeTerminate, {}), kIOReturnSuccess);
    EXPECT_TRUE(LoopPort::RunUntil([&] { return message == kIOMessageServiceIsTerminated; }));
    connection_.Close();
}

// A service that the driver's process keeps: calls on its connections are over.
TEST_P(MatchingTest, CallAfterTheTermination_Fails) {
    ASSERT_EQ(CallScalars(kProbeTerminate, {}), kIOReturnSuccess);
    ASSERT_TRUE(log().WaitFor(kProbeStopLine));
    EXPECT_TRUE(WaitUntil([&] { return AddOne(connection_) != kIOReturnSuccess; }));
    connection_.Close();
}

TEST_P(MatchingTest, Properties_AreThoseOfThePersonality) {
    const IoObject service = FindService("ProbeService");
    const auto property = [&](CFStringRef key) {
        return CfObject(
            IORegistryEntryCreateCFProperty(service.get(), key, kCFAllocatorDefault, 0));
    };
    EXPECT_EQ(Text(property(CFSTR("IOUserClass")).get()), "ProbeService");
    EXPECT_EQ(Text(property(CFSTR("CFBundleIdentifier")).get()), "org.opendext.test.probe");
    EXPECT_EQ(property(CFSTR("NoSuchProperty")), nullptr);
    CFMutableDictionaryRef all = nullptr;
    ASSERT_EQ(IORegistryEntryCreateCFProperties(service.get(), &all, kCFAllocatorDefault, 0),
              kIOReturnSuccess);
    const CfObject owner(all);
    EXPECT_EQ(Text(CFDictionaryGetValue(all, CFSTR("ProbeStart"))), "succeed");
    EXPECT_EQ(IORegistryEntrySetCFProperty(service.get(), CFSTR("key"), CFSTR("value")),
              kIOReturnUnsupported);
}

TEST_P(MatchingTest, PropertyThatTheDriverSets_IsSeen) {
    const IoObject service = FindService("ProbeService");
    for (const uint64_t count : {uint64_t{5}, uint64_t{6}}) {
        ASSERT_EQ(CallScalars(kProbeMerge, {count}), kIOReturnSuccess);
        const CfObject seen(IORegistryEntryCreateCFProperty(service.get(), CFSTR("ProbeCount"),
                                                            kCFAllocatorDefault, 0));
        EXPECT_EQ(Number(seen.get()), static_cast<int64_t>(count));
    }
}

TEST_P(MatchingTest, SmallPropertyBuffer_IsAnError) {
    const IoObject service = FindService("ProbeService");
    io_struct_inband_t bytes = {};
    uint32_t size = sizeof(bytes);
    EXPECT_EQ(IORegistryEntryGetProperty(service.get(), "ProbeStart", bytes, &size),
              kIOReturnSuccess);
    EXPECT_STREQ(bytes, "succeed");
    EXPECT_EQ(size, sizeof("succeed"));
    size = 3;
    EXPECT_EQ(IORegistryEntryGetProperty(service.get(), "ProbeStart", bytes, &size),
              kIOReturnIPCError);
    EXPECT_EQ(IORegistryEntryGetProperty(service.get(), "NoSuchProperty", bytes, &size),
              kIOReturnNoResources);
}

TEST_P(MatchingTest, RegistryWalk_ReachesTheServiceFromBothEnds) {
    const IoObject root(IORegistryGetRootEntry(kIOMainPortDefault));
    IoObject iterator;
    ASSERT_EQ(IORegistryEntryCreateIterator(root.get(), kIOServicePlane,
                                            kIORegistryIterateRecursively, iterator.out()),
              kIOReturnSuccess);
    std::multiset<std::string> names;
    while (const IoObject entry{IOIteratorNext(iterator.get())}) {
        names.insert(NameOf(entry));
    }
    EXPECT_EQ(names.count("ProbeService"), 1U);
    EXPECT_EQ(names.count("ProbeClient"), 1U);
    EXPECT_EQ(names.count("IOUserResources"), 1U);
    const IoObject service = FindService("ProbeService");
    IoObject parent;
    ASSERT_EQ(IORegistryEntryGetParentEntry(service.get(), kIOServicePlane, parent.out()),
              kIOReturnSuccess);
    EXPECT_EQ(NameOf(parent), "IOUserResources");
    IoObject none;
    EXPECT_EQ(IORegistryEntryGetParentEntry(root.get(), kIOServicePlane, none.out()),
              kIOReturnNoDevice);
    io_string_t path = {};
    ASSERT_EQ(IORegistryEntryGetPath(service.get(), kIOServicePlane, path), kIOReturnSuccess);
    const IoObject same(IORegistryEntryFromPath(kIOMainPortDefault, path));
    EXPECT_TRUE(IOObjectIsEqualTo(service.get(), same.get())) << path;
}

OPENDEXT_BOTH_VARIANTS(MatchingTest);

class DeviceTest : public DriverTest {};

TEST_P(DeviceTest, AttachedModel_IsAPciDevice) {
    DriverTest::Start({.devices = {"model:fpga-dma"}});
    const IoObject device(
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching("IOPCIDevice")));
    ASSERT_TRUE(device);
    const CfObject vendor(
        IORegistryEntryCreateCFProperty(device.get(), CFSTR("vendor-id"), kCFAllocatorDefault, 0));
    ASSERT_NE(vendor, nullptr);
    EXPECT_EQ(CFDataGetLength(static_cast<CFDataRef>(vendor.get())), 4);
}

OPENDEXT_BOTH_VARIANTS(DeviceTest);

}  // namespace

}  // namespace opendext::rig
