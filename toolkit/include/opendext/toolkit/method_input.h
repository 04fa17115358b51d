// SPDX-License-Identifier: Apache-2.0
/// @file method_input.h
/// The structure that an application passes to an external method, however it arrives.
#ifndef OPENDEXT_TOOLKIT_METHOD_INPUT_H
#define OPENDEXT_TOOLKIT_METHOD_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOReturn.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSData.h>

#include <opendext/toolkit/bytes.h>
#include <opendext/toolkit/mapping.h>

namespace opendext::toolkit {

/// The input structure of one call: up to 4096 bytes arrive as structureInput, more as structureInputDescriptor, which
/// is mapped when its bytes are first asked for. Lives no longer than the call. One thread at a time.
class MethodInput {
public:
    /// @param arguments of the call; borrowed.
    explicit MethodInput(const IOUserClientMethodArguments *arguments)
        : descriptor_(arguments->structureInputDescriptor) {
        if (descriptor_ == nullptr) {
            bytes_ = BytesOf(arguments->structureInput);
            size_ = bytes_.size;
        } else if (descriptor_->GetLength(&size_) != kIOReturnSuccess) {
            size_ = 0;
        }
    }
    ~MethodInput() = default;
    MethodInput(const MethodInput &) = delete;
    MethodInput &operator=(const MethodInput &) = delete;

    /// Bytes that the application passed; 0 when it passed none.
    [[nodiscard]] uint64_t size() const { return size_; }

    /// The memory of a large input, for DMA, +0; NULL for an inline one.
    [[nodiscard]] IOMemoryDescriptor *descriptor() const { return descriptor_; }

    /// All bytes, in one piece. They are a snapshot: the application cannot change them any more.
    /// @param bytes receives them, valid as long as this object and the call; none after an error.
    /// @return kIOReturnSuccess; the error of CreateMapping.
    [[nodiscard]] kern_return_t GetBytes(ConstBytes *bytes) {
        kern_return_t ret = kIOReturnSuccess;
        if (descriptor_ != nullptr && mapping_.get() == nullptr) {
            ret = mapping_.Map(descriptor_, MappingAccess::kRead);
            bytes_ = mapping_.bytes();
        }
        *bytes = bytes_;
        return ret;
    }

    /// Copies a range. @param offset first byte. @param length bytes.
    /// @return kIOReturnSuccess; kIOReturnUnderrun when the range is not inside the input: nothing is copied then;
    ///         the error of CreateMapping.
    [[nodiscard]] kern_return_t Read(uint64_t offset, uint64_t length, void *destination) {
        if (!RangeIsWithin(offset, length, size_)) {
            return kIOReturnUnderrun;
        }
        if (length == 0) {
            return kIOReturnSuccess;
        }
        ConstBytes bytes;
        const kern_return_t ret = GetBytes(&bytes);
        if (ret == kIOReturnSuccess) {
            memcpy(destination, bytes.data + offset, static_cast<size_t>(length));
        }
        return ret;
    }

    /// Copies an input that is one `T` exactly; kIOReturnBadArgument when it has another size.
    template <typename T>
    [[nodiscard]] kern_return_t ReadValue(T *value) {
        static_assert(__is_trivially_copyable(T), "the bytes of a T must be all there is to it");
        return size_ == sizeof(T) ? Read(0, sizeof(T), value) : kIOReturnBadArgument;
    }

private:
    IOMemoryDescriptor *descriptor_;
    uint64_t size_ = 0;
    ConstBytes bytes_;
    Mapping mapping_;
};

}  // namespace opendext::toolkit

#endif
