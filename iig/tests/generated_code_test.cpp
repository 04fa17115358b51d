// SPDX-License-Identifier: Apache-2.0
// Compiles and runs what iig made of golden/good: calls arrive where they should, with what they carry.
#include <cstring>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "Actions.h"
#include "Calls.h"
#include "Plain.h"
#include "System.h"
#include "UnknownTypes.h"
#include "iig/tests/small_runtime.h"

using small_runtime::DeliverOneWayCalls;

// What makes the drivers below fail, before and after they store to their object result.
constexpr uint32_t kMakeRefused = 1000;
constexpr uint32_t kMakeFailed = 1001;

// --- The drivers, written as a driver author writes them.

bool Calls::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new Calls_IVars{};
    return true;
}

void Calls::free(void) {
    if (ivars->kept != nullptr) {
        ivars->kept->release();
    }
    delete ivars;
    super::free();
}

kern_return_t IMPL(Calls, Start) {
    ivars->order = 1;
    return Start(upstream, SUPERDISPATCH);
}

kern_return_t Calls::Stop_Impl(IOService *provider) {
    return super::Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(Calls, Poke) {
    ivars->poked = value;
    if (result != nullptr) {
        *result = value + 1;
    }
    return value == 99 ? kIOReturnNotReady : kIOReturnSuccess;
}

bool IMPL(Calls, Ready) {
    return unit == 3;
}
Calls::Mode IMPL(Calls, Switch) {
    return mode == kFast && *old == kSlow ? kFast : kSlow;
}
OSString *IMPL(Calls, CopyLabel) {
    return OSString::withCString("label");
}
uint32_t IMPL(Calls, Count) {
    return ivars->word_count;
}
Point IMPL(Calls, Move) {
    return {from.x + by->x, from.y + by->y};
}

kern_return_t IMPL(Calls, CopyObject) {
    if (ivars->poked == kMakeRefused) {
        return kIOReturnBadArgument;
    }
    if (ivars->poked == kMakeFailed) {
        *object = nullptr;
        return kIOReturnNoMemory;
    }
    if (wrong) {
        retain();
        *reinterpret_cast<OSObject **>(object) = this;
    } else {
        *object = OSString::withCString("object");
    }
    return kIOReturnSuccess;
}

kern_return_t IMPL(Calls, Words) {
    *sum = 0;
    for (uint32_t i = 0; i < wordsCount; ++i) {
        *sum += static_cast<uint32_t>(words[i]);
    }
    return kIOReturnSuccess;
}

kern_return_t IMPL(Calls, Name) {
    snprintf(ivars->text, sizeof(ivars->text), "%s", name);
    return strlen(name) < 8 ? kIOReturnSuccess : kIOReturnInternalError;
}

kern_return_t IMPL(Calls, Default) {
    return static_cast<kern_return_t>(value * 10 + other);
}
kern_return_t Calls::Overloaded_Impl(uint32_t) {
    return 1;
}
kern_return_t Calls::Overloaded_Impl(OSObject *) {
    return 2;
}

kern_return_t IMPL(Calls, Later) {
    block(5);
    return kIOReturnSuccess;
}

kern_return_t IMPL(Calls, status) {
    return static_cast<kern_return_t>(method + result);
}

void IMPL(Calls, Notify) {
    ivars->stamp = stamp;
    ivars->point = point;
    ivars->kept = object;
    object->retain();
}

void IMPL(Calls, Send) {
    ivars->word_count = wordsCount;
    memcpy(ivars->words, words, sizeof(ivars->words));
    snprintf(ivars->text, sizeof(ivars->text), "%s", text);
    block();
}

void IMPL(Calls, Nothing) {
    ++ivars->order;
}

kern_return_t IMPL(Calls, Make) {
    if (value == kMakeRefused) {
        return kIOReturnBadArgument;
    }
    *object = value == 0 || value == kMakeFailed ? nullptr : OSString::withCString("made");
    return value == kMakeFailed ? kIOReturnNoMemory : kIOReturnSuccess;
}

kern_return_t IMPL(Caller, Submit) {
    return completion != nullptr ? kIOReturnSuccess : kIOReturnBadArgument;
}

void IMPL(Actions, Tick) {
    (void)action;
    ++ivars->ticks;
    ivars->last = time;
}

void IMPL(Actions, Finished) {
    (void)action;
    ivars->last = stamp + status;
}

kern_return_t IMPL(Actions, Answer) {
    (void)action;
    *answer = question * 2;
    return kIOReturnSuccess;
}

void IMPL(MoreActions, Tick) {
    (void)action;
    Actions::ivars->last = time * 100;
}

void IMPL(SameActions, Tick) {
    (void)action;
    Actions::ivars->last = time * 10;
}

void IMPL(Both, Done) {
    (void)action;
    (void)status;
    (void)stamp;
}

kern_return_t IMPL(Both, Ask) {
    (void)action;
    *answer = question * 3;
    return kIOReturnSuccess;
}

kern_return_t IMPL(System, Create) {
    if (options == 0) {
        return kIOReturnBadArgument;
    }
    *system = OSTypeAlloc(System);
    (*system)->init();
    return (*system)->SetName(name);
}

kern_return_t IMPL(System, Start) {
    return Start(provider, SUPERDISPATCH);
}

kern_return_t IMPL(System, Get) {
    *value = 11;
    return kIOReturnSuccess;
}

kern_return_t IMPL(System, Run) {
    return static_cast<kern_return_t>(value);
}

kern_return_t IMPL(System, Segments) {
    *last = segmentsCount > 0 ? segments[segmentsCount - 1] : nullptr;
    if (*last != nullptr) {
        (*last)->retain();
    }
    return kIOReturnSuccess;
}

kern_return_t IMPL(System, _CopyState) {
    *state = 21;
    return kIOReturnSuccess;
}

Neighbour *Neighbour::Make() {
    return OSTypeAlloc(Neighbour);
}
kern_return_t IMPL(Neighbour, Visit) {
    return system == nullptr ? kIOReturnBadArgument : kIOReturnSuccess;
}

void Plain::Describe(char *text, size_t size) {
    super::Describe(text, size);
}
bool Plain::IsReady() const {
    return true;
}
int Plain::Add(int a, int b) {
    return a + b;
}
int Plain::Scale(int a, int factor) const {
    return a * factor;
}
bool Plain::Check(int value) noexcept {
    return value != 0;
}
auto Plain::Trailing(int value) -> int {
    return value;
}
void Plain::SetMode(Mode mode) {
    nested.value = mode;
}
Plain *Plain::Cast(OSObject *object) {
    return OSDynamicCast(Plain, object);
}
Plain::Mode Plain::GetMode() const {
    return static_cast<Mode>(nested.value);
}
bool Plain::operator==(const Plain &other) const {
    return this == &other;
}
void Plain::Print(const char *, ...) {}

plain::Options Plain::Read(const plain::Options &options, std::atomic<int> *counter) {
    ++*counter;
    return options;
}

kern_return_t IMPL(UnknownTypes, Start) {
    return Start(provider, SUPERDISPATCH);
}

kern_return_t UnknownTypes::Use(LocalType *thing, const local::Other &other) {
    return thing->value == other.value ? kIOReturnSuccess : kIOReturnBadArgument;
}

local::List<int> UnknownTypes::Make(local::List<const local::Other> things) {
    return {things.first.value};
}
void UnknownTypes::Visit(LocalType) {}
void MoreUnknownTypes::Visit(LocalType thing) {
    super::Visit(thing);
}
void MoreUnknownTypes::Describe(char *text, size_t size) {
    super::Describe(text, size);
}

// --- The tests

namespace {

class GeneratedCode : public testing::Test {
protected:
    void SetUp() override {
        calls = OSTypeAlloc(Calls);
        ASSERT_TRUE(calls->init());
    }

    void TearDown() override {
        DeliverOneWayCalls();
        calls->release();
        EXPECT_EQ(small_runtime::LiveObjects(), 0);
    }

    Calls *calls = nullptr;
};

TEST_F(GeneratedCode, Call_ReachesTheImplementationAndReturnsItsResults) {
    uint64_t result = 0;
    EXPECT_EQ(calls->Poke(41, &result), kIOReturnSuccess);
    EXPECT_EQ(result, 42u);
    EXPECT_EQ(calls->ivars->poked, 41u);
    EXPECT_EQ(calls->Poke(99, nullptr), kIOReturnNotReady);
    EXPECT_TRUE(std::as_const(*calls).Ready(3));
    EXPECT_FALSE(calls->Ready(4));
}

TEST_F(GeneratedCode, StructsByValueAndByPointer_AreCarried) {
    const Point by{10, 20};
    const Point moved = calls->Move({1, 2}, &by);
    EXPECT_EQ(moved.x, 11);
    EXPECT_EQ(moved.y, 22);
}

TEST_F(GeneratedCode, OverrideCalledThroughTheBase_RunsTheOverrideAndThenSuper) {
    IOService *service = calls;
    EXPECT_EQ(service->Start(nullptr), kIOReturnSuccess);
    EXPECT_EQ(calls->ivars->order, 1);
    EXPECT_TRUE(service->IsReady());
    EXPECT_EQ(service->Stop(calls), kIOReturnBusy);
}

// semantics.md 5.2: an object of the wrong class in a typed out slot is a bad argument.
TEST_F(GeneratedCode, ObjectOfAnotherClassInATypedOut_IsReleasedAndRefused) {
    OSString *string = nullptr;
    EXPECT_EQ(calls->CopyObject(false, &string), kIOReturnSuccess);
    ASSERT_NE(string, nullptr);
    EXPECT_STREQ(string->getCStringNoCopy(), "object");
    string->release();
    EXPECT_EQ(calls->CopyObject(true, &string), kIOReturnBadArgument);
    EXPECT_EQ(string, nullptr);
    EXPECT_EQ(calls->references, 1);
}

// semantics.md 1.3, 1.6, 1.8: NULL after most failures, untouched after some.
TEST_F(GeneratedCode, ObjectOutOfAFailedCall_IsWhatTheImplementationLeftThere) {
    auto *const before = reinterpret_cast<OSString *>(0x10);
    OSString *string = before;
    calls->ivars->poked = kMakeRefused;
    EXPECT_EQ(calls->CopyObject(false, &string), kIOReturnBadArgument);
    EXPECT_EQ(Calls::Make(kMakeRefused, &string), kIOReturnBadArgument);
    EXPECT_EQ(string, before);
    calls->ivars->poked = kMakeFailed;
    EXPECT_EQ(calls->CopyObject(false, &string), kIOReturnNoMemory);
    EXPECT_EQ(string, nullptr);
    string = before;
    EXPECT_EQ(Calls::Make(kMakeFailed, &string), kIOReturnNoMemory);
    EXPECT_EQ(string, nullptr);
}

TEST_F(GeneratedCode, NullForAnObjectOut_IsABadArgument) {
    EXPECT_EQ(calls->CopyObject(false, nullptr), kIOReturnBadArgument);
    EXPECT_EQ(Calls::Make(1, nullptr), kIOReturnBadArgument);
}

// semantics.md 5.1: arrays have their count enforced.
TEST_F(GeneratedCode, CountAboveTheArray_IsAnOverrun) {
    const uint64_t words[5] = {1, 2, 3, 4, 5};
    uint32_t sum = 0;
    EXPECT_EQ(calls->Words(words, 4, &sum), kIOReturnSuccess);
    EXPECT_EQ(sum, 10u);
    EXPECT_EQ(calls->Words(words, 5, &sum), kIOReturnOverrun);
}

// semantics.md 5.1: strings are truncated and terminated.
TEST_F(GeneratedCode, StringThatFillsItsArray_IsCutOff) {
    EXPECT_EQ(calls->Name("1234567"), kIOReturnSuccess);
    EXPECT_STREQ(calls->ivars->text, "1234567");
    EXPECT_EQ(calls->Name("12345678901"), kIOReturnSuccess);
    EXPECT_STREQ(calls->ivars->text, "1234567");
}

TEST_F(GeneratedCode, DefaultValuesAndOverloads_AreKept) {
    EXPECT_EQ(calls->Default(), 74);
    EXPECT_EQ(calls->Default(1), 14);
    EXPECT_EQ(calls->Overloaded(0u), 1);
    EXPECT_EQ(calls->Overloaded(calls), 2);
    EXPECT_EQ(calls->status(3, 4), 7);
}

TEST_F(GeneratedCode, BlockInACall_Runs) {
    __block uint32_t seen = 0;
    EXPECT_EQ(calls->Later(^(uint32_t value) { seen = value; }), kIOReturnSuccess);
    EXPECT_EQ(seen, 5u);
}

// semantics.md 5.1: a void method is one-way.
TEST_F(GeneratedCode, OneWayCall_KeepsItsObjectsUntilItIsDelivered) {
    OSString *object = OSString::withCString("kept");
    calls->Notify(17, {3, 4}, object);
    EXPECT_EQ(object->references, 2);
    EXPECT_EQ(calls->ivars->stamp, 0u);
    object->release();
    DeliverOneWayCalls();
    EXPECT_EQ(calls->ivars->stamp, 17u);
    EXPECT_EQ(calls->ivars->point.y, 4);
    EXPECT_EQ(object->references, 1);
}

TEST_F(GeneratedCode, OneWayCall_CarriesCopiesOfArraysStringsAndBlocks) {
    __block int runs = 0;
    {
        uint64_t words[2] = {8, 9};
        char text[] = "0123456789";
        calls->Send(words, 2, text, ^{ ++runs; });
        words[0] = 0;
        text[0] = 'x';
    }
    DeliverOneWayCalls();
    EXPECT_EQ(calls->ivars->words[0], 8u);
    EXPECT_EQ(calls->ivars->words[1], 9u);
    EXPECT_EQ(calls->ivars->words[2], 0u);
    EXPECT_STREQ(calls->ivars->text, "0123456");
    EXPECT_EQ(runs, 1);
}

TEST_F(GeneratedCode, OneWayCallWithTooManyElements_IsDropped) {
    const uint64_t words[5] = {};
    calls->ivars->word_count = 77;
    calls->Send(words, 5, "", nullptr);
    calls->Send(nullptr, 1, "", nullptr);
    DeliverOneWayCalls();
    EXPECT_EQ(calls->ivars->word_count, 77u);
}

TEST_F(GeneratedCode, StaticCall_RunsTheImplementationDirectly) {
    OSString *string = nullptr;
    EXPECT_EQ(Calls::Make(1, &string), kIOReturnSuccess);
    string->release();
    EXPECT_EQ(Calls::Make(0, &string), kIOReturnSuccess);
    EXPECT_EQ(string, nullptr);
}

TEST_F(GeneratedCode, FrameOfAnotherMethod_IsRefused) {
    Calls_Poke_Frame frame{{&Calls_Ready_Method}, 1, nullptr, 0};
    EXPECT_EQ(calls->Dispatch(IORPC{&frame, Calls_Poke_ID}), kIOReturnIPCError);
    EXPECT_EQ(calls->Dispatch(IORPC{&frame, 1}), kIOReturnUnsupported);
}

TEST_F(GeneratedCode, Action_CallsTheMethodThatTypeNames) {
    Actions *actions = OSTypeAlloc(Actions);
    actions->init();
    actions->Actions::ivars = new Actions_IVars{};
    OSAction *finished = nullptr;
    OSAction *answer = nullptr;
    ASSERT_EQ(actions->CreateActionFinished(0, &finished), kIOReturnSuccess);
    ASSERT_EQ(actions->CreateActionAnswer(0, &answer), kIOReturnSuccess);
    EXPECT_NE(OSDynamicCast(OSAction_Actions_Finished, finished), nullptr);
    EXPECT_EQ(OSDynamicCast(OSAction_Actions_Answer, finished), nullptr);

    Caller *caller = OSTypeAlloc(Caller);
    caller->init();
    caller->Done(finished, 5, 1000);
    caller->Done(nullptr, 5, 1000);
    DeliverOneWayCalls();
    EXPECT_EQ(actions->Actions::ivars->last, 1005u);
    uint32_t doubled = 0;
    EXPECT_EQ(caller->Ask(answer, 21, &doubled), kIOReturnSuccess);
    EXPECT_EQ(doubled, 42u);
    EXPECT_EQ(caller->Ask(nullptr, 21, &doubled), kIOReturnBadArgument);
    EXPECT_EQ(caller->Ask(finished, 21, &doubled), kIOReturnBadArgument);

    delete actions->Actions::ivars;
    for (OSObject *object : {static_cast<OSObject *>(actions), static_cast<OSObject *>(caller),
                             static_cast<OSObject *>(finished), static_cast<OSObject *>(answer)}) {
        object->release();
    }
}

TEST_F(GeneratedCode, OverrideOfAnActionsMethod_RunsInPlaceOfIt) {
    MoreActions *actions = OSTypeAlloc(MoreActions);
    actions->init();
    actions->Actions::ivars = new Actions_IVars{};
    OSAction *tick = nullptr;
    ASSERT_EQ(actions->CreateActionTick(0, &tick), kIOReturnSuccess);
    IOTimerDispatchSource::TimerOccurred_Frame frame{
        {&IOTimerDispatchSource_TimerOccurred_Method}, tick, 7};
    EXPECT_EQ(tick->Invoke(IORPC{&frame, IOTimerDispatchSource_TimerOccurred_ID}),
              kIOReturnSuccess);
    DeliverOneWayCalls();
    EXPECT_EQ(actions->Actions::ivars->last, 700u);
    tick->release();
    delete actions->Actions::ivars;
    actions->release();
}

TEST_F(GeneratedCode, ClassWithAPureLocalMethod_CannotBeAllocated) {
    EXPECT_EQ(small_runtime::FindClass("Plain")->flags, kOSClassAbstract);
    EXPECT_EQ(OSTypeAlloc(Plain), nullptr);
}

// Types that only LOCALONLY methods name need not be known to iig.
TEST_F(GeneratedCode, TypesUnknownToIig_WorkInLocalOnlyMethods) {
    UnknownTypes *object = OSTypeAlloc(UnknownTypes);
    object->init();
    LocalType thing{4};
    EXPECT_EQ(object->Use(&thing, {4}), kIOReturnSuccess);
    EXPECT_EQ(UnknownTypes::Make({{9}}).first, 9);
    EXPECT_EQ(object->Start(nullptr), kIOReturnSuccess);
    object->release();
}

TEST_F(GeneratedCode, MethodThatOverridesAndServesActions_TakesBothFrames) {
    Both *both = OSTypeAlloc(Both);
    both->init();
    OSAction *action = nullptr;
    ASSERT_EQ(both->CreateActionAsk(0, &action), kIOReturnSuccess);
    uint32_t answer = 0;
    Other::Ask_Frame through_action{{&Other_Ask_Method}, action, 5, &answer, 0};
    EXPECT_EQ(action->Invoke(IORPC{&through_action, Other_Ask_ID}), kIOReturnSuccess);
    EXPECT_EQ(answer, 15u);
    Caller::Ask_Frame direct{{&Caller_Ask_Method}, action, 6, &answer, 0};
    EXPECT_EQ(both->Dispatch(IORPC{&direct, Caller_Ask_ID}), kIOReturnSuccess);
    EXPECT_EQ(answer, 18u);
    action->release();
    both->release();
}

TEST_F(GeneratedCode, TypesOfTheClassAndObjectResults_AreCarried) {
    const Calls::Mode old = Calls::kSlow;
    EXPECT_EQ(calls->Switch(Calls::kFast, &old), Calls::kFast);
    OSString *label = calls->CopyLabel();
    EXPECT_STREQ(label->getCStringNoCopy(), "label");
    label->release();
}

TEST_F(GeneratedCode, SystemClass_RunsOnTheCallerExceptWhereLocal) {
    const OSClassDescription *description = small_runtime::FindClass("System");
    ASSERT_NE(description, nullptr);
    EXPECT_EQ(description->flags, kOSClassKernel);
    EXPECT_STREQ(description->superName, "IOService");
    for (uint32_t i = 0; i < description->methodCount; ++i) {
        const OSMethodDescription &method = description->methods[i];
        const bool is_local = strcmp(method.name, "Run") == 0 || strcmp(method.name, "Start") == 0;
        EXPECT_EQ(method.flags, is_local ? 0u : kOSMethodRunsOnCaller) << method.name;
        EXPECT_EQ(method.queueName != nullptr, strcmp(method.name, "Run") == 0) << method.name;
    }
    EXPECT_NE(System_Get_ID & kIORPCMessageIDKernel, 0u);
    EXPECT_EQ(Calls_Poke_ID & kIORPCMessageIDKernel, 0u);
    EXPECT_EQ(small_runtime::FindClass("IOTimerDispatchSource")->flags, kOSClassKernel);
}

TEST_F(GeneratedCode, ExtensionsStaticsAndObjectArrays_WorkInASystemClass) {
    System *system = nullptr;
    EXPECT_EQ(System::Create("name", 0, &system), kIOReturnBadArgument);
    EXPECT_EQ(system, nullptr);
    ASSERT_EQ(System::Create_Call("a name that is too long", 1, &system), kIOReturnSuccess);
    OSString *name = nullptr;
    EXPECT_EQ(system->CopyName(&name), kIOReturnSuccess);
    EXPECT_STREQ(name->getCStringNoCopy(), "a name that is ");
    name->release();
    uint64_t state = 0;
    EXPECT_EQ(system->_CopyState(&state), kIOReturnSuccess);
    EXPECT_EQ(state, 21u);
    OSObject *segments[] = {calls, system};
    OSObject *last = nullptr;
    EXPECT_EQ(system->Segments(2, segments, &last), kIOReturnSuccess);
    EXPECT_EQ(last, system);
    last->release();
    EXPECT_EQ(system->Segments(4, segments, &last), kIOReturnOverrun);
    Neighbour *neighbour = Neighbour::Make();
    EXPECT_EQ(neighbour->Visit(system), kIOReturnSuccess);
    neighbour->release();
    system->release();
}

}  // namespace
