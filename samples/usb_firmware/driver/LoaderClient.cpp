// SPDX-License-Identifier: Apache-2.0
#include "LoaderClient.h"

#include <DriverKit/IOLib.h>

#include "FirmwareDownload.h"
#include "FirmwareLoader.h"
#include "FirmwareProtocol.h"

struct LoaderClient_IVars {
    FirmwareLoader *loader;
};

// In the order of LoaderSelector.
static const IOUserClientMethodDispatch kMethods[kLoaderSelectorCount] = {
    {
        .function = &LoaderClient::HandleDownload,
        .checkCompletionExists = 1,
        .checkScalarInputCount = 0,
        .checkStructureInputSize = kIOUserClientVariableStructureSize,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = 0,
    },
};

bool LoaderClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(LoaderClient_IVars, 1);
    return ivars != nullptr;
}

void LoaderClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->loader);
    }
    IOSafeDeleteNULL(ivars, LoaderClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(LoaderClient, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->loader = OSDynamicCast(FirmwareLoader, provider);
    if (ivars->loader == nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->loader->retain();
    return kIOReturnSuccess;
}

// The download keeps a reference on this client until it is over.
kern_return_t IMPL(LoaderClient, Stop) {
    FirmwareLoader *loader = ivars->loader;
    loader->DownloadQueue()->DispatchSync(^{ loader->Download()->Abandon(this); });
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t LoaderClient::ExternalMethod(uint64_t selector,
                                           IOUserClientMethodArguments *arguments,
                                           const IOUserClientMethodDispatch *dispatch,
                                           OSObject *target, void *reference) {
    if (selector >= kLoaderSelectorCount) {
        return kIOReturnBadArgument;
    }
    dispatch = &kMethods[selector];
    if (target == nullptr) {
        target = this;
    }
    return super::ExternalMethod(selector, arguments, dispatch, target, reference);
}

kern_return_t LoaderClient::HandleDownload(OSObject *target, void *,
                                           IOUserClientMethodArguments *arguments) {
    LoaderClient *client = OSDynamicCast(LoaderClient, target);
    if (client == nullptr) {
        return kIOReturnError;
    }
    CheckedImage *image = new CheckedImage;
    __block kern_return_t ret = image->Take(arguments);
    if (ret == kIOReturnSuccess) {
        FirmwareLoader *loader = client->ivars->loader;
        OSAction *completion = arguments->completion;
        loader->DownloadQueue()->DispatchSync(
            ^{ ret = loader->Download()->Begin(client, completion, image); });
    }
    if (ret != kIOReturnSuccess) {
        delete image;
    }
    return ret;
}
