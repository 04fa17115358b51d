// SPDX-License-Identifier: Apache-2.0
/// @file method_output.h
/// The structure that an external method returns to an application, however it travels.
#ifndef OPENDEXT_TOOLKIT_METHOD_OUTPUT_H
#define OPENDEXT_TOOLKIT_METHOD_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOReturn.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSData.h>

#include <opendext/toolkit/bytes.h>
#include <opendext/toolkit/mapping.h>

namespace opendext::toolkit {

/// The output structure of one call: write, then Finish. Where the application has room for up to 4096 bytes, or takes
/// any size, the bytes are kept here and Finish makes the structureOutput of them; where it has more room they go
/// straight into its memory, structureOutputDescriptor. Lives no longer than the call. One thread at a time.
class MethodOutput {
public:
    /// @param arguments of the call; borrowed.
    explicit MethodOutput(IOUserClientMethodArguments *arguments)
        : arguments_(arguments),
          descriptor_(arguments->structureOutputDescriptor),
          capacity_(arguments->structureOutputMaximumSize),
          kept_(inline_, sizeof(inline_)) {}
    ~MethodOutput() { FreeKept(); }
    MethodOutput(const MethodOutput &) = delete;
    MethodOutput &operator=(const MethodOutput &) = delete;

    /// Bytes that the application has room for; 0: it wants none; kIOUserClientVariableStructureSize: any number.
    [[nodiscard]] uint64_t capacity() const { return capacity_; }

    /// Bytes that the output has: up to the last one written.
    [[nodiscard]] uint64_t length() const { return length_; }

    /// The application's own memory, for DMA, +0; NULL when the bytes are kept here. Its direction is In.
    [[nodiscard]] IOMemoryDescriptor *descriptor() const { return descriptor_; }

    /// Room for the first `num_bytes`, in one piece, to be written to; follow it with SetLength. Bytes that were not
    /// written yet are 0, or in the application's own memory what they were.
    /// @param bytes receives the room, valid until the next call that is not const; none after an error.
    /// @return kIOReturnSuccess; kIOReturnNoSpace above the capacity; kIOReturnNoMemory; the error of CreateMapping.
    [[nodiscard]] kern_return_t GetRoom(uint64_t num_bytes, Bytes *bytes) {
        *bytes = Bytes();
        const kern_return_t ret = Reach(num_bytes);
        if (ret == kIOReturnSuccess) {
            *bytes = Bytes(Start(), static_cast<size_t>(num_bytes));
        }
        return ret;
    }

    /// Makes the output `length` bytes long. An application that gave its memory is always told all of its room:
    /// tell it the length in the bytes themselves, or in a scalar.
    /// @return as GetRoom.
    [[nodiscard]] kern_return_t SetLength(uint64_t length) {
        const kern_return_t ret = Reach(length);
        if (ret == kIOReturnSuccess) {
            length_ = length;
        }
        return ret;
    }

    /// Writes `source` at `offset`; the output is at least as long as that needs.
    /// @return as GetRoom; nothing is written after an error.
    [[nodiscard]] kern_return_t Write(uint64_t offset, ConstBytes source) {
        if (!RangeIsWithin(offset, source.size, capacity_)) {
            return kIOReturnNoSpace;
        }
        const uint64_t end = offset + source.size;
        const kern_return_t ret = MakeRoom(end);
        if (ret != kIOReturnSuccess || source.empty()) {
            return ret;
        }
        Define(offset);
        memcpy(Start() + offset, source.data, source.size);
        num_defined_ = end > num_defined_ ? end : num_defined_;
        length_ = end > length_ ? end : length_;
        return kIOReturnSuccess;
    }

    /// Writes `source` behind what is there. @return as Write.
    [[nodiscard]] kern_return_t Append(ConstBytes source) { return Write(length_, source); }

    /// Appends the bytes of one `T`. @return as Write.
    template <typename T>
    [[nodiscard]] kern_return_t AppendValue(const T &value) {
        static_assert(__is_trivially_copyable(T), "the bytes of a T must be all there is to it");
        return Append(ConstBytes(&value, sizeof(T)));
    }

    /// Hands the output over, once, as the last thing of a call that succeeds. Without it a small output is lost.
    /// @return kIOReturnSuccess; kIOReturnNoMemory; kIOReturnNotPermitted when the call has a structureOutput already.
    [[nodiscard]] kern_return_t Finish() {
        if (descriptor_ != nullptr || capacity_ == 0) {
            return kIOReturnSuccess;
        }
        if (arguments_->structureOutput != nullptr) {
            return kIOReturnNotPermitted;
        }
        arguments_->structureOutput = OSData::withBytes(kept_.data, static_cast<size_t>(length_));
        return arguments_->structureOutput != nullptr ? kIOReturnSuccess : kIOReturnNoMemory;
    }

private:
    uint8_t *Start() {
        return descriptor_ != nullptr ? mapping_.writable_bytes().data : kept_.data;
    }

    kern_return_t Reach(uint64_t end) {
        const kern_return_t ret = MakeRoom(end);
        if (ret == kIOReturnSuccess) {
            Define(end);
        }
        return ret;
    }

    /// The first `end` bytes are there to be written.
    kern_return_t MakeRoom(uint64_t end) {
        if (end > capacity_) {
            return kIOReturnNoSpace;
        }
        if (descriptor_ != nullptr) {
            return mapping_.get() != nullptr || end == 0
                       ? kIOReturnSuccess
                       : mapping_.Map(descriptor_, MappingAccess::kReadWrite);
        }
        return end <= kept_.size || GrowKept(end) ? kIOReturnSuccess : kIOReturnNoMemory;
    }

    /// The first `end` bytes hold nothing of the driver that is not meant for the application.
    void Define(uint64_t end) {
        if (descriptor_ == nullptr && end > num_defined_) {
            memset(kept_.data + num_defined_, 0, static_cast<size_t>(end - num_defined_));
            num_defined_ = end;
        }
    }

    bool GrowKept(uint64_t num_bytes) {
        const uint64_t doubled = 2 * static_cast<uint64_t>(kept_.size);
        const size_t size = static_cast<size_t>(num_bytes < doubled ? doubled : num_bytes);
        void *larger = IOMalloc(size);
        if (larger == nullptr) {
            return false;
        }
        memcpy(larger, kept_.data, static_cast<size_t>(num_defined_));
        FreeKept();
        kept_ = Bytes(larger, size);
        return true;
    }

    void FreeKept() {
        if (kept_.data != inline_) {
            IOFree(kept_.data, kept_.size);
        }
    }

    IOUserClientMethodArguments *arguments_;
    IOMemoryDescriptor *descriptor_;
    uint64_t capacity_;
    uint64_t length_ = 0;
    uint64_t num_defined_ = 0;  // bytes of kept_ that were written or set to 0
    Bytes kept_;                // inline_, or allocated
    Mapping mapping_;
    alignas(16) uint8_t inline_[4096];
};

}  // namespace opendext::toolkit

#endif
