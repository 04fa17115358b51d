// SPDX-License-Identifier: Apache-2.0
#include "tests/system/usb_test.h"

#include <numeric>

namespace opendext::rig {

namespace {

std::vector<IoObject> FindAll(CFMutableDictionaryRef matching) {
    IoObject iterator;
    EXPECT_EQ(IOServiceGetMatchingServices(kIOMainPortDefault, matching, iterator.out()),
              kIOReturnSuccess);
    std::vector<IoObject> found;
    while (IoObject service{IOIteratorNext(iterator.get())}) {
        found.push_back(std::move(service));
    }
    return found;
}

}  // namespace

std::vector<IoObject> FindServices(const char *name) {
    return FindAll(IOServiceNameMatching(name));
}

std::vector<IoObject> FindOfClass(const char *class_name) {
    return FindAll(IOServiceMatching(class_name));
}

std::vector<IoObject> WaitForServices(const char *name, size_t count) {
    std::vector<IoObject> found;
    static_cast<void>(WaitUntil([&] {
        found = FindServices(name);
        return found.size() == count;
    }));
    return found;
}

uint64_t IdOf(const IoObject &entry) {
    uint64_t id = 0;
    static_cast<void>(IORegistryEntryGetRegistryEntryID(entry.get(), &id));
    return id;
}

uint64_t NumberOf(const IoObject &entry, const char *key) {
    CFStringRef name = CFStringCreateWithCString(nullptr, key, kCFStringEncodingUTF8);
    CFTypeRef value = IORegistryEntryCreateCFProperty(entry.get(), name, nullptr, 0);
    CFRelease(name);
    int64_t number = -1;
    if (value != nullptr) {
        if (CFGetTypeID(value) == CFNumberGetTypeID()) {
            CFNumberGetValue(static_cast<CFNumberRef>(value), kCFNumberSInt64Type, &number);
        }
        CFRelease(value);
    }
    return static_cast<uint64_t>(number);
}

bool Echoes(const Connection &interface_client) {
    std::vector<uint8_t> sent(1000);
    std::iota(sent.begin(), sent.end(), uint8_t{1});
    std::vector<uint8_t> received(sent.size());
    size_t num_bytes = received.size();
    const kern_return_t result =
        IOConnectCallStructMethod(interface_client.get(), kUsbProbeEcho, sent.data(), sent.size(),
                                  received.data(), &num_bytes);
    EXPECT_EQ(result, kIOReturnSuccess);
    return result == kIOReturnSuccess && num_bytes == sent.size() && received == sent;
}

kern_return_t SendVendorRequest(const Connection &client, uint8_t request, uint16_t value,
                                uint16_t index) {
    const uint64_t input[] = {request, value, index};
    return IOConnectCallScalarMethod(client.get(), kUsbProbeVendorRequest, input, 3, nullptr,
                                     nullptr);
}

void Detach(const Connection &client, uint16_t stays_or_comes_back) {
    EXPECT_EQ(SendVendorRequest(client, models::usb_loopback::kDetach, 1, stays_or_comes_back),
              kIOReturnSuccess);
    EXPECT_NE(SendVendorRequest(client, models::usb_loopback::kClear, 0, 0), kIOReturnSuccess);
}

uint64_t Ask(const Connection &client, uint32_t selector) {
    uint64_t output = 0;
    uint32_t num_outputs = 1;
    EXPECT_EQ(IOConnectCallScalarMethod(client.get(), selector, nullptr, 0, &output, &num_outputs),
              kIOReturnSuccess);
    return output;
}

Connection OpenInterface(uint64_t number) {
    Connection found;
    EXPECT_TRUE(WaitUntil([&] {
        for (const IoObject &service : FindServices("UsbProbeInterface")) {
            io_connect_t connect = IO_OBJECT_NULL;
            if (IOServiceOpen(service.get(), mach_task_self(), 0, &connect) != kIOReturnSuccess) {
                continue;  // it has just ended
            }
            Connection client(connect);
            if (Ask(client, kUsbProbeNumber) == number) {
                found = std::move(client);
            }
        }
        return static_cast<bool>(found);
    }));
    return found;
}

PendingRead::PendingRead(const LoopPort &port, const Connection &client) {
    uint64_t reference[kIOAsyncCalloutCount] = {};
    reference[kIOAsyncCalloutFuncIndex] = reinterpret_cast<uint64_t>(&OnCompleted);
    reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<uint64_t>(this);
    EXPECT_EQ(
        IOConnectCallAsyncScalarMethod(client.get(), kUsbProbeRead, port.mach_port(), reference,
                                       kIOAsyncCalloutCount, nullptr, 0, nullptr, nullptr),
        kIOReturnSuccess);
}

void PendingRead::OnCompleted(void *self, IOReturn /*result*/, void *status, void * /*num_bytes*/) {
    auto *read = static_cast<PendingRead *>(self);
    ++read->count_;
    read->status_ = static_cast<kern_return_t>(reinterpret_cast<uintptr_t>(status));
}

}  // namespace opendext::rig
