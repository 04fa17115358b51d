// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSBoolean.h>

#include <new>

namespace {

// The two objects live in static storage and are made before any driver's constructor runs.
alignas(OSBoolean) unsigned char g_false[sizeof(OSBoolean)];
alignas(OSBoolean) unsigned char g_true[sizeof(OSBoolean)];

struct BooleanMaker {
    BooleanMaker() {
        new (static_cast<void *>(g_false)) OSBoolean;
        new (static_cast<void *>(g_true)) OSBoolean;
    }
};
[[gnu::init_priority(101)]] BooleanMaker g_maker;

}  // namespace

OSBoolean *const kOSBooleanFalse = reinterpret_cast<OSBoolean *>(g_false);
OSBoolean *const kOSBooleanTrue = reinterpret_cast<OSBoolean *>(g_true);

bool OSBoolean::init() {
    return super::init();
}

void OSBoolean::free() {}

void OSBoolean::retain() const {}

void OSBoolean::release() const {}

OSBoolean *OSBoolean::withBoolean(bool value) {
    return value ? kOSBooleanTrue : kOSBooleanFalse;
}

bool OSBoolean::isTrue() const {
    return this == kOSBooleanTrue;
}

bool OSBoolean::isFalse() const {
    return !isTrue();
}

bool OSBoolean::getValue() const {
    return isTrue();
}

bool OSBoolean::isEqualTo(const OSMetaClassBase *object) const {
    return this == object;
}

bool OSBoolean::isEqualTo(const OSBoolean *boolean) const {
    return this == boolean;
}
