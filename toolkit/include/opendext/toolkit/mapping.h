// SPDX-License-Identifier: Apache-2.0
/// @file mapping.h
/// A mapping of a memory descriptor in this process, that ends with its owner.
#ifndef OPENDEXT_TOOLKIT_MAPPING_H
#define OPENDEXT_TOOLKIT_MAPPING_H

#include <stddef.h>
#include <stdint.h>

#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/IOReturn.h>
#include <DriverKit/OSSharedPtr.h>

#include <opendext/toolkit/bytes.h>

namespace opendext::toolkit {

/// What a mapping is for.
enum class MappingAccess {
    kRead,
    /// Memory of direction Out that this process did not make, as the input of an application, is mapped read-only
    /// all the same: a write to it ends the driver. DriverKit has no way to ask.
    kReadWrite,
};

/// Owns one IOMemoryMap, and with it the memory. One object is for one thread at a time.
class Mapping {
public:
    Mapping() = default;
    ~Mapping() = default;
    Mapping(const Mapping &) = delete;
    Mapping &operator=(const Mapping &) = delete;
    Mapping(Mapping &&other) noexcept { Swap(other); }
    Mapping &operator=(Mapping &&other) noexcept {
        if (this != &other) {
            Reset();
            Swap(other);
        }
        return *this;
    }

    /// Maps a range of `memory`; an earlier mapping of this object ends.
    /// @param offset first byte, any alignment.
    /// @param length bytes; 0: to the end of the memory, also with an offset.
    /// @return kIOReturnSuccess; kIOReturnBadArgument for NULL; else CreateMapping's error, which is kIOReturnError
    ///         for a range outside the memory. After an error there is no mapping.
    [[nodiscard]] kern_return_t Map(IOMemoryDescriptor *memory, MappingAccess access,
                                    uint64_t offset = 0, uint64_t length = 0) {
        Reset();
        if (memory == nullptr) {
            return kIOReturnBadArgument;
        }
        kern_return_t ret = kIOReturnSuccess;
        if (offset != 0 && length == 0) {
            ret = memory->GetLength(&length);
            length = length > offset ? length - offset : 0;
        }
        IOMemoryMap *map = nullptr;
        if (ret == kIOReturnSuccess) {
            const uint64_t options = access == MappingAccess::kRead ? kIOMemoryMapReadOnly : 0;
            ret = memory->CreateMapping(options, 0, offset, length, 0, &map);
        }
        if (ret == kIOReturnSuccess) {
            map_.reset(map, OSNoRetain);
            bytes_ = Bytes(reinterpret_cast<void *>(static_cast<uintptr_t>(map->GetAddress())),
                           static_cast<size_t>(map->GetLength()));
            access_ = access;
        }
        return ret;
    }

    /// Ends the mapping, if there is one.
    void Reset() {
        map_.reset();
        bytes_ = Bytes();
    }

    /// The bytes of the range; none without a mapping. Valid as long as the mapping.
    [[nodiscard]] ConstBytes bytes() const { return bytes_; }

    /// The same, to write to; none when the mapping is for kRead.
    [[nodiscard]] Bytes writable_bytes() const {
        return access_ == MappingAccess::kReadWrite ? bytes_ : Bytes();
    }

    /// The mapping itself, +0; NULL without one.
    [[nodiscard]] IOMemoryMap *get() const { return map_.get(); }

private:
    void Swap(Mapping &other) noexcept {
        map_.swap(other.map_);
        const Bytes bytes = bytes_;
        bytes_ = other.bytes_;
        other.bytes_ = bytes;
        const MappingAccess access = access_;
        access_ = other.access_;
        other.access_ = access;
    }

    OSSharedPtr<IOMemoryMap> map_;
    Bytes bytes_;
    MappingAccess access_ = MappingAccess::kRead;
};

}  // namespace opendext::toolkit

#endif
