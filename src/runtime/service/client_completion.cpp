// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/client_completion.h"

#include <algorithm>
#include <new>
#include <utility>

#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSAction.h>

extern "C" void *__dso_handle;  // NOLINT(bugprone-reserved-identifier): the compiler defines it

namespace opendext::service {
namespace {

// The method that AsyncCompletion's message becomes on its way through the action.
constexpr uint64_t kDeliverId = kIORPCMessageIDKernel | 0x6f70656e64657874;

OSMetaClass *g_completion_target_class = nullptr;

// The action's target: an object of the system, so that the driver's reference to its action keeps the
// receiver. Written by hand, since it is all that iig would have to say.
class CompletionTarget : public OSObject {
public:
    const OSMetaClass *getMetaClass() const override { return g_completion_target_class; }

    kern_return_t Dispatch(const IORPC rpc) override {
        if (rpc.methodID != kDeliverId) {
            return OSObject::Dispatch(rpc);
        }
        return IOUserClient::AsyncCompletion_Invoke(rpc, this, &CompletionTarget::Deliver);
    }

    void free() override {
        delete std::exchange(receiver, nullptr);
        OSObject::free();
    }

    CompletionReceiver *receiver;

private:
    static void Deliver(OSMetaClassBase *target, OSAction *, IOReturn status,
                        const uint64_t *arguments, uint32_t count) {
        static_cast<CompletionTarget *>(target)->receiver->Deliver(
            status, {arguments, std::min<size_t>(count, kIOUserClientAsyncArgumentsCountMax)});
    }
};

class CompletionTargetMetaClass : public OSMetaClass {
public:
    // No value-initialisation: the storage is zero-filled, and OSObject's count is in it.
    kern_return_t New(OSObject *instance) override {
        new (static_cast<void *>(instance)) CompletionTarget;
        return kIOReturnSuccess;
    }
};

constexpr OSMethodDescription kMethods[] = {
    {kDeliverId, "Deliver", nullptr, kOSMethodRunsOnCaller}};
constexpr OSClassDescription kDescription = {
    "OpenDextCompletionTarget", "OSObject", kOSClassKernel | kOSClassLocal,
    sizeof(CompletionTarget),   kMethods,   std::size(kMethods)};
CompletionTargetMetaClass g_meta_class;
const OSClassLoadInformation kLoadInformation = {&kDescription, &g_completion_target_class,
                                                 &gOSObjectMetaClass, &g_meta_class};
const OSClassRegistration g_registration(&kLoadInformation, &__dso_handle);

}  // namespace

OSAction *MakeCompletionAction(std::unique_ptr<CompletionReceiver> receiver) {
    auto *target = static_cast<CompletionTarget *>(g_completion_target_class->alloc());
    if (target == nullptr) {
        return nullptr;
    }
    target->receiver = receiver.release();
    OSAction *action = nullptr;
    if (target->init()) {
        (void)OSAction::Create(target, kDeliverId, IOUserClient_AsyncCompletion_ID, 0, &action);
    }
    target->release();
    return action;
}

}  // namespace opendext::service
