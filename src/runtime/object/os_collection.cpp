// SPDX-License-Identifier: Apache-2.0
// What all containers have in common: what kind they are, and copies.
#include <DriverKit/OSCollections.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <DriverKit/OSSharedPtr.h>

namespace {

using TypeName = std::pair<OSCollectionType, const char *>;

constexpr std::array<TypeName, 9> kTypeNames = {{
    {kOSCollectionTypeDictionary, "OSDictionary"},
    {kOSCollectionTypeArray, "OSArray"},
    {kOSCollectionTypeSet, "OSSet"},
    {kOSCollectionTypeNumber, "OSNumber"},
    {kOSCollectionTypeSymbol, "OSSymbol"},
    {kOSCollectionTypeString, "OSString"},
    {kOSCollectionTypeData, "OSData"},
    {kOSCollectionTypeBoolean, "OSBoolean"},
    {kOSCollectionTypeSerialization, "OSSerialization"},
}};

std::string KeyOf(const OSObject *original) {
    return fmt::format("{:#x}", reinterpret_cast<uintptr_t>(original));
}

OSSharedPtr<OSCollection> EmptyLike(const OSCollection *original) {
    const uint32_t capacity = original->getCount();
    OSCollection *empty = nullptr;
    if (OSDynamicCast(OSArray, original) != nullptr) {
        empty = OSArray::withCapacity(capacity);
    } else if (OSDynamicCast(OSDictionary, original) != nullptr) {
        empty = OSDictionary::withCapacity(capacity);
    } else if (OSDynamicCast(OSSet, original) != nullptr) {
        empty = OSSet::withCapacity(capacity);
    } else if (OSDynamicCast(OSOrderedSet, original) != nullptr) {
        empty = OSOrderedSet::withCapacity(capacity);
    }
    return {empty, OSNoRetain};
}

// The member's copy when it is a collection, else the member itself.
OSSharedPtr<OSObject> CopyMember(OSObject *member, OSDictionary *copies) {
    auto *collection = OSDynamicCast(OSCollection, member);
    return collection != nullptr
               ? OSSharedPtr<OSObject>(collection->copyCollection(copies), OSNoRetain)
               : OSSharedPtr<OSObject>(member, OSRetain);
}

bool Add(OSCollection *to, OSObject *member) {
    if (auto *array = OSDynamicCast(OSArray, to)) {
        return array->setObject(member);
    }
    if (auto *set = OSDynamicCast(OSSet, to)) {
        return set->setObject(member);
    }
    auto *ordered = OSDynamicCast(OSOrderedSet, to);
    return ordered != nullptr && ordered->setLastObject(member);
}

bool CopyMembers(const OSCollection *from, OSCollection *to, OSDictionary *copies) {
    __block bool is_complete = true;
    if (const auto *dictionary = OSDynamicCast(OSDictionary, from)) {
        auto *target = OSDynamicCast(OSDictionary, to);
        dictionary->iterateObjects(^bool(OSObject *key, OSObject *value) {
            const OSSharedPtr<OSObject> copy = CopyMember(value, copies);
            is_complete = copy && target->setObject(OSDynamicCast(OSString, key), copy.get());
            return !is_complete;
        });
        return is_complete;
    }
    from->iterateObjects(^bool(OSObject *member) {
        const OSSharedPtr<OSObject> copy = CopyMember(member, copies);
        is_complete = copy && Add(to, copy.get());
        return !is_complete;
    });
    return is_complete;
}

}  // namespace

OSCollection *OSCollection::copyCollection(OSDictionary *cycleDict) {
    OSSharedPtr<OSDictionary> copies =
        cycleDict != nullptr ? OSSharedPtr<OSDictionary>(cycleDict, OSRetain)
                             : OSSharedPtr<OSDictionary>(OSDictionary::withCapacity(1), OSNoRetain);
    if (!copies) {
        return nullptr;
    }
    const std::string key = KeyOf(this);
    if (auto *known = OSDynamicCast(OSCollection, copies->getObject(key.c_str()))) {
        known->retain();
        return known;
    }
    OSSharedPtr<OSCollection> copy = EmptyLike(this);
    // Known before its members are copied: it may be in itself.
    if (!copy || !copies->setObject(key.c_str(), copy.get()) ||
        !CopyMembers(this, copy.get(), copies.get())) {
        return nullptr;
    }
    return copy.detach();
}

OSCollectionType OSCollectionTypeID(OSObjectPtr obj) {
    if (OSDynamicCast(OSOrderedSet, obj) != nullptr) {
        return kOSCollectionTypeSet;
    }
    for (const auto &[type, name] : kTypeNames) {
        const OSMetaClass *meta_class = OSMetaClass::find(name);
        if (meta_class != nullptr && OSMetaClassBase::safeMetaCast(obj, meta_class) != nullptr) {
            return type;
        }
    }
    return 0;
}

const char *OSCollectionTypeName(OSCollectionType t) {
    for (const auto &[type, name] : kTypeNames) {
        if (type == t) {
            return name;
        }
    }
    return nullptr;
}

void OSCollectionsInitialize() {}
