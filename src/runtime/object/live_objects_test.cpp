// SPDX-License-Identifier: Apache-2.0
#include "runtime/object/live_objects.h"

#include <DriverKit/OSArray.h>
#include <DriverKit/OSString.h>
#include <gtest/gtest.h>

#include "runtime/diagnostics/driver_images.h"
#include "runtime/object/freed_objects.h"
#include "runtime/object/object_internals.h"

namespace opendext::object {
namespace {

/// The test's own code counts as a driver's while it lives.
class AsDriver {
public:
    AsDriver() { diagnostics::AddDriverImage(this_image_); }
    ~AsDriver() {
        ForgetFreedObjects();
        diagnostics::RemoveDriverImage(this_image_);
    }
    AsDriver(const AsDriver &) = delete;
    AsDriver &operator=(const AsDriver &) = delete;

private:
    static constexpr char kHere = 0;
    const void *const this_image_ = &kHere;
};

std::vector<LiveObject> Find(const OSObject *object) {
    return FindLiveObjects([object](const LiveObject &live) { return live.object == object; });
}

TEST(LiveObjects, ObjectOfTheSystem_IsNotListed) {
    OSString *text = OSString::withCString("system");
    EXPECT_TRUE(Find(text).empty());
    text->retain();
    EXPECT_TRUE(Find(text).empty());
    text->release();
    text->release();
}

TEST(LiveObjects, ObjectOfADriver_IsListedUntilItsLastRelease) {
    const AsDriver driver;
    const uint64_t before = CurrentSequence();
    OSString *text = OSString::withCString("driver");
    const std::vector<LiveObject> found = Find(text);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_TRUE(found[0].made_at.is_known());
    EXPECT_EQ(found[0].references, 1U);
    EXPECT_GT(found[0].sequence, before);
    EXPECT_EQ(found[0].thread, ThisThread());
    text->release();
    EXPECT_TRUE(Find(text).empty());
}

TEST(LiveObjects, Retains_AreCountedByPlace) {
    const AsDriver driver;
    OSString *text = OSString::withCString("driver");
    for (int i = 0; i < 3; ++i) {
        text->retain();
    }
    text->retain();
    const std::vector<LiveObject> found = Find(text);
    ASSERT_EQ(found.size(), 1U);
    ASSERT_GE(found[0].retained_at.size(), 2U);
    EXPECT_EQ(found[0].retained_at[0].count, 3U);
    EXPECT_EQ(found[0].retained_at[1].count, 1U);
    for (int i = 0; i < 5; ++i) {
        text->release();
    }
}

TEST(LiveObjects, ObjectThatADriverRetains_IsListedFromThenOn) {
    OSString *text = OSString::withCString("system");
    const AsDriver driver;
    text->retain();
    const std::vector<LiveObject> found = Find(text);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_FALSE(found[0].made_at.is_known());
    text->release();
    text->release();
    EXPECT_TRUE(Find(text).empty());
}

TEST(LiveObjects, Copies_AreOfTheClassAndRetained) {
    const AsDriver driver;
    OSString *text = OSString::withCString("driver");
    OSArray *array = OSArray::withCapacity(1);
    const std::vector<OSObject *> copies = CopyLiveObjects(OSTypeID(OSString));
    EXPECT_EQ(copies, std::vector<OSObject *>{text});
    EXPECT_EQ(ObjectInternals::References(text), 2U);
    text->release();
    text->release();
    array->release();
}

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
TEST(FreedObjectsDeathTest, UseAfterFree_IsToldWithTheMethod) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const AsDriver driver;
    OSString *text = OSString::withCString("driver");
    text->release();
    EXPECT_DEATH(text->release(),
                 "\\[used-after-free\\] OSString .*OSObject::release\\(\\) const is called after "
                 "its free\\(\\): it is released once too often \\(it was freed in ");
    EXPECT_DEATH(text->init(), "\\[used-after-free\\] OSString .*OSString::init\\(\\)");
}

TEST(FreedObjects, LaterFrees_TakeThePlaceOfEarlierOnes) {
    const AsDriver driver;
    for (int i = 0; i < 5000; ++i) {
        OSString::withCString("driver")->release();
    }
    EXPECT_FALSE(ReportFreedObjectFault(0, {}));
}
#endif

}  // namespace
}  // namespace opendext::object
