// SPDX-License-Identifier: Apache-2.0
#include "host/user_client_session.h"

#include <cstring>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSString.h>

#include "host/testing/session_test.h"
#include "runtime/memory/memory_census.h"
#include "runtime/object/object_census.h"

namespace opendext::host {
namespace {

using channel::AsyncCompletion;
using channel::AsyncTarget;
using channel::kVariableOutput;
using object::LiveObjects;
using Arguments = IOUserClientMethodArguments;

// semantics.md 2.4.
TEST_F(SessionTest, CallWithoutArguments_HasPointersAndZeroCounts) {
    Answer([](TestClient *, const Arguments &arguments) {
        const bool as_specified =
            arguments.version == 2 && arguments.selector == 9 && arguments.completion == nullptr &&
            arguments.scalarInput != nullptr && arguments.scalarInputCount == 0 &&
            arguments.structureInput == nullptr && arguments.structureInputDescriptor == nullptr &&
            arguments.scalarOutput != nullptr && arguments.scalarOutputCount == 0 &&
            arguments.structureOutputDescriptor == nullptr &&
            arguments.structureOutputMaximumSize == 0;
        return as_specified ? kIOReturnSuccess : kIOReturnError;
    });
    call.request.selector = 9;
    EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
}

// semantics.md 2.5.
TEST_F(SessionTest, ScalarOutputCount_CanOnlyBeLowered) {
    Answer([](TestClient *, Arguments &arguments) {
        arguments.scalarOutput[0] = arguments.scalarInput[0] + arguments.scalarInput[1];
        arguments.scalarOutputCount = static_cast<uint32_t>(arguments.scalarInput[2]);
        return kIOReturnSuccess;
    });
    std::array<uint64_t, 3> in{40, 2, 1};
    call.request.scalars = in;
    call.request.scalar_output_capacity = 2;
    EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
    EXPECT_EQ(call.reply.num_scalars, 1U);
    EXPECT_EQ(call.scalars[0], 42U);
    in[2] = 9;
    EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
    EXPECT_EQ(call.reply.num_scalars, 2U);
}

// semantics.md 2.5.
TEST_F(SessionTest, FailingCall_DeliversNoOutputs) {
    Answer([](TestClient *, Arguments &arguments) {
        arguments.scalarOutput[0] = 7;
        arguments.structureOutput = OSData::withBytes("abc", 3);
        return kIOReturnBusy;
    });
    call.request.scalar_output_capacity = 1;
    call.request.structure_output_capacity = 16;
    EXPECT_EQ(call.Run(*session), kIOReturnBusy);
    EXPECT_EQ(call.reply.num_scalars, 0U);
    EXPECT_EQ(call.scalars[0], 0U);
    EXPECT_EQ(call.bytes[0], std::byte{0});
    EXPECT_EQ(LiveObjects("OSData"), 0);
}

// semantics.md 2.4, 2.5.
TEST_F(SessionTest, InlineStructure_GoesInAndComesBackShorter) {
    Answer([](TestClient *, Arguments &arguments) {
        if (arguments.structureInput == nullptr || arguments.structureOutputMaximumSize != 8) {
            return kIOReturnError;
        }
        arguments.structureOutput =
            OSData::withBytes(arguments.structureInput->getBytesNoCopy(), 3);
        return kIOReturnSuccess;
    });
    const std::array<std::byte, 5> in{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                                      std::byte{5}};
    call.request.structure = in;
    call.request.structure_output_capacity = 8;
    EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
    EXPECT_EQ(call.reply.num_structure_bytes, 3U);
    EXPECT_EQ(std::memcmp(call.bytes.data(), in.data(), 3), 0);
}

// semantics.md 2.5.
TEST_F(SessionTest, OutputLargerThanRoom_IsBadArgument) {
    Answer([](TestClient *, Arguments &arguments) {
        arguments.structureOutput = OSData::withBytes(nullptr, 9);
        return kIOReturnSuccess;
    });
    call.request.structure_output_capacity = 8;
    EXPECT_EQ(call.Run(*session), kIOReturnBadArgument);
}

// semantics.md 2.5.
TEST_F(SessionTest, NoOutputSet_KeepsTheApplicationsSize) {
    Answer([](TestClient *, Arguments &) { return kIOReturnSuccess; });
    call.bytes[0] = std::byte{0x55};
    call.request.structure_output_capacity = 8;
    EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
    EXPECT_EQ(call.reply.num_structure_bytes, 8U);
    EXPECT_EQ(call.bytes[0], std::byte{0});
}

// semantics.md 2.5.
TEST_F(SessionTest, OutputObjectOfAnotherClass_IsBadArgument) {
    Answer([](TestClient *, Arguments &arguments) {
        arguments.structureOutput = reinterpret_cast<OSData *>(OSString::withCString("no data"));
        return kIOReturnSuccess;
    });
    call.request.structure_output_capacity = 8;
    EXPECT_EQ(call.Run(*session), kIOReturnBadArgument);
}

// semantics.md 2.4, 2.5.
TEST_F(SessionTest, VariableOutput_HasAnySizeAndMustBeSet) {
    uint64_t size = 0;
    Answer([&](TestClient *, Arguments &arguments) {
        if (arguments.structureOutputMaximumSize != kIOUserClientVariableStructureSize) {
            return kIOReturnError;
        }
        arguments.structureOutput = size != 0 ? OSData::withBytes(nullptr, size) : nullptr;
        return kIOReturnSuccess;
    });
    call.request.structure_output_capacity = kVariableOutput;
    EXPECT_EQ(call.Run(*session), kIOReturnUnderrun);
    size = 100;
    EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
    EXPECT_EQ(call.reply.num_structure_bytes, 100U);
    EXPECT_EQ(call.reply.variable_output.region, nullptr);
    size = 10000;
    EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
    EXPECT_EQ(call.reply.num_structure_bytes, 10000U);
    ASSERT_NE(call.reply.variable_output.region, nullptr);
    EXPECT_EQ(call.reply.variable_output.length, 10000U);
}

// semantics.md 2.6: each check of the table.
TEST_F(SessionTest, DispatchTable_ChecksBeforeTheFunctionIsCalled) {
    static constexpr auto kFunction = [](OSObject *, void *, Arguments *) -> kern_return_t {
        return kIOReturnSuccess;
    };
    IOUserClientMethodDispatch entry{+kFunction, 0, 1, 4, 1, 8};
    Answer([&](TestClient *client, Arguments &arguments) {
        return service::CallChecked(client, &arguments, &entry);
    });
    const std::array<uint64_t, 2> scalars{};
    const std::array<std::byte, 5> bytes{};
    const auto run = [&](size_t num_in, size_t num_bytes, uint32_t num_out, uint64_t out_bytes) {
        call.request.scalars = std::span(scalars).first(num_in);
        call.request.structure = std::span(bytes).first(num_bytes);
        call.request.scalar_output_capacity = num_out;
        call.request.structure_output_capacity = out_bytes;
        return call.Run(*session);
    };
    EXPECT_EQ(run(1, 4, 1, 8), kIOReturnSuccess);
    EXPECT_EQ(run(2, 4, 1, 8), kIOReturnBadArgument);
    EXPECT_EQ(run(1, 5, 1, 8), kIOReturnBadArgument);
    EXPECT_EQ(run(1, 4, 0, 8), kIOReturnBadArgument);
    EXPECT_EQ(run(1, 4, 1, 9), kIOReturnBadArgument);
    entry.checkCompletionExists = 1;
    EXPECT_EQ(run(1, 4, 1, 8), kIOReturnBadArgument);
    entry = {+kFunction, ~0U, ~0U, ~0U, ~0U, ~0U};
    EXPECT_EQ(run(2, 5, 0, 9), kIOReturnSuccess);
    entry.function = nullptr;
    EXPECT_EQ(run(2, 5, 0, 9), kIOReturnNoCompletion);
}

// semantics.md 2.6.
TEST_F(SessionTest, NoTableEntry_IsUnsupported) {
    Answer([](TestClient *client, Arguments &arguments) {
        return service::CallChecked(client, &arguments, nullptr);
    });
    EXPECT_EQ(call.Run(*session), kIOReturnUnsupported);
}

// semantics.md 2.6: the named queue, when it is set.
TEST_F(SessionTest, ExternalMethod_RunsOnItsNamedQueue) {
    IODispatchQueue *queue = nullptr;
    ASSERT_EQ(IODispatchQueue::Create("calls", 0, 0, &queue), kIOReturnSuccess);
    bool on_named = false;
    bool on_default = false;
    Answer([&](TestClient *client, const Arguments &) {
        IODispatchQueue *default_queue = nullptr;
        client->CopyDispatchQueue("Default", &default_queue);
        on_default = default_queue->OnQueue();
        default_queue->release();
        on_named = queue->OnQueue();
        return client->SetDispatchQueue(kIOUserClientQueueNameExternalMethod, queue);
    });
    EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
    EXPECT_TRUE(on_default && !on_named);
    EXPECT_EQ(call.Run(*session), kIOReturnSuccess);
    EXPECT_TRUE(on_named && !on_default);
    queue->release();
}

// semantics.md 2.7.
TEST_F(SessionTest, AsyncCompletion_ReachesTheSinkAsOftenAsItIsSent) {
    CollectingSink sink;
    session->Attach(&sink, nullptr);
    OSAction *kept = nullptr;
    bool had_reference = true;
    Answer([&](TestClient *, const Arguments &arguments) {
        kept = arguments.completion;
        kept->retain();
        had_reference = kept->GetReference() != nullptr;
        return kIOReturnSuccess;
    });
    const AsyncTarget target{.port = 5, .references = {0, 11, 22}, .num_references = 3};
    call.request.async = &target;
    ASSERT_EQ(call.Run(*session), kIOReturnSuccess);
    EXPECT_FALSE(had_reference);
    IOUserClientAsyncArgumentsArray words = {1, 2, 3};
    TestClient *any_client = nullptr;
    Answer([&](TestClient *client, const Arguments &) {
        any_client = client;
        client->AsyncCompletion(kept, kIOReturnAborted, words, 3);
        client->AsyncCompletion(kept, kIOReturnSuccess, words, 0);
        client->AsyncCompletion(kept, kIOReturnSuccess, words, 17);
        return kIOReturnSuccess;
    });
    call.request.async = nullptr;
    ASSERT_EQ(call.Run(*session), kIOReturnSuccess);
    const std::vector<AsyncCompletion> got = sink.Get();
    ASSERT_EQ(got.size(), 2U);
    EXPECT_EQ(got[0].target.port, 5U);
    EXPECT_EQ(got[0].target.references[2], 22U);
    EXPECT_EQ(got[0].result, kIOReturnAborted);
    EXPECT_EQ(got[0].num_arguments, 3U);
    EXPECT_EQ(got[0].arguments[2], 3U);
    EXPECT_EQ(got[1].num_arguments, 0U);
    kept->release();
    session->Detach();
}

// semantics.md 2.7: a failed call has no callbacks.
TEST_F(SessionTest, CompletionOfAFailedCall_IsDropped) {
    CollectingSink sink;
    session->Attach(&sink, nullptr);
    OSAction *kept = nullptr;
    TestClient *its_client = nullptr;
    Answer([&](TestClient *client, const Arguments &arguments) {
        kept = arguments.completion;
        kept->retain();
        its_client = client;
        return kIOReturnBusy;
    });
    const AsyncTarget target{};
    call.request.async = &target;
    EXPECT_EQ(call.Run(*session), kIOReturnBusy);
    its_client->AsyncCompletion(kept, kIOReturnSuccess, nullptr, 0);
    EXPECT_TRUE(sink.Get().empty());
    kept->release();
    session->Detach();
}

// semantics.md 2.8.
TEST_F(SessionTest, MapMemory_GivesTheDriversBytesAndTheSameIdAgain) {
    IOBufferMemoryDescriptor *buffer = nullptr;
    ASSERT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionOut, 6000, 0, &buffer),
              kIOReturnSuccess);
    IOAddressSegment range{};
    ASSERT_EQ(buffer->GetAddressRange(&range), kIOReturnSuccess);
    std::memcpy(reinterpret_cast<void *>(range.address), "hello", 5);
    rig.script.copy_memory = [&](uint64_t type, uint64_t *options, IOMemoryDescriptor **memory) {
        *options = type == 1 ? kIOUserClientMemoryReadOnly : 0;
        buffer->retain();
        *memory = buffer;
        return kIOReturnSuccess;
    };
    const auto first = session->MapMemory(0);
    ASSERT_TRUE(first);
    EXPECT_FALSE(first->read_only);
    EXPECT_EQ(first->slices.front().length, 6000U);
    EXPECT_EQ(std::memcmp(first->slices.front().region->ReadOnly() + first->slices.front().offset,
                          "hello", 5),
              0);
    EXPECT_EQ(session->MapMemory(0)->id, first->id);
    EXPECT_TRUE(session->MapMemory(1)->read_only);
    EXPECT_EQ(session->UnmapMemory(0).value(), first->id);
    EXPECT_TRUE(session->UnmapMemory(1));
    EXPECT_EQ(session->UnmapMemory(0).error(), kIOReturnBadArgument);
    buffer->release();
}

