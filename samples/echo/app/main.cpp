// SPDX-License-Identifier: Apache-2.0
// echo-app: calls the Echo driver in each way there is, and checks every answer.
// Arguments: entries 1 to 7; none: all of them.
#include <IOKit/IOKitLib.h>
#include <mach/mach.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../driver/EchoProtocol.h"

namespace {

constexpr uint32_t kNumScalars = 16;
constexpr double kEventTimeoutSeconds = 30;
constexpr EchoPair kPair = {300, 70000};

/// What the callback saw.
struct Event {
    unsigned count;
    IOReturn result;
    uint64_t words[kEchoEventWords];
};

/// A connection with a port for its events, on this thread's run loop.
class EchoConnection {
public:
    EchoConnection() = default;
    ~EchoConnection();
    EchoConnection(const EchoConnection &) = delete;
    EchoConnection &operator=(const EchoConnection &) = delete;

    /// @return NULL, or what is wrong.
    const char *open();

    io_connect_t get() const { return connection_; }

    /// An asynchronous call; `output` may be NULL.
    kern_return_t callAsync(uint32_t selector, const EchoPair &input, EchoPair *output);

    /// Runs the run loop until an event has come. False: none came in time.
    bool waitForEvent(Event *event);

private:
    static void onEvent(void *refcon, IOReturn result, void **args, uint32_t numArgs);

    io_connect_t connection_ = IO_OBJECT_NULL;
    IONotificationPortRef port_ = nullptr;
    Event event_ = {};
};

EchoConnection::~EchoConnection() {
    if (connection_ != IO_OBJECT_NULL) {
        IOServiceClose(connection_);
    }
    if (port_ != nullptr) {
        IONotificationPortDestroy(port_);
    }
}

const char *EchoConnection::open() {
    const io_service_t service =
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching("EchoService"));
    if (service == IO_OBJECT_NULL) {
        return "no EchoService: start its driver (opendext run Echo.dext --app ./echo-app)";
    }
    const kern_return_t ret = IOServiceOpen(service, mach_task_self(), 0, &connection_);
    IOObjectRelease(service);
    if (ret != kIOReturnSuccess) {
        return "EchoService cannot be opened: the driver's log says why";
    }
    port_ = IONotificationPortCreate(kIOMainPortDefault);
    if (port_ == nullptr) {
        return "no notification port: memory is short";
    }
    CFRunLoopAddSource(CFRunLoopGetCurrent(), IONotificationPortGetRunLoopSource(port_),
                       kCFRunLoopDefaultMode);
    return nullptr;
}

kern_return_t EchoConnection::callAsync(uint32_t selector, const EchoPair &input,
                                        EchoPair *output) {
    io_async_ref64_t reference = {};
    reference[kIOAsyncCalloutFuncIndex] =
        reinterpret_cast<io_user_reference_t>(&EchoConnection::onEvent);
    reference[kIOAsyncCalloutRefconIndex] = reinterpret_cast<io_user_reference_t>(this);
    size_t outputBytes = sizeof(*output);
    event_ = {};
    return IOConnectCallAsyncStructMethod(connection_, selector,
                                          IONotificationPortGetMachPort(port_), reference,
                                          kIOAsyncCalloutCount, &input, sizeof(input), output,
                                          output != nullptr ? &outputBytes : nullptr);
}

// The words arrive as an array of 64-bit values, whatever the callback's type says.
void EchoConnection::onEvent(void *refcon, IOReturn result, void **args, uint32_t numArgs) {
    Event &event = static_cast<EchoConnection *>(refcon)->event_;
    event.result = result;
    if (numArgs == kEchoEventWords) {
        memcpy(event.words, args, sizeof(event.words));
    }
    ++event.count;
    CFRunLoopStop(CFRunLoopGetCurrent());
}

bool EchoConnection::waitForEvent(Event *event) {
    if (event_.count == 0) {
        CFRunLoopRunInMode(kCFRunLoopDefaultMode, kEventTimeoutSeconds, false);
    }
    *event = event_;
    return event_.count != 0;
}

bool isAnswer(uint64_t left, uint64_t right) {
    return left == kPair.left + 1 && right == kPair.right + 10;
}

// ---- The entries: each returns NULL, or what is wrong ----

const char *callScalars(EchoConnection &connection, uint32_t selector) {
    uint64_t input[kNumScalars];
    uint64_t output[kNumScalars] = {};
    for (uint32_t i = 0; i < kNumScalars; ++i) {
        input[i] = i + 1;
    }
    uint32_t count = kNumScalars;
    if (IOConnectCallScalarMethod(connection.get(), selector, input, kNumScalars, output, &count) !=
        kIOReturnSuccess) {
        return "the call fails";
    }
    for (uint32_t i = 0; i < kNumScalars; ++i) {
        if (output[i] != input[i] + 1) {
            return "a scalar is wrong";
        }
    }
    return count == kNumScalars ? nullptr : "the number of scalars is wrong";
}

const char *callStruct(EchoConnection &connection, uint32_t selector) {
    EchoPair output = {};
    size_t size = sizeof(output);
    if (IOConnectCallStructMethod(connection.get(), selector, &kPair, sizeof(kPair), &output,
                                  &size) != kIOReturnSuccess) {
        return "the call fails";
    }
    return size == sizeof(output) && isAnswer(output.left, output.right) ? nullptr
                                                                         : "the answer is wrong";
}

