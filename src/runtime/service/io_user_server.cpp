// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOUserServer.h>

#include <dlfcn.h>

#include <cstring>
#include <functional>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <DriverKit/OSString.h>

#include "base/log.h"
#include "runtime/memory/retained.h"
#include "runtime/service/process_exit.h"

using opendext::LogError;

struct IOUserServer_IVars {
    std::string name;
};

namespace opendext::service {

namespace {

struct ProcessExit {
    std::mutex mutex;
    std::function<void()> run;  // guarded by mutex
};

ProcessExit &TheExit() {
    static auto *const exit = new ProcessExit;  // for ever: threads of the driver may outlast main
    return *exit;
}

}  // namespace

void SetProcessExit(std::function<void()> exit) {
    ProcessExit &known = TheExit();
    const std::lock_guard lock(known.mutex);
    known.run = std::move(exit);
}

}  // namespace opendext::service

namespace {

// Without its end: none for NULL or one that is too long.
std::string_view Text(const char *text, size_t room) {
    const size_t length = text == nullptr ? room : strnlen(text, room);
    return length < room ? std::string_view(text, length) : std::string_view();
}

}  // namespace

bool IOUserServer::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOUserServer_IVars;
    return ivars != nullptr;
}

void IOUserServer::free() {
    delete std::exchange(ivars, nullptr);
    super::free();
}

kern_return_t IOUserServer::Create_Impl(const char *name, uint64_t /*tag*/, uint64_t /*options*/,
                                        OSString * /*bundleID*/, IOUserServer **server) {
    if (server == nullptr) {
        return kIOReturnBadArgument;
    }
    *server = nullptr;
    const std::string_view text = Text(name, kIOUserServerMaxNameLength);
    if (text.empty()) {
        return kIOReturnBadArgument;
    }
    opendext::memory::Retained<IOUserServer> made(OSTypeAlloc(IOUserServer));
    if (made == nullptr || !made->init()) {
        return kIOReturnNoMemory;
    }
    made->ivars->name = text;
    *server = made.release();
    return kIOReturnSuccess;
}

kern_return_t IOUserServer::RegisterService_Impl() {
    return kIOReturnNotAttached;
}

kern_return_t IOUserServer::Exit_Impl(const char *reason) {
    const std::string_view text = Text(reason, kIOUserServerMaxExitReasonLength);
    if (text.empty()) {
        return kIOReturnBadArgument;
    }
    std::function<void()> exit;
    {
        auto &known = opendext::service::TheExit();
        const std::lock_guard lock(known.mutex);
        exit = known.run;
    }
    if (!exit) {
        LogError("{}: Exit(\"{}\"): this process is the application's, and stays", ivars->name,
                 text);
        return kIOReturnUnsupported;
    }
    LogError("{}: the driver ends its process: {}", ivars->name, text);
    exit();
    return kIOReturnError;
}

kern_return_t IOUserServer::LoadModule_Impl(const char *path) {
    const std::string name(Text(path, kIOUserServerMaxPathLength));
    if (!name.starts_with('/')) {
        return kIOReturnBadArgument;
    }
    if (dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc keeps one for each thread
        LogError("{}: LoadModule: {}", ivars->name, dlerror());
        return kIOReturnNotFound;
    }
    return kIOReturnSuccess;
}