// semantics.md 2.8: any error of the driver is BadArgument when mapping, and itself when unmapping.
TEST_F(SessionTest, MapMemoryRefused_IsBadArgument) {
    rig.script.copy_memory = [](uint64_t, uint64_t *, IOMemoryDescriptor **) {
        return kIOReturnNoSpace;
    };
    EXPECT_EQ(session->MapMemory(0).error(), kIOReturnBadArgument);
    EXPECT_EQ(session->UnmapMemory(0).error(), kIOReturnNoSpace);
    rig.script.copy_memory = nullptr;
    EXPECT_EQ(session->MapMemory(0).error(), kIOReturnBadArgument);
}

TEST_F(SessionTest, MemoryLeftThereByARefusingDriver_StaysTheDrivers) {
    IOBufferMemoryDescriptor *buffer = nullptr;
    ASSERT_EQ(IOBufferMemoryDescriptor::Create(kIOMemoryDirectionOut, 100, 0, &buffer),
              kIOReturnSuccess);
    rig.script.copy_memory = [&](uint64_t, uint64_t *, IOMemoryDescriptor **memory) {
        *memory = buffer;
        return kIOReturnNotReady;
    };
    EXPECT_EQ(session->MapMemory(0).error(), kIOReturnBadArgument);
    EXPECT_EQ(session->UnmapMemory(0).error(), kIOReturnNotReady);
    uint64_t length = 0;
    EXPECT_EQ(buffer->GetLength(&length), kIOReturnSuccess);
    buffer->release();
}

