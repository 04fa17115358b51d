// SPDX-License-Identifier: Apache-2.0
#include "host/dext_host.h"

#include <gtest/gtest.h>

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSNumber.h>
#include <DriverKit/OSString.h>

#include <PCIDriverKit/PCIDriverKit.h>

#include "backends/emulated/scripted_model.h"
#include "host/testing/host_rig.h"
#include "runtime/dispatch/worker_pool.h"
#include "runtime/object/object_census.h"
#include "runtime/service/service_state.h"

namespace opendext::host {
namespace {

using channel::EntryId;
using channel::StopMode;
using object::LiveObjects;
using service::DriverScript;

// semantics.md 3.6, 3.9, 3.10.
TEST(StartService, StartRunsOnDefaultQueueWithProviderAndEntry) {
    bool on_queue = false;
    IOService *provider_seen = nullptr;
    uint64_t entry_seen = 0;
    HostRig rig({.start = [&](TestDriver *driver, IOService *provider) {
        IODispatchQueue *queue = nullptr;
        driver->CopyDispatchQueue("Default", &queue);
        on_queue = queue->OnQueue();
        queue->release();
        provider_seen = driver->GetProvider() == provider ? provider : nullptr;
        driver->GetRegistryEntryID(&entry_seen);
        return driver->RegisterService();
    }});
    EXPECT_EQ(rig.Start(), kIOReturnSuccess);
    EXPECT_TRUE(on_queue);
    EXPECT_NE(provider_seen, nullptr);
    EXPECT_EQ(EntryId{entry_seen}, rig.service_entry);
    EXPECT_TRUE(rig.reports.Get(rig.service_entry).registered);
}

// semantics.md 3.6.
TEST(StartService, StartWithoutTheBaseClasss_IsTold) {
    LogCapture log;
    HostRig rig({.calls_super_start = false});
    EXPECT_EQ(rig.Start(), kIOReturnSuccess);
    EXPECT_TRUE(log.Has("TestDriver: Start returned success and has not called Start(provider"));
}

// semantics.md 3.6.
TEST(StartService, FailedStart_IsFreedWithoutStop) {
    bool stopped = false;
    HostRig rig({.start = [](TestDriver *, IOService *) { return kIOReturnNoDevice; },
                 .stop =
                     [&](TestDriver *, IOService *) {
                         stopped = true;
                         return kIOReturnSuccess;
                     }});
    EXPECT_EQ(rig.Start(), kIOReturnNoDevice);
    EXPECT_TRUE(WaitUntil([] { return LiveObjects("TestDriver") == 0; }));
    EXPECT_FALSE(stopped);
    EXPECT_EQ(rig.host->NumServices(), 0U);
}

// semantics.md 3.6: drivers call their own Stop out of a failing Start.
TEST(StartService, OwnStopInFailingStart_IsNoStopForTheRegistry) {
    HostRig rig({.start = [](TestDriver *driver, IOService *provider) {
        driver->Stop(provider);
        return kIOReturnNoDevice;
    }});
    EXPECT_EQ(rig.Start(), kIOReturnNoDevice);
    EXPECT_FALSE(rig.reports.Get(rig.service_entry).stopped);
    EXPECT_TRUE(WaitUntil([] { return LiveObjects("TestDriver") == 0; }));
}

// semantics.md 3.6.
TEST(StartService, InitReturnsFalse_StartFails) {
    HostRig rig({.init = [] { return false; }});
    EXPECT_NE(rig.Start(), kIOReturnSuccess);
    EXPECT_TRUE(WaitUntil([] { return LiveObjects("TestDriver") == 0; }));
}

TEST(StartService, UnknownUserClass_FailsAndNamesTheDextsClasses) {
    LogCapture log;
    HostRig rig;
    EXPECT_NE(rig.Start("Missing"), kIOReturnSuccess);
    EXPECT_TRUE(log.Has(
        "IOUserClass \"Missing\" is no service class of the dext; it has: TestClient, TestDriver"));
}

TEST(StartService, HostIsGoneWhileStartHangs_OrderIsAnswered) {
    std::atomic<bool> may_return = false;
    std::atomic<bool> is_hanging = false;
    std::atomic<bool> has_returned = false;
    std::atomic<int32_t> answer = 1;
    DriverScript script{.start = [&](TestDriver *, IOService *) {
        is_hanging = true;
        (void)WaitUntil([&] { return may_return.load(); });
        has_returned = true;
        return kIOReturnSuccess;
    }};
    {
        HostRig rig(script);
        rig.host->StartService(
            {.entry = rig.service_entry, .user_class = "TestDriver", .provider = rig.provider},
            [&](int32_t status) { answer = status; });
        EXPECT_TRUE(WaitUntil([&] { return is_hanging.load(); }));
        rig.host = std::make_unique<DextHost>(
            DextHostOptions{.dext = std::make_shared<LoadedDext>(), .reports = &rig.reports});
        EXPECT_EQ(answer, channel::kHostGone);
        may_return = true;
        EXPECT_TRUE(WaitUntil([&] { return has_returned.load(); }));
        EXPECT_TRUE(WaitUntil([] { return LiveObjects("TestDriver") == 0; }));
    }
}

// semantics.md 3.7: the answer waits for the base class's Stop.
TEST(StopService, SuccessIsAnsweredWhenBaseStopRan) {
    std::atomic<bool> stop_returned = false;
    TestDriver *kept = nullptr;
    IOService *kept_provider = nullptr;
    HostRig rig({.stop = [&](TestDriver *driver, IOService *provider) {
        driver->retain();
        provider->retain();
        kept = driver;
        kept_provider = provider;
        stop_returned = true;
        return kIOReturnSuccess;
    }});
    ASSERT_EQ(rig.Start(), kIOReturnSuccess);
    std::atomic<int32_t> answer = 1;
    rig.host->StopService(rig.service_entry, StopMode::kAwaitReturn,
                          [&](int32_t status) { answer = status; });
    ASSERT_TRUE(WaitUntil([&] { return stop_returned.load(); }));
    EXPECT_EQ(answer, 1);
    kept->SuperStop(kept_provider);
    EXPECT_EQ(answer, kIOReturnSuccess);
    EXPECT_EQ(kept->GetProvider(), nullptr);
    kept->release();
    kept_provider->release();
    EXPECT_TRUE(WaitUntil([] { return LiveObjects("TestDriver") == 0; }));
}

// Who lets go of it last looks for what the driver has left: a driver that is still to release what it holds is not asked.
TEST(StopService, HostThatEndsWithTheAnswer_IsNotDestroyedAmidTheDriversCode) {
    std::thread::id drivers_thread;
    std::atomic<bool> was_amid = false;
    std::atomic<bool> is_destroyed = false;
    std::shared_ptr<const LoadedDext> dext(
        new LoadedDext(TestDext()), [&](const LoadedDext *loaded) {
            was_amid = std::this_thread::get_id() == drivers_thread;
            delete loaded;
            is_destroyed = true;
        });
    std::atomic<bool> has_returned = false;
    TestDriver *kept = nullptr;
    IOService *kept_provider = nullptr;
    HostRig rig({.stop =
                     [&](TestDriver *driver, IOService *provider) {
                         driver->retain();
                         provider->retain();
                         kept = driver;
                         kept_provider = provider;
                         has_returned = true;
                         return kIOReturnSuccess;
                     }},
                {.dext = std::move(dext)});
    ASSERT_EQ(rig.Start(), kIOReturnSuccess);
    rig.host->StopService(rig.service_entry, StopMode::kAwaitReturn,
                          [&](int32_t) { rig.host.reset(); });
    ASSERT_TRUE(WaitUntil([&] { return has_returned.load(); }));
    ASSERT_TRUE(dispatch::WorkerPool::Instance().WaitUntilIdle(std::chrono::seconds(30)));
    drivers_thread = std::this_thread::get_id();
    kept->SuperStop(kept_provider);
    kept->release();
    kept_provider->release();
    EXPECT_TRUE(WaitUntil([&] { return is_destroyed.load(); }));
    EXPECT_FALSE(was_amid);
    rig.host = std::make_unique<DextHost>(
        DextHostOptions{.dext = std::make_shared<LoadedDext>(), .reports = &rig.reports});
}

// semantics.md 3.7.
TEST(StopService, FailingStop_CountsAsStopped) {
    HostRig rig({.stop = [](TestDriver *, IOService *) { return kIOReturnBusy; }});
    ASSERT_EQ(rig.Start(), kIOReturnSuccess);
    EXPECT_EQ(rig.Stop(rig.service_entry), kIOReturnBusy);
    EXPECT_TRUE(WaitUntil([] { return LiveObjects("TestDriver") == 0; }));
}

// semantics.md 3.7: one-way.
TEST(StopService, ProviderGone_IsAnsweredBeforeTheDriverIsDone) {
    std::atomic<bool> may_stop = false;
    HostRig rig({.stop = [&](TestDriver *driver, IOService *provider) {
        (void)WaitUntil([&] { return may_stop.load(); });
        return driver->SuperStop(provider);
    }});
    ASSERT_EQ(rig.Start(), kIOReturnSuccess);
    EXPECT_EQ(rig.Stop(rig.service_entry, StopMode::kOneWay), kIOReturnSuccess);
    may_stop = true;
    EXPECT_TRUE(WaitUntil([] { return LiveObjects("TestDriver") == 0; }));
}

TEST(StopService, SuperStopIsForgotten_OneLineSaysSo) {
    LogCapture log;
    TestDriver *forgetful = nullptr;
    IOService *its_provider = nullptr;
    HostRig rig({.stop =
                     [&](TestDriver *driver, IOService *provider) {
                         forgetful = driver;
                         its_provider = provider;
                         return kIOReturnSuccess;
                     }},
                {.stop_warning = std::chrono::milliseconds(1)});
    ASSERT_EQ(rig.Start(), kIOReturnSuccess);
    std::promise<int32_t> stopped;
    rig.host->StopService(rig.service_entry, StopMode::kAwaitReturn,
                          [&](int32_t status) { stopped.set_value(status); });
    EXPECT_TRUE(WaitUntil([&] { return log.Has("call Stop(provider, SUPERDISPATCH)"); }));
    forgetful->SuperStop(its_provider);
    EXPECT_EQ(stopped.get_future().get(), kIOReturnSuccess);
}

TEST(StopService, UnknownEntry_IsStoppedAlready) {
    HostRig rig;
    EXPECT_EQ(rig.Stop(EntryId{4711}), kIOReturnSuccess);
}

// semantics.md 2.1.
TEST(OpenClient, DriverRefuses_ErrorIsTheResult) {
    HostRig rig({.new_user_client = [](TestDriver *, uint32_t, IOUserClient **) {
        return kIOReturnNotPrivileged;
    }});
    ASSERT_EQ(rig.Start(), kIOReturnSuccess);
    EXPECT_EQ(rig.Open().error(), kIOReturnNotPrivileged);
}

// semantics.md 2.1.
TEST(OpenClient, SuccessWithoutClient_IsErrorAndSaysWhatToDo) {
    LogCapture log;
    HostRig rig({.new_user_client = [](TestDriver *, uint32_t, IOUserClient **) {
        return kIOReturnSuccess;
    }});
    ASSERT_EQ(rig.Start(), kIOReturnSuccess);
    EXPECT_EQ(rig.Open().error(), kIOReturnError);
    EXPECT_TRUE(log.Has("NewUserClient of TestDriver returned success without a client"));
}

// semantics.md 2.1.
TEST(OpenClient, DriverWithoutNewUserClient_IsErrorAndSaysWhatToDo) {
    LogCapture log;
    HostRig rig({.new_user_client = [](TestDriver *driver, uint32_t type, IOUserClient **client) {
        using super = IOService;
        return driver->NewUserClient(type, client, SUPERDISPATCH);
    }});
    ASSERT_EQ(rig.Start(), kIOReturnSuccess);
    EXPECT_EQ(rig.Open().error(), kIOReturnError);
    EXPECT_TRUE(log.Has("TestDriver: no application can open it"));
}

// semantics.md 2.1: the type reaches the driver; 2.11: the entitlements are there.
TEST(OpenClient, ClientHasTypeAndEntitlements) {
    uint32_t type_seen = 0;
    TestClient *client_seen = nullptr;
    HostRig rig;
    rig.script.new_user_client = [&](TestDriver *driver, uint32_t type, IOUserClient **client) {
        type_seen = type;
        IOService *made = nullptr;
        const kern_return_t status = driver->Create(driver, "UserClientProperties", &made);
        client_seen = OSDynamicCast(TestClient, made);
        *client = client_seen;
        return status;
    };
    ASSERT_EQ(rig.Start(), kIOReturnSuccess);
    auto opened = rig.Open(77, PropertyValue(PropertyValue::Dictionary{{"com.example.key", true}}));
    ASSERT_TRUE(opened);
    EXPECT_EQ(type_seen, 77U);
    OSDictionary *entitlements = nullptr;
    ASSERT_EQ(client_seen->CopyClientEntitlements(&entitlements), kIOReturnSuccess);
    EXPECT_NE(entitlements->getObject("com.example.key"), nullptr);
    entitlements->release();
}

// semantics.md 2.1: the kernel class decides.
TEST(OpenClient, ClientOfKernelClassIOUserService_IsTerminatedAndUnsupported) {
    HostRig rig;
    const PropertyValue wrong(
        PropertyValue::Dictionary{{"IOClass", "IOUserService"}, {"IOUserClass", "TestClient"}});
    rig.service_entry = rig.reports.Add(rig.provider_entry, {{"UserClientProperties", wrong}});
    ASSERT_EQ(rig.Start(), kIOReturnSuccess);
    EXPECT_EQ(rig.Open().error(), kIOReturnUnsupported);
    EXPECT_TRUE(WaitUntil([] { return LiveObjects("TestClient") == 0; }));
}

// A host whose provider is a PCI device.
class PciHostTest : public testing::Test {
protected:
    static DextHostOptions WithDevices(const std::shared_ptr<backends::PciBackend> &backend) {
        return {.make_device = [backend](const channel::ProviderDescription &provider)
                    -> std::expected<Device, std::string> {
            if (provider.device != "model:scripted") {
                return std::unexpected("no such device; known: model:scripted");
            }
            return backend;
        }};
    }

