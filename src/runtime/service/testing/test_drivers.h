// SPDX-License-Identifier: Apache-2.0
/// @file test_drivers.h
/// What the test drivers do. One script at a time, set by a test and taken off at its end; the drivers' queues
/// read it.
#pragma once

#include <functional>

#include "TestClient.h"
#include "TestDriver.h"

namespace opendext::service {

struct DriverScript {
    std::function<bool()> init = [] { return true; };
    bool calls_super_start = true;
    /// Runs after the base class's Start.
    std::function<kern_return_t(TestDriver *, IOService *)> start = [](TestDriver *, IOService *) {
        return kIOReturnSuccess;
    };
    std::function<kern_return_t(TestDriver *, IOService *)> stop =
        [](TestDriver *driver, IOService *provider) { return driver->SuperStop(provider); };
    std::function<kern_return_t(TestDriver *, uint32_t, IOUserClient **)> new_user_client;
    std::function<kern_return_t(TestDriver *, uint32_t)> poke;
    std::function<void(uint64_t count, uint64_t time)> interrupted;

    std::function<kern_return_t(TestClient *, IOService *)> client_start =
        [](TestClient *, IOService *) { return kIOReturnSuccess; };
    std::function<void(TestClient *)> client_stop = [](TestClient *) {};
    std::function<kern_return_t(TestClient *, uint64_t, IOUserClientMethodArguments *)>
        external_method;
    std::function<kern_return_t(uint64_t type, uint64_t *options, IOMemoryDescriptor **)>
        copy_memory;
};

/// Puts a script in force as long as it exists.
class ScriptInForce {
public:
    explicit ScriptInForce(const DriverScript &script);
    ~ScriptInForce();
    ScriptInForce(const ScriptInForce &) = delete;
    ScriptInForce &operator=(const ScriptInForce &) = delete;
};

/// Calls the base class's ExternalMethod with a table entry.
kern_return_t CallChecked(TestClient *client, IOUserClientMethodArguments *arguments,
                          const IOUserClientMethodDispatch *dispatch);

}  // namespace opendext::service