// semantics.md 2.10: close is a Stop, and nothing of the client is left.
TEST_F(SessionTest, Close_StopsTheClientAndReleasesEverything) {
    CollectingSink sink;
    session->Attach(&sink, nullptr);
    std::atomic<int> num_stops = 0;
    rig.script.client_stop = [&](TestClient *) { ++num_stops; };
    rig.script.copy_memory = [](uint64_t, uint64_t *, IOMemoryDescriptor **memory) {
        IOBufferMemoryDescriptor *buffer = nullptr;
        const kern_return_t status =
            IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, 100, 0, &buffer);
        *memory = buffer;
        return status;
    };
    ASSERT_TRUE(session->MapMemory(3));
    OSAction *kept = nullptr;
    Answer([&](TestClient *, const Arguments &arguments) {
        kept = arguments.completion;
        kept->retain();
        return kIOReturnSuccess;
    });
    const AsyncTarget target{};
    call.request.async = &target;
    ASSERT_EQ(call.Run(*session), kIOReturnSuccess);
    session->Close();
    session->Close();
    EXPECT_EQ(call.Run(*session), channel::kMachSendInvalidDest);
    EXPECT_TRUE(WaitUntil([&] { return num_stops == 1 && rig.host->NumServices() == 1; }));
    session.reset();
    kept->release();
    EXPECT_TRUE(WaitUntil([] { return LiveObjects("TestClient") == 0; }));
    EXPECT_TRUE(sink.Get().empty());
    EXPECT_EQ(memory::TakeMemoryCensus(), memory::MemoryCensus{});
    EXPECT_EQ(LiveObjects("OSAction"), 0);
    EXPECT_EQ(LiveObjects("OpenDextCompletionTarget"), 0);
}

// semantics.md 2.10: a client that was dropped without Close.
TEST_F(SessionTest, DroppedSession_IsClosed) {
    session.reset();
    EXPECT_TRUE(WaitUntil([] { return LiveObjects("TestClient") == 0; }));
}

// Without a registry the driver gets its Stop all the same.
TEST_F(SessionTest, RegistryIsGone_CloseStillStopsTheClient) {
    rig.reports.on_terminate = nullptr;
    session->Close();
    session.reset();
    EXPECT_TRUE(WaitUntil([] { return LiveObjects("TestClient") == 0; }));
}

}  // namespace
}  // namespace opendext::host
