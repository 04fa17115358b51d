// SPDX-License-Identifier: Apache-2.0
// iig on any bytes as an .iig file: it reports errors or gives output, and never crashes. The input follows a
// small set of base classes, and nothing is read from the disk.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "iig/generator.h"

namespace {

constexpr std::string_view kBases = R"(
typedef int kern_return_t; typedef int IOReturn;
typedef unsigned int uint32_t; typedef unsigned long uint64_t; typedef unsigned long size_t;
typedef char IOServiceName[16]; typedef uint64_t Words[4];
class OSMetaClass; class OSString; class OSAction;
class OSMetaClassBase { public: virtual const OSMetaClass *getMetaClass() const; virtual void retain() const; };
class OSObject : public OSMetaClassBase { public: virtual bool init() LOCALONLY; virtual void free() LOCALONLY;
    virtual kern_return_t SetDispatchQueue(const IOServiceName name, OSObject *queue) KERNEL = 0; };
class NATIVE KERNEL OSAction : public OSObject { public: virtual void Aborted() LOCALHOST; };
class KERNEL IOService : public OSObject { public: virtual kern_return_t Start(IOService *provider) LOCAL;
    virtual kern_return_t CopyName(OSString **name); virtual bool IsReady() const LOCALONLY;
    virtual void Done(OSAction *action TARGET, const Words asyncData, uint32_t asyncDataCount) = 0; };
)";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    const std::string_view input(reinterpret_cast<const char *>(data), num_bytes);
    // Files of the machine are not part of the input.
    if (input.contains("/") &&
        (input.contains("include") || input.contains("embed") || input.contains("import"))) {
        return 0;
    }
    opendext::iig::InterfaceRequest request;
    request.path = "Fuzz.iig";
    request.text = std::string(kBases) + std::string(input);
    request.arguments = {"-std=gnu++20", "-nostdinc"};
    const opendext::iig::Generated generated = opendext::iig::Generate(request);
    const bool is_silent_failure = !generated.is_good && generated.diagnostics.empty();
    const bool is_half_done =
        generated.is_good != (!generated.header.empty() && !generated.implementation.empty());
    if (is_silent_failure || is_half_done) {
        std::abort();
    }
    return 0;
}
