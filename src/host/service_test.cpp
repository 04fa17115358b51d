// SPDX-License-Identifier: Apache-2.0
// IOService as a driver uses it, in a host with a registry of maps.
#include <gtest/gtest.h>

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/OSArray.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSNumber.h>
#include <DriverKit/OSString.h>

#include "host/testing/host_rig.h"
#include "runtime/memory/retained.h"
#include "runtime/object/object_census.h"
#include "runtime/service/property_objects.h"

namespace opendext::host {
namespace {

using memory::Retained;
using object::LiveObjects;

// A started TestDriver.
class ServiceTest : public testing::Test {
protected:
    void SetUp() override {
        rig.script.start = [this](TestDriver *started, IOService *its_provider) {
            driver = started;
            provider = its_provider;
            return kIOReturnSuccess;
        };
        ASSERT_EQ(rig.Start(), kIOReturnSuccess);
    }

    HostRig rig;
    TestDriver *driver = nullptr;
    IOService *provider = nullptr;
};

// semantics.md 2.2.
TEST_F(ServiceTest, Create_ForAnotherProvider_IsUnsupported) {
    IOService *made = nullptr;
    EXPECT_EQ(driver->Create(provider, "UserClientProperties", &made), kIOReturnUnsupported);
    EXPECT_EQ(made, nullptr);
}

// semantics.md 2.2.
TEST_F(ServiceTest, Create_OfMissingDictionary_IsBadArgument) {
    IOService *made = nullptr;
    EXPECT_EQ(driver->Create(driver, "NoSuchKey", &made), kIOReturnBadArgument);
}

// semantics.md 2.2.
TEST_F(ServiceTest, Create_WithoutKernelClass_IsBadArgument) {
    rig.reports.MergeProperties(
        rig.service_entry,
        PropertyValue(PropertyValue::Dictionary{
            {"Bare", PropertyValue(PropertyValue::Dictionary{{"IOUserClass", "TestClient"}})}}));
    IOService *made = nullptr;
    EXPECT_EQ(driver->Create(driver, "Bare", &made), kIOReturnBadArgument);
}

// semantics.md 2.2: Start has run, the identity is the creator's.
TEST_F(ServiceTest, Create_GivesAStartedServiceOfTheSameDext) {
    IOService *started_on = nullptr;
    rig.script.client_start = [&](TestClient *, IOService *its_provider) {
        started_on = its_provider;
        return kIOReturnSuccess;
    };
    IOService *made = nullptr;
    ASSERT_EQ(driver->Create(driver, "UserClientProperties", &made), kIOReturnSuccess);
    const Retained<IOService> client(made);
    EXPECT_EQ(started_on, driver);
    EXPECT_NE(OSDynamicCast(TestClient, made), nullptr);
    uint64_t entry = 0;
    ASSERT_EQ(made->GetRegistryEntryID(&entry), kIOReturnSuccess);
    EXPECT_EQ(rig.reports.Get(channel::EntryId{entry}).properties.at("IOUserServerName"),
              PropertyValue("org.opendext.test"));
    EXPECT_EQ(made->Terminate(1), kIOReturnUnsupported);
    EXPECT_EQ(made->Terminate(0), kIOReturnSuccess);
    EXPECT_TRUE(WaitUntil([&] { return rig.reports.Get(channel::EntryId{entry}).stopped; }));
}

// semantics.md 2.2.
TEST_F(ServiceTest, Create_WhoseStartFails_FailsWithItsStatus) {
    rig.script.client_start = [](TestClient *, IOService *) { return kIOReturnNoSpace; };
    IOService *made = nullptr;
    EXPECT_EQ(driver->Create(driver, "UserClientProperties", &made), kIOReturnNoSpace);
    EXPECT_EQ(made, nullptr);
    EXPECT_EQ(LiveObjects("TestClient"), 0);
}

// semantics.md 3.10.
TEST_F(ServiceTest, SetDispatchQueue_TakesDeclaredNamesOnly) {
    IODispatchQueue *queue = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("aux", 0, 0, &queue), kIOReturnSuccess);
    const Retained<IODispatchQueue> owned(queue);
    EXPECT_EQ(driver->SetDispatchQueue("Undeclared", queue), kIOReturnBadArgument);
    IODispatchQueue *found = nullptr;
    EXPECT_EQ(driver->CopyDispatchQueue("Aux", &found), kIOReturnNotFound);
    EXPECT_EQ(driver->SetDispatchQueue("Aux", queue), kIOReturnSuccess);
    EXPECT_EQ(driver->CopyDispatchQueue("Aux", &found), kIOReturnSuccess);
    EXPECT_EQ(found, queue);
    OSSafeReleaseNULL(found);
    bool on_queue = false;
    rig.script.poke = [&](TestDriver *, uint32_t) {
        on_queue = queue->OnQueue();
        return kIOReturnSuccess;
    };
    EXPECT_EQ(driver->Poke(1), kIOReturnSuccess);
    EXPECT_TRUE(on_queue);
}

// semantics.md 3.10: an unknown name is the provider's.
TEST_F(ServiceTest, CopyDispatchQueue_OfUnknownName_AsksTheProvider) {
    IODispatchQueue *found = nullptr;
    EXPECT_EQ(driver->CopyDispatchQueue("Nowhere", &found), kIOReturnNotFound);
    EXPECT_EQ(found, nullptr);
}

// semantics.md 3.10: without a queue of that name the default queue.
TEST_F(ServiceTest, MethodOfUnsetQueue_RunsOnTheDefaultQueue) {
    bool on_queue = false;
    rig.script.poke = [&](TestDriver *self, uint32_t) {
        IODispatchQueue *queue = nullptr;
        self->CopyDispatchQueue("Default", &queue);
        on_queue = queue->OnQueue();
        queue->release();
        return kIOReturnSuccess;
    };
    EXPECT_EQ(driver->Poke(1), kIOReturnSuccess);
    EXPECT_TRUE(on_queue);
}

// semantics.md 3.7.
TEST_F(ServiceTest, CopyDispatchQueue_AfterStop_IsError) {
    const Retained<TestDriver> held = memory::Retain(driver);
    EXPECT_EQ(rig.Stop(rig.service_entry), kIOReturnSuccess);
    IODispatchQueue *queue = nullptr;
    EXPECT_EQ(driver->CopyDispatchQueue("Default", &queue), kIOReturnError);
}

// semantics.md 3.9.
TEST_F(ServiceTest, SetProperties_MergesIntoTheDriversOwn) {
    const Retained<OSDictionary> properties(OSDictionary::withCapacity(1));
    OSDictionarySetUInt64Value(properties.get(), "Answer", 42);
    ASSERT_EQ(driver->SetProperties(properties.get()), kIOReturnSuccess);
    OSDictionary *all = nullptr;
    ASSERT_EQ(driver->CopyProperties(&all), kIOReturnSuccess);
    EXPECT_EQ(OSDictionaryGetUInt64Value(all, "Answer"), 42U);
    EXPECT_NE(all->getObject("UserClientProperties"), nullptr);
    all->release();
    const Retained<OSString> name(OSString::withCString("Answer"));
    EXPECT_EQ(driver->RemoveProperty(name.get()), kIOReturnSuccess);
    EXPECT_EQ(driver->RemoveProperty(name.get()), kIOReturnNotFound);
}

// semantics.md 3.9.
TEST_F(ServiceTest, SetProperties_OfNullOrOfAProvider_IsUnsupported) {
    EXPECT_EQ(driver->SetProperties(nullptr), kIOReturnUnsupported);
    EXPECT_EQ(driver->RemoveProperty(nullptr), kIOReturnUnsupported);
    const Retained<OSDictionary> properties(OSDictionary::withCapacity(1));
    EXPECT_EQ(provider->SetProperties(properties.get()), kIOReturnUnsupported);
}

// semantics.md 3.9.
TEST_F(ServiceTest, SearchProperty_LooksInParentsWhenAsked) {
    OSContainer *found = nullptr;
    EXPECT_EQ(driver->SearchProperty("IOClass", "IOService", 0, &found), kIOReturnNotFound);
    EXPECT_EQ(
        driver->SearchProperty("IOClass", "IOService", kIOServiceSearchPropertyParents, &found),
        kIOReturnSuccess);
    EXPECT_TRUE(OSDynamicCast(OSString, found)->isEqualTo("IOUserResources"));
    OSSafeReleaseNULL(found);
}

// semantics.md 3.9.
TEST_F(ServiceTest, CopyProviderProperties_GoesFromHereToTheRoot) {
    OSArray *all = nullptr;
    ASSERT_EQ(driver->CopyProviderProperties(nullptr, &all), kIOReturnSuccess);
    ASSERT_EQ(all->getCount(), 2U);
    EXPECT_NE(OSDynamicCast(OSDictionary, all->getObject(1))->getObject("IOClass"), nullptr);
    all->release();
}

// semantics.md 3.9.
TEST_F(ServiceTest, SetName_IsWhatCopyNameGives) {
    EXPECT_EQ(driver->SetName("tinygpu"), kIOReturnSuccess);
    OSString *name = nullptr;
    ASSERT_EQ(driver->CopyName(&name), kIOReturnSuccess);
    EXPECT_TRUE(name->isEqualTo("tinygpu"));
    name->release();
}

// semantics.md 3.7: a dext ends only services of its own.
TEST_F(ServiceTest, Terminate_OfTheProvider_IsNotPermitted) {
    EXPECT_EQ(provider->Terminate(0), kIOReturnNotPermitted);
}

// semantics.md 4.6.
TEST_F(ServiceTest, MatchingDictionaries_HaveTheKeysOfTheMatcher) {
    const Retained<OSDictionary> by_class(
        IOService::CreateUserClassMatchingDictionary("Foo", nullptr));
    EXPECT_EQ(service::ToPropertyValue(by_class.get()),
              PropertyValue(PropertyValue::Dictionary{
                  {"IOPropertyMatch",
                   PropertyValue(PropertyValue::Dictionary{{"IOUserClass", "Foo"}})}}));
    const Retained<OSDictionary> both(
        IOService::CreateNameMatchingDictionary("bar", by_class.get()));
    EXPECT_EQ(both.get(), by_class.get());
    EXPECT_NE(both->getObject("IONameMatch"), nullptr);
}

TEST(PropertyObjects, CycleOrForeignObject_IsNoProperty) {
    const Retained<OSArray> cycle(OSArray::withCapacity(1));
    cycle->setObject(cycle.get());
    EXPECT_EQ(service::ToPropertyValue(cycle.get()), std::nullopt);
    cycle->flushCollection();
    IODispatchQueue *queue = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("q", 0, 0, &queue), kIOReturnSuccess);
    EXPECT_EQ(service::ToPropertyValue(queue), std::nullopt);
    queue->release();
}

TEST(PropertyObjects, EveryKind_ComesBackAsItWas) {
    const PropertyValue value(PropertyValue::Dictionary{
        {"a", PropertyValue(PropertyValue::Array{true, "text", PropertyValue::FromInteger(7, 16)})},
        {"d", PropertyValue(PropertyValue::Data{1, 2, 3})}});
    const Retained<OSObject> object(service::ToObject(value));
    EXPECT_EQ(service::ToPropertyValue(object.get()), value);
}

}  // namespace
}  // namespace opendext::host
