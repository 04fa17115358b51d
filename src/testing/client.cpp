// SPDX-License-Identifier: Apache-2.0
#include <opendext/testing/client.h>

#include <algorithm>
#include <array>

#include "iokit/notification_router.h"
#include "iokit/session.h"
#include "testing/run_loop.h"

namespace opendext::test {

namespace {

/// The buffers of a call, and what became of them.
struct CallBuffers {
    explicit CallBuffers(const CallInput &input)
        : scalars(input.num_scalars_out),
          structure(input.structure_out_bytes),
          num_scalars(input.num_scalars_out),
          num_bytes(input.structure_out_bytes) {}

    [[nodiscard]] CallResult Take(kern_return_t status) {
        if (status != kIOReturnSuccess) {
            return {.status = status};
        }
        scalars.resize(std::min<size_t>(num_scalars, scalars.size()));
        structure.resize(std::min(num_bytes, structure.size()));
        return {.status = status, .scalars = std::move(scalars), .structure = std::move(structure)};
    }

    std::vector<uint64_t> scalars;
    std::vector<std::byte> structure;
    uint32_t num_scalars;
    size_t num_bytes;
};

template <typename Use>
auto WithProperty(io_service_t service, const std::string &key, Use use)
    -> decltype(use(CFTypeRef())) {
    const CFStringRef name =
        CFStringCreateWithCString(kCFAllocatorDefault, key.c_str(), kCFStringEncodingUTF8);
    const CFTypeRef value = IORegistryEntryCreateCFProperty(service, name, kCFAllocatorDefault, 0);
    CFRelease(name);
    if (value == nullptr) {
        return {};
    }
    auto result = use(value);
    CFRelease(value);
    return result;
}

}  // namespace

// --- AsyncCall

AsyncCall::AsyncCall() : port_(MakeLoopPort()) {}

AsyncCall::~AsyncCall() {
    IONotificationPortDestroy(port_);
}

void AsyncCall::OnCompletion(void *self, IOReturn status, void **words, uint32_t num_words) {
    Completion completion{.status = status, .words = {}};
    for (uint32_t i = 0; i < num_words; ++i) {
        completion.words.push_back(reinterpret_cast<uint64_t>(words[i]));
    }
    static_cast<AsyncCall *>(self)->completions_.push_back(std::move(completion));
}

bool AsyncCall::Wait(size_t count) {
    return RunLoopUntil([&] { return completions_.size() >= count; });
}

const std::vector<Completion> &AsyncCall::completions() {
    TakeInArrived();
    return completions_;
}

// --- MappedMemory

void MappedMemory::Unmap() {
    if (connect_ != IO_OBJECT_NULL) {
        IOConnectUnmapMemory64(std::exchange(connect_, IO_OBJECT_NULL), type_, mach_task_self(),
                               reinterpret_cast<mach_vm_address_t>(bytes_.data()));
        bytes_ = {};
    }
}

// --- Client

CallResult Client::Call(uint32_t selector, const CallInput &input) const {
    if (connect_ == IO_OBJECT_NULL) {
        return {};
    }
    CallBuffers out(input);
    const bool has_structure = input.structure_out_bytes != 0;
    const kern_return_t status = IOConnectCallMethod(
        connect_, selector, input.scalars.data(), static_cast<uint32_t>(input.scalars.size()),
        input.structure.data(), input.structure.size(), out.scalars.data(), &out.num_scalars,
        has_structure ? out.structure.data() : nullptr, has_structure ? &out.num_bytes : nullptr);
    return out.Take(status);
}

std::expected<uint64_t, kern_return_t> Client::CallScalar(uint32_t selector,
                                                          std::vector<uint64_t> scalars) const {
    const CallResult result = Call(selector, {.scalars = std::move(scalars), .num_scalars_out = 1});
    if (!result.ok()) {
        return std::unexpected(result.status);
    }
    return result.scalars.empty() ? 0 : result.scalars.front();
}

std::unique_ptr<AsyncCall> Client::CallAsync(uint32_t selector, const CallInput &input) const {
    std::unique_ptr<AsyncCall> call(new AsyncCall);
    if (connect_ == IO_OBJECT_NULL) {
        return call;
    }
    iokit::NotificationRouter::SetWordsCallback(&AsyncCall::OnCompletion);
    std::array<uint64_t, kIOAsyncCalloutCount> reference{};
    reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(&AsyncCall::OnCompletion);
    reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<uint64_t>(call.get());
    CallBuffers out(input);
    const bool has_structure = input.structure_out_bytes != 0;
    const kern_return_t status = IOConnectCallAsyncMethod(
        connect_, selector, IONotificationPortGetMachPort(call->port_), reference.data(),
        static_cast<uint32_t>(reference.size()), input.scalars.data(),
        static_cast<uint32_t>(input.scalars.size()), input.structure.data(), input.structure.size(),
        out.scalars.data(), &out.num_scalars, has_structure ? out.structure.data() : nullptr,
        has_structure ? &out.num_bytes : nullptr);
    call->result_ = out.Take(status);
    return call;
}

std::expected<MappedMemory, kern_return_t> Client::Map(uint32_t type, uint32_t options) const {
    if (connect_ == IO_OBJECT_NULL) {
        return std::unexpected(kIOReturnNotAttached);
    }
    mach_vm_address_t address = 0;
    mach_vm_size_t size = 0;
    const kern_return_t status =
        IOConnectMapMemory64(connect_, type, mach_task_self(), &address, &size, options);
    if (status != kIOReturnSuccess) {
        return std::unexpected(status);
    }
    return MappedMemory(connect_, type, std::span(reinterpret_cast<std::byte *>(address), size));
}

void Client::Close() {
    if (connect_ != IO_OBJECT_NULL) {
        IOServiceClose(std::exchange(connect_, IO_OBJECT_NULL));
    }
}

// --- ServiceMessages

ServiceMessages::ServiceMessages(io_service_t service) : port_(MakeLoopPort()) {
    IOServiceAddInterestNotification(port_, service, kIOGeneralInterest, &OnMessage, this, &watch_);
}

ServiceMessages::~ServiceMessages() {
    if (watch_ != IO_OBJECT_NULL) {
        IOObjectRelease(watch_);
    }
    IONotificationPortDestroy(port_);
}

void ServiceMessages::OnMessage(void *self, io_service_t /*service*/, uint32_t message_type,
                                void * /*argument*/) {
    static_cast<ServiceMessages *>(self)->messages_.push_back(message_type);
}

bool ServiceMessages::Has(uint32_t message_type) const {
    return std::ranges::find(messages_, message_type) != messages_.end();
}

bool ServiceMessages::WaitFor(uint32_t message_type) {
    return RunLoopUntil([&] { return Has(message_type); });
}

// --- Service

Service::~Service() {
    if (service_ != IO_OBJECT_NULL) {
        IOObjectRelease(service_);
    }
}

std::expected<Client, kern_return_t> Service::Open(uint32_t type) const {
    io_connect_t connect = IO_OBJECT_NULL;
    const kern_return_t status = IOServiceOpen(service_, mach_task_self(), type, &connect);
    if (status != kIOReturnSuccess) {
        return std::unexpected(status);
    }
    return Client(connect);
}

std::optional<uint64_t> Service::NumberProperty(const std::string &key) const {
    return WithProperty(service_, key, [](CFTypeRef value) -> std::optional<uint64_t> {
        int64_t number = 0;
        if (CFGetTypeID(value) != CFNumberGetTypeID() ||
            CFNumberGetValue(static_cast<CFNumberRef>(value), kCFNumberSInt64Type, &number) == 0) {
            return std::nullopt;
        }
        return static_cast<uint64_t>(number);
    });
}

std::optional<std::string> Service::StringProperty(const std::string &key) const {
    return WithProperty(service_, key, [](CFTypeRef value) -> std::optional<std::string> {
        if (CFGetTypeID(value) != CFStringGetTypeID()) {
            return std::nullopt;
        }
        const auto *text = static_cast<CFStringRef>(value);
        constexpr CFIndex kMostBytesOfACharacter = 4;
        std::string utf8(static_cast<size_t>(CFStringGetLength(text) * kMostBytesOfACharacter + 1),
                         '\0');
        if (CFStringGetCString(text, utf8.data(), static_cast<CFIndex>(utf8.size()),
                               kCFStringEncodingUTF8) == 0) {
            return std::nullopt;
        }
        utf8.resize(utf8.find('\0'));
        return utf8;
    });
}

std::unique_ptr<ServiceMessages> Service::Watch() const {
    return std::unique_ptr<ServiceMessages>(new ServiceMessages(service_));
}

}  // namespace opendext::test
