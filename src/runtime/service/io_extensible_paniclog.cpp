// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOExtensiblePaniclog.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include <DriverKit/OSData.h>
#include <DriverKit/OSString.h>

#include "runtime/memory/retained.h"
#include "runtime/service/panic_logs.h"

using opendext::memory::Retained;
using opendext::service::PanicLog;
using opendext::service::PanicLogs;

struct IOExtensiblePaniclog_IVars {
    Retained<IOBufferMemoryDescriptor> buffer;
    uint8_t *data = nullptr;  // of the buffer
    uint32_t capacity = 0;
    PanicLog log;

    std::mutex mutex;
    bool is_active = false;  // guarded by mutex

    kern_return_t Activate();
    kern_return_t Deactivate();
    kern_return_t Write(const OSData *added, bool appends);
};

kern_return_t IOExtensiblePaniclog_IVars::Activate() {
    if (is_active || !PanicLogs::Instance().Add(&log)) {
        return kIOReturnBadArgument;
    }
    is_active = true;
    return kIOReturnSuccess;
}

kern_return_t IOExtensiblePaniclog_IVars::Deactivate() {
    if (!std::exchange(is_active, false)) {
        return kIOReturnBadArgument;
    }
    PanicLogs::Instance().Remove(&log);
    return kIOReturnSuccess;
}

kern_return_t IOExtensiblePaniclog_IVars::Write(const OSData *added, bool appends) {
    if (added == nullptr) {
        return kIOReturnBadArgument;
    }
    const std::lock_guard lock(mutex);
    const uint32_t start = appends ? log.length.load() : 0;
    const size_t length = added->getLength();
    if (length > capacity - start) {
        return kIOReturnBadArgument;
    }
    if (length != 0) {
        std::memcpy(data + start, added->getBytesNoCopy(), length);
    }
    log.length = start + static_cast<uint32_t>(length);
    static_cast<void>(Activate());
    return kIOReturnSuccess;
}

bool IOExtensiblePaniclog::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOExtensiblePaniclog_IVars;
    return ivars != nullptr;
}

void IOExtensiblePaniclog::free() {
    if (ivars != nullptr) {
        static_cast<void>(ivars->Deactivate());
        delete std::exchange(ivars, nullptr);
    }
    super::free();
}

kern_return_t IOExtensiblePaniclog::Create_Impl(OSData *uuid, OSString *data_id, uint32_t max_len,
                                                uint32_t options, IOExtensiblePaniclog **out) {
    constexpr uint32_t kLargest = 32768;
    constexpr size_t kLongestName = 32;
    if (out == nullptr) {
        return kIOReturnBadArgument;
    }
    *out = nullptr;
    if (uuid == nullptr || uuid->getLength() > sizeof(PanicLog::uuid) || data_id == nullptr ||
        data_id->getLength() > kLongestName || max_len == 0 || max_len > kLargest ||
        options > kIOExtensiblePaniclogOptionsWithBuffer) {
        return kIOReturnBadArgument;
    }
    Retained<IOExtensiblePaniclog> made(OSTypeAlloc(IOExtensiblePaniclog));
    IOBufferMemoryDescriptor *buffer = nullptr;
    IOAddressSegment range = {};
    if (made == nullptr || !made->init() ||
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, max_len, 0, &buffer) !=
            kIOReturnSuccess) {
        return kIOReturnNoMemory;
    }
    IOExtensiblePaniclog_IVars &state = *made->ivars;
    state.buffer.reset(buffer);
    if (buffer->GetAddressRange(&range) != kIOReturnSuccess) {
        return kIOReturnNoMemory;
    }
    state.data = reinterpret_cast<uint8_t *>(range.address);
    state.capacity = max_len;
    state.log.name = {};
    std::memcpy(state.log.name.data(), data_id->getCStringNoCopy(), data_id->getLength());
    state.log.uuid = {};
    if (uuid->getLength() != 0) {
        std::memcpy(state.log.uuid.data(), uuid->getBytesNoCopy(), uuid->getLength());
    }
    state.log.data = state.data;
    *out = made.release();
    return kIOReturnSuccess;
}

kern_return_t IOExtensiblePaniclog::SetActive_Impl() {
    const std::lock_guard lock(ivars->mutex);
    return ivars->Activate();
}

kern_return_t IOExtensiblePaniclog::SetInactive_Impl() {
    const std::lock_guard lock(ivars->mutex);
    return ivars->Deactivate();
}

kern_return_t IOExtensiblePaniclog::InsertData_Impl(OSData *data) {
    return ivars->Write(data, false);
}

kern_return_t IOExtensiblePaniclog::AppendData_Impl(OSData *data) {
    return ivars->Write(data, true);
}

kern_return_t IOExtensiblePaniclog::CopyMemoryDescriptor_Impl(IOBufferMemoryDescriptor **mem) {
    if (mem == nullptr) {
        return kIOReturnBadArgument;
    }
    const std::lock_guard lock(ivars->mutex);
    ivars->log.length = ivars->capacity;
    *mem = opendext::memory::Retain(ivars->buffer.get()).release();
    return kIOReturnSuccess;
}

kern_return_t IOExtensiblePaniclog::ClaimBuffer(uint64_t *addr, uint64_t *len) {
    if (addr == nullptr || len == nullptr) {
        return kIOReturnBadArgument;
    }
    const std::lock_guard lock(ivars->mutex);
    ivars->log.length = ivars->capacity;
    *addr = reinterpret_cast<uint64_t>(ivars->data);
    *len = ivars->capacity;
    return kIOReturnSuccess;
}

kern_return_t IOExtensiblePaniclog::YieldBuffer(uint32_t used_len) {
    return SetUsedLen(used_len);
}

kern_return_t IOExtensiblePaniclog::SetUsedLen_Impl(uint32_t used_len) {
    const std::lock_guard lock(ivars->mutex);
    if (used_len > ivars->capacity) {
        return kIOReturnBadArgument;
    }
    ivars->log.length = used_len;
    return kIOReturnSuccess;
}
