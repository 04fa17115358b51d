// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/driver/large_dext.h"

#include <algorithm>
#include <fstream>
#include <string>

#include <fmt/format.h>

namespace opendext::bench {

namespace {

constexpr unsigned kFunctionsPerPart = 20;

constexpr const char *kPlist = R"(<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>CFBundleIdentifier</key><string>$(PRODUCT_BUNDLE_IDENTIFIER)</string>
<key>CFBundleExecutable</key><string>$(EXECUTABLE_NAME)</string>
<key>CFBundlePackageType</key><string>DEXT</string>
<key>IOKitPersonalities</key><dict><key>LargeService</key><dict>
<key>CFBundleIdentifier</key><string>$(PRODUCT_BUNDLE_IDENTIFIER)</string>
<key>IOClass</key><string>IOUserService</string>
<key>IOProviderClass</key><string>IOPCIDevice</string>
<key>IOPCIMatch</key><string>0x00011234</string>
<key>IOUserClass</key><string>LargeService</string>
<key>IOUserServerName</key><string>$(PRODUCT_BUNDLE_IDENTIFIER)</string>
</dict></dict></dict></plist>
)";

constexpr const char *kServiceInterface = R"(#ifndef LargeService_h
#define LargeService_h

#include <Availability.h>
#include <DriverKit/IOInterruptDispatchSource.iig>
#include <DriverKit/IOService.iig>
#include <DriverKit/IOTimerDispatchSource.iig>
#include <PCIDriverKit/IOPCIDevice.iig>

class LargeService : public IOService
{
public:
    virtual bool init() override;
    virtual void free() override;
    virtual kern_return_t Start(IOService *provider) override;
    virtual kern_return_t Stop(IOService *provider) override;
    virtual kern_return_t NewUserClient(uint32_t type, IOUserClient **userClient) override;
    virtual void InterruptOccurred(OSAction *action, uint64_t count, uint64_t time)
        TYPE(IOInterruptDispatchSource::InterruptOccurred);
    virtual void TimerOccurred(OSAction *action, uint64_t time) TYPE(IOTimerDispatchSource::TimerOccurred);

    IOPCIDevice *Device() LOCALONLY;
};

#endif
)";

constexpr const char *kService = R"(#include "LargeService.h"

#include <os/log.h>
#include <DriverKit/DriverKit.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <PCIDriverKit/PCIDriverKit.h>

#include "LargeClient.h"

struct LargeService_IVars {
    IOPCIDevice *pci;
    IODispatchQueue *queue;
    uint64_t interrupts;
};

bool LargeService::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(LargeService_IVars, 1);
    return ivars != nullptr;
}

void LargeService::free() {
    OSSafeReleaseNULL(ivars->queue);
    IOSafeDeleteNULL(ivars, LargeService_IVars, 1);
    super::free();
}

IOPCIDevice *LargeService::Device() {
    return ivars->pci;
}

kern_return_t IMPL(LargeService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    ivars->pci = OSDynamicCast(IOPCIDevice, provider);
    if (ret == kIOReturnSuccess && ivars->pci != nullptr) {
        ret = ivars->pci->Open(this, 0);
    }
    if (ret == kIOReturnSuccess) {
        ret = IODispatchQueue::Create("large", 0, 0, &ivars->queue);
    }
    os_log(OS_LOG_DEFAULT, "LargeService: 0x%08x", ret);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(LargeService, Stop) {
    ivars->pci->Close(this, 0);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(LargeService, NewUserClient) {
    IOService *client = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &client);
    *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}

void IMPL(LargeService, InterruptOccurred) {
    ivars->interrupts += count;
}

void IMPL(LargeService, TimerOccurred) {
    os_log(OS_LOG_DEFAULT, "LargeService: %llu interrupts at %llu", ivars->interrupts, time);
}
)";

std::string ClientInterface(unsigned num_parts) {
    std::string text = R"(#ifndef LargeClient_h
#define LargeClient_h

#include <Availability.h>
#include <DriverKit/IOUserClient.iig>

class LargeClient : public IOUserClient
{
public:
    virtual bool init() override;
    virtual void free() override;
    virtual kern_return_t Start(IOService *provider) override;
    virtual kern_return_t Stop(IOService *provider) override;
    virtual kern_return_t ExternalMethod(uint64_t selector, IOUserClientMethodArguments *arguments,
                                         const IOUserClientMethodDispatch *dispatch, OSObject *target,
                                         void *reference) override;

)";
    for (unsigned part = 0; part < num_parts; ++part) {
        for (unsigned i = 0; i < kFunctionsPerPart; ++i) {
            text += fmt::format(
                "    static kern_return_t Handle{}_{}(OSObject *target, void *reference,\n"
                "                                     IOUserClientMethodArguments *arguments) "
                "LOCALONLY;\n",
                part, i);
        }
    }
    return text + "};\n\n#endif\n";
}