    static std::shared_ptr<backends::EmulatedPciBackend> MakeBackend() {
        return backends::ScriptedDevice::Make(
                   [](backends::PciDeviceBuilder &builder) { builder.RegisterBar(0, 4096); })
            .backend;
    }
};

// semantics.md 6.1, 3.7: what the driver leaves open is closed by its Stop.
TEST_F(PciHostTest, DriverThatForgetsClose_LeavesTheDeviceClosed) {
    const auto backend = MakeBackend();
    uint16_t vendor = 0;
    {
        HostRig rig({.start =
                         [&](TestDriver *driver, IOService *provider) {
                             auto *device = OSDynamicCast(IOPCIDevice, provider);
                             if (device == nullptr || device->Open(driver) != kIOReturnSuccess) {
                                 return kIOReturnNoDevice;
                             }
                             device->ConfigurationWrite16(kIOPCIConfigurationOffsetCommand,
                                                          kIOPCICommandMemorySpace);
                             device->ConfigurationRead16(kIOPCIConfigurationOffsetVendorID,
                                                         &vendor);
                             return kIOReturnSuccess;
                         }},
                    WithDevices(backend));
        rig.provider.class_name = "IOPCIDevice";
        rig.provider.device = "model:scripted";
        ASSERT_EQ(rig.Start(), kIOReturnSuccess);
        EXPECT_EQ(vendor, 0x1234);
        EXPECT_EQ(rig.Stop(rig.service_entry), kIOReturnSuccess);
        EXPECT_EQ(backend->ReadConfig(4, backends::AccessWidth::k16), 0U);
    }
    EXPECT_TRUE(WaitUntil([] { return LiveObjects("IOPCIDevice") == 0; }));
}

TEST_F(PciHostTest, UnknownDevice_FailsTheStartWithOneLine) {
    LogCapture log;
    HostRig rig({}, WithDevices(MakeBackend()));
    rig.provider.class_name = "IOPCIDevice";
    rig.provider.device = "model:none";
    EXPECT_EQ(rig.Start(), kIOReturnNoDevice);
    EXPECT_TRUE(
        log.Has("device \"model:none\" of IOPCIDevice: no such device; known: model:scripted"));
}

// A device that does not answer holds up nobody but its own services.
TEST_F(PciHostTest, SlowDevice_LeavesOtherProvidersAlone) {
    std::atomic<bool> is_opening = false;
    std::atomic<bool> may_open = false;
    DextHostOptions options = WithDevices(MakeBackend());
    options.make_device = [&](const channel::ProviderDescription &) {
        is_opening = true;
        (void)WaitUntil([&] { return may_open.load(); });
        return std::expected<Device, std::string>(std::unexpect, "it has been unplugged");
    };
    HostRig rig({}, std::move(options));
    channel::ProviderDescription slow = rig.provider;
    slow.entry = rig.reports.Add({}, {});
    slow.class_name = "IOPCIDevice";
    slow.device = "slow";
    std::promise<int32_t> answer;
    rig.host->StartService(
        {.entry = rig.reports.Add(slow.entry, {}), .user_class = "TestDriver", .provider = slow},
        [&](int32_t status) { answer.set_value(status); });
    EXPECT_TRUE(WaitUntil([&] { return is_opening.load(); }));
    auto started = std::async(std::launch::async, [&] { return rig.Start(); });
    EXPECT_EQ(started.wait_for(kHangGuard), std::future_status::ready);
    may_open = true;
    EXPECT_EQ(started.get(), kIOReturnSuccess);
    EXPECT_EQ(answer.get_future().get(), kIOReturnNoDevice);
}

// semantics.md 3.6: services on one provider see one object, also while the first of them is not started yet.
TEST_F(PciHostTest, StartWhileAnotherBegins_SharesTheProvider) {
    std::atomic<int> num_made = 0;
    std::atomic<bool> is_first = true;
    DextHostOptions options = WithDevices(MakeBackend());
    options.make_device = [&, make = options.make_device](const auto &provider) {
        ++num_made;
        return make(provider);
    };
    std::promise<int32_t> second;
    HostRig rig({}, std::move(options));
    rig.provider.class_name = "IOPCIDevice";
    rig.provider.device = "model:scripted";
    const EntryId second_entry = rig.reports.Add(rig.provider_entry, {});
    rig.script.init = [&] {
        if (is_first.exchange(false)) {
            std::promise<void> is_done;
            rig.host->StartService(
                {.entry = second_entry, .user_class = "TestDriver", .provider = rig.provider},
                [&](int32_t status) {
                    second.set_value(status);
                    is_done.set_value();
                });
            is_done.get_future().wait();
        }
        return true;
    };
    EXPECT_EQ(rig.Start(), kIOReturnSuccess);
    EXPECT_EQ(second.get_future().get(), kIOReturnSuccess);
    EXPECT_EQ(num_made, 1);
    EXPECT_EQ(rig.Stop(second_entry), kIOReturnSuccess);
}

TEST_F(PciHostTest, DeviceBehindAnotherClass_IsUnsupported) {
    HostRig rig({}, WithDevices(MakeBackend()));
    rig.provider.device = "model:scripted";
    EXPECT_EQ(rig.Start(), kIOReturnUnsupported);
}

}  // namespace
}  // namespace opendext::host