const char *scalars(EchoConnection &connection) {
    return callScalars(connection, kEchoScalars);
}

const char *structure(EchoConnection &connection) {
    return callStruct(connection, kEchoStruct);
}

const char *largeStructure(EchoConnection &connection) {
    static EchoBlock input = {kPair.left, kPair.right, {}};
    static EchoBlock output;
    uint64_t value = 0;
    for (uint64_t &word : input.rest) {
        word = ++value * 0x9E3779B97F4A7C15ULL;
    }
    size_t size = sizeof(output);
    if (IOConnectCallStructMethod(connection.get(), kEchoStruct, &input, sizeof(input), &output,
                                  &size) != kIOReturnSuccess) {
        return "the call fails";
    }
    if (size != sizeof(output) || !isAnswer(output.left, output.right)) {
        return "the answer is wrong";
    }
    return memcmp(input.rest, output.rest, sizeof(input.rest)) == 0
               ? nullptr
               : "the rest of the block is wrong";
}

// The driver's table has exact counts: another count is refused, and the next call works.
const char *checkedScalars(EchoConnection &connection) {
    const uint64_t input[kNumScalars] = {};
    uint64_t output[kNumScalars] = {};
    uint32_t count = kNumScalars;
    if (IOConnectCallScalarMethod(connection.get(), kEchoCheckedScalars, input, kNumScalars - 1,
                                  output, &count) != kIOReturnBadArgument) {
        return "15 scalars are not refused";
    }
    return callScalars(connection, kEchoCheckedScalars);
}

const char *checkedStructure(EchoConnection &connection) {
    EchoPair output = {};
    size_t size = sizeof(output);
    if (IOConnectCallStructMethod(connection.get(), kEchoCheckedStruct, &kPair, sizeof(kPair) - 1,
                                  &output, &size) != kIOReturnBadArgument) {
        return "a structure of the wrong size is not refused";
    }
    return callStruct(connection, kEchoCheckedStruct);
}

const char *checkEvent(EchoConnection &connection) {
    Event event = {};
    if (!connection.waitForEvent(&event)) {
        return "no event comes";
    }
    const bool isRight = event.result == kIOReturnSuccess && event.words[kEchoEventTag] == 2 &&
                         isAnswer(event.words[kEchoEventLeft], event.words[kEchoEventRight]);
    return isRight ? nullptr : "the event is wrong";
}

const char *subscribe(EchoConnection &connection) {
    EchoPair output = {};
    if (connection.callAsync(kEchoSubscribe, kPair, &output) != kIOReturnSuccess) {
        return "the call fails";
    }
    return isAnswer(output.left, output.right) ? checkEvent(connection) : "the answer is wrong";
}

// On a connection of its own: the driver has nobody to tell until there is a subscription.
const char *request(EchoConnection &) {
    EchoConnection connection;
    const char *problem = connection.open();
    if (problem == nullptr &&
        connection.callAsync(kEchoRequest, kPair, nullptr) != kIOReturnNotReady) {
        problem = "a request without a subscription is not refused";
    }
    if (problem == nullptr) {
        problem = subscribe(connection);
    }
    if (problem == nullptr &&
        connection.callAsync(kEchoRequest, kPair, nullptr) != kIOReturnSuccess) {
        problem = "the call fails";
    }
    return problem != nullptr ? problem : checkEvent(connection);
}

struct Entry {
    const char *name;
    const char *(*run)(EchoConnection &connection);
};

constexpr Entry kEntries[] = {
    {"scalars", scalars},
    {"structure", structure},
    {"structure above 4096 bytes", largeStructure},
    {"scalars, checked", checkedScalars},
    {"structure, checked", checkedStructure},
    {"subscription", subscribe},
    {"request", request},
};
constexpr int kNumEntries = sizeof(kEntries) / sizeof(kEntries[0]);

bool runEntry(EchoConnection &connection, int number) {
    const Entry &entry = kEntries[number - 1];
    const char *problem = entry.run(connection);
    printf("%d. %s: %s\n", number, entry.name, problem == nullptr ? "ok" : problem);
    return problem == nullptr;
}

}  // namespace

int main(int argc, char **argv) {
    for (int i = 1; i < argc; ++i) {
        if (strlen(argv[i]) != 1 || argv[i][0] < '1' || argv[i][0] > '0' + kNumEntries) {
            fprintf(stderr,
                    "usage: echo-app [ENTRY...]; an entry is 1 to %d, and without any all run\n",
                    kNumEntries);
            return 2;
        }
    }
    EchoConnection connection;
    const char *problem = connection.open();
    if (problem != nullptr) {
        fprintf(stderr, "echo-app: %s\n", problem);
        return 1;
    }
    bool allRight = true;
    for (int i = 1; i < argc; ++i) {
        allRight = runEntry(connection, argv[i][0] - '0') && allRight;
    }
    for (int number = 1; argc == 1 && number <= kNumEntries; ++number) {
        allRight = runEntry(connection, number) && allRight;
    }
    return allRight ? 0 : 1;
}