std::string Client(unsigned num_parts) {
    std::string text = R"(#include "LargeClient.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/OSData.h>

#include "LargeService.h"

struct LargeClient_IVars {
    LargeService *service;
};

static const IOUserClientMethodDispatch kMethods[] = {
)";
    for (unsigned part = 0; part < num_parts; ++part) {
        for (unsigned i = 0; i < kFunctionsPerPart; ++i) {
            text += fmt::format(
                "    {{.function = &LargeClient::Handle{}_{}, .checkCompletionExists = 0,\n"
                "     .checkScalarInputCount = 2, .checkStructureInputSize = 0,\n"
                "     .checkScalarOutputCount = 1, .checkStructureOutputSize = 0}},\n",
                part, i);
        }
    }
    return text + R"(};

bool LargeClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(LargeClient_IVars, 1);
    return ivars != nullptr;
}

void LargeClient::free() {
    IOSafeDeleteNULL(ivars, LargeClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(LargeClient, Start) {
    ivars->service = OSDynamicCast(LargeService, provider);
    return ivars->service != nullptr ? Start(provider, SUPERDISPATCH) : kIOReturnError;
}

kern_return_t IMPL(LargeClient, Stop) {
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t LargeClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments *arguments,
                                          const IOUserClientMethodDispatch *, OSObject *, void *reference) {
    if (selector >= sizeof(kMethods) / sizeof(kMethods[0])) {
        return kIOReturnBadArgument;
    }
    return super::ExternalMethod(selector, arguments, &kMethods[selector], this, reference);
}
)";
}

std::string Part(unsigned part) {
    std::string text = R"(#include <os/log.h>

#include <DriverKit/DriverKit.h>
#include <DriverKit/IOLib.h>
#include <PCIDriverKit/PCIDriverKit.h>

#include "LargeClient.h"
#include "LargeService.h"

)";
    for (unsigned i = 0; i < kFunctionsPerPart; ++i) {
        const std::string name = fmt::format("{}_{}", part, i);
        text += fmt::format(R"(
struct Block{0} {{
    uint32_t control;
    uint32_t status;
    uint64_t address;
}};

static kern_return_t Fill{0}(IOPCIDevice *pci, const Block{0} &block, uint64_t offset) {{
    pci->MemoryWrite32(0, offset + {1}, block.control);
    pci->MemoryWrite64(0, offset + {2}, block.address);
    uint32_t status = 0;
    pci->MemoryRead32(0, offset + {3}, &status);
    if (status != block.status) {{
        os_log(OS_LOG_DEFAULT, "block {0}: status %x instead of %x", status, block.status);
        return kIOReturnDeviceError;
    }}
    return kIOReturnSuccess;
}}

kern_return_t LargeClient::Handle{0}(OSObject *target, void *, IOUserClientMethodArguments *arguments) {{
    LargeService *const service = OSDynamicCast(LargeService, target);
    if (service == nullptr || arguments->scalarInput[1] > {4}) {{
        return kIOReturnBadArgument;
    }}
    const Block{0} block = {{static_cast<uint32_t>(arguments->scalarInput[0]), {5}, arguments->scalarInput[1]}};
    const kern_return_t ret = Fill{0}(service->Device(), block, {6});
    arguments->scalarOutput[0] = ret == kIOReturnSuccess ? block.address : 0;
    return ret;
}}
)",
                            name, 4 * i, 8 * i, 4 * i + 4, 4096 + i, i % 3, 256 * i);
    }
    return text;
}

unsigned CountLines(const std::string &text) {
    return static_cast<unsigned>(std::ranges::count(text, '\n'));
}

unsigned CountLines(unsigned num_parts) {
    return CountLines(kServiceInterface) + CountLines(kService) +
           CountLines(ClientInterface(num_parts)) + CountLines(Client(num_parts)) +
           num_parts * CountLines(Part(0));
}

void Write(const std::filesystem::path &file, const std::string &text) {
    std::ofstream(file) << text;
}

}  // namespace

unsigned WriteLargeDext(const std::filesystem::path &folder, unsigned num_lines) {
    unsigned num_parts = 1;
    while (CountLines(num_parts) < num_lines) {
        ++num_parts;
    }
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    Write(folder / "Info.plist", kPlist);
    Write(folder / "LargeService.iig", kServiceInterface);
    Write(folder / "LargeService.cpp", kService);
    Write(folder / "LargeClient.iig", ClientInterface(num_parts));
    Write(folder / "LargeClient.cpp", Client(num_parts));
    for (unsigned part = 0; part < num_parts; ++part) {
        Write(folder / fmt::format("Part{}.cpp", part), Part(part));
    }
    return std::filesystem::exists(folder / "Part0.cpp") ? CountLines(num_parts) : 0;
}

}  // namespace opendext::bench
