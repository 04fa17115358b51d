// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/testing/test_drivers.h"

#include <atomic>

namespace opendext::service {
namespace {

std::atomic<const DriverScript *> g_script = nullptr;

const DriverScript &Script() {
    static const DriverScript kPlain;
    const DriverScript *script = g_script;
    return script != nullptr ? *script : kPlain;
}

}  // namespace

ScriptInForce::ScriptInForce(const DriverScript &script) {
    g_script = &script;
}
ScriptInForce::~ScriptInForce() {
    g_script = nullptr;
}

kern_return_t CallChecked(TestClient *client, IOUserClientMethodArguments *arguments,
                          const IOUserClientMethodDispatch *dispatch) {
    return client->IOUserClient::ExternalMethod(arguments->selector, arguments, dispatch, client,
                                                nullptr);
}

}  // namespace opendext::service

using opendext::service::Script;

bool TestDriver::init() {
    return super::init() && Script().init();
}

kern_return_t IMPL(TestDriver, Start) {
    const kern_return_t status =
        Script().calls_super_start ? Start(provider, SUPERDISPATCH) : kIOReturnSuccess;
    return status != kIOReturnSuccess ? status : Script().start(this, provider);
}

kern_return_t IMPL(TestDriver, Stop) {
    return Script().stop(this, provider);
}

kern_return_t TestDriver::SuperStop(IOService *provider) {
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(TestDriver, NewUserClient) {
    if (Script().new_user_client) {
        return Script().new_user_client(this, type, userClient);
    }
    IOService *made = nullptr;
    const kern_return_t status = Create(this, "UserClientProperties", &made);
    *userClient = OSDynamicCast(IOUserClient, made);
    return status;
}

kern_return_t IMPL(TestDriver, Poke) {
    return Script().poke ? Script().poke(this, value) : kIOReturnUnsupported;
}

void IMPL(TestDriver, Interrupted) {
    static_cast<void>(action);
    if (Script().interrupted) {
        Script().interrupted(count, time);
    }
}

kern_return_t IMPL(TestClient, Start) {
    const kern_return_t status = Start(provider, SUPERDISPATCH);
    return status != kIOReturnSuccess ? status : Script().client_start(this, provider);
}

kern_return_t IMPL(TestClient, Stop) {
    Script().client_stop(this);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t TestClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments *arguments,
                                         const IOUserClientMethodDispatch *dispatch,
                                         OSObject *target, void *reference) {
    return Script().external_method
               ? Script().external_method(this, selector, arguments)
               : super::ExternalMethod(selector, arguments, dispatch, target, reference);
}

kern_return_t IMPL(TestClient, CopyClientMemoryForType) {
    return Script().copy_memory ? Script().copy_memory(type, options, memory)
                                : kIOReturnUnsupported;
}
