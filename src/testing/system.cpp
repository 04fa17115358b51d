// SPDX-License-Identifier: Apache-2.0
#include <opendext/testing/system.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "backends/api/pci_identity.h"
#include "backends/emulated/emulated_pci_backend.h"
#include "backends/emulated/model_usb_wire.h"
#include "backends/usb/wired_usb_port.h"
#include "base/clock.h"
#include "base/interleaver.h"
#include "base/log.h"
#include "base/property_list.h"
#include "base/race_annotations.h"
#include "device_host/port_kinds.h"
#include "embedded/embedded_system.h"
#include "iokit/session.h"
#include "models/catalog.h"
#include "runtime/dispatch/parker.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/dispatch/timer_service.h"
#include "runtime/dispatch/worker_pool.h"

namespace opendext::test {

namespace {

constexpr std::chrono::seconds kHangGuard{30};
constexpr uint8_t kFirstPciDevice = 4;
constexpr uint32_t kUsbLocationStep = 0x00100000;

template <typename Condition>
bool WaitUntil(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + kHangGuard;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

std::expected<std::optional<PropertyValue::Dictionary>, std::string> ReadEntitlements(
    const std::string &text) {
    if (text.empty()) {
        return std::nullopt;
    }
    auto list = ReadPropertyList(text);
    const auto *dictionary = list ? list->IfDictionary() : nullptr;
    if (dictionary == nullptr) {
        return std::unexpected(
            "app_entitlements: no property list with a dictionary; write the text of an "
            ".entitlements file");
    }
    return *dictionary;
}

}  // namespace

namespace {

/// The system for those who unplug a device, on whatever thread; NULL once it ends, and then they do nothing.
struct RunningSystem {
    std::shared_mutex mutex;  // exclusively, to end it
    embedded::EmbeddedSystem *system = nullptr;
};

}  // namespace

/// What a System is made of.
class System::Parts {
public:
    /// PCI devices by the names under which the registry has them. Used by drivers' threads; outlives the System in their
    /// hands.
    class PciSlots {
    public:
        void Add(const std::string &name, std::shared_ptr<backends::PciBackend> backend) {
            const std::lock_guard lock(mutex_);
            by_name_.emplace(name, std::move(backend));
        }
        std::expected<std::shared_ptr<backends::PciBackend>, std::string> Find(
            const std::string &name) const {
            const std::lock_guard lock(mutex_);
            const auto found = by_name_.find(name);
            if (found == by_name_.end()) {
                return std::unexpected(name + ": no such device is attached");
            }
            return found->second;
        }

    private:
        mutable std::mutex mutex_;
        std::map<std::string, std::shared_ptr<backends::PciBackend>> by_name_;  // by mutex_
    };

    // Shared with the log's sinks and with drivers, which may outlive the System for a moment.
    const std::shared_ptr<LogLines> log = std::make_shared<LogLines>();
    const std::shared_ptr<PciSlots> pci = std::make_shared<PciSlots>();
    const std::shared_ptr<RunningSystem> running = std::make_shared<RunningSystem>();
    std::unique_ptr<embedded::EmbeddedSystem> embedded;
    std::unique_ptr<FaultPlan> faults;  // only who wants them pays for them
    std::unique_ptr<VirtualClock> clock;
    bool is_interleaved = false;
    uint8_t num_pci = 0;
    uint32_t num_usb = 0;
};

namespace {

/// A PCI slot with a card in it.
class PciSlot final : public Device::Slot {
public:
    PciSlot(std::shared_ptr<RunningSystem> running,
            std::shared_ptr<backends::EmulatedPciBackend> backend, channel::EntryId entry)
        : running_(std::move(running)), backend_(std::move(backend)), entry_(entry) {}

    void Unplug() override {
        const std::shared_lock lock(running_->mutex);
        if (running_->system != nullptr && !is_out_.exchange(true)) {
            backend_->Unplug();
            running_->system->RemoveProvider(entry_);
        }
    }

private:
    const std::shared_ptr<RunningSystem> running_;
    const std::shared_ptr<backends::EmulatedPciBackend> backend_;
    const channel::EntryId entry_;
    std::atomic<bool> is_out_ = false;
};

/// A USB port with a model at its end.
class UsbModelSlot final : public Device::Slot {
public:
    UsbModelSlot(std::shared_ptr<backends::UsbPort> port, backends::ModelUsbWire *wire)
        : port_(std::move(port)), wire_(wire) {}

    void Unplug() override { wire_->Unplug(); }

private:
    const std::shared_ptr<backends::UsbPort> port_;
    backends::ModelUsbWire *const wire_;  // the port's
};

/// A port whose device is not ours.
class ForeignUsbSlot final : public Device::Slot {
public:
    explicit ForeignUsbSlot(std::string name) : name_(std::move(name)) {}
    void Unplug() override {
        LogWarning("{}: only models can be unplugged by a test; pull the device out yourself",
                   name_);
    }

private:
    const std::string name_;
};

}  // namespace

std::expected<std::unique_ptr<System>, std::string> System::Start(const SystemOptions &options) {
    auto entitlements = ReadEntitlements(options.app_entitlements);
    if (!entitlements) {
        return std::unexpected(std::move(entitlements.error()));
    }
    auto parts = std::make_unique<Parts>();
    SetLogSink([log = parts->log](LogLevel /*level*/, std::string_view line) {
        log->Add(std::string(line));
    });
    auto system = embedded::EmbeddedSystem::Start(
        {.make_device = [pci = parts->pci](const std::string &name) { return pci->Find(name); },
         .app_entitlements = *std::move(entitlements),
         .driver_log = [log = parts->log](const std::string &line) { log->Add(line); },
         .start_timeout = options.start_timeout});
    if (!system) {
        SetLogSink({});
        return std::unexpected(std::move(system.error()));
    }
    parts->embedded = *std::move(system);
    parts->running->system = parts->embedded.get();
    iokit::Session::Current().Install(parts->embedded->directory());
    return std::unique_ptr<System>(new System(std::move(parts)));
}

System::System(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

System::~System() {
    EndInterleaving();
    parts_->clock.reset();
    parts_->faults.reset();
    {
        const std::unique_lock lock(parts_->running->mutex);
        parts_->running->system = nullptr;
    }
    iokit::Session::Current().Install(nullptr);
    parts_->embedded.reset();
    // A worker may be the last to hold a driver, and tell what it has left.
    static_cast<void>(dispatch::WorkerPool::Instance().WaitUntilIdle(kHangGuard));
    SetLogSink({});
}

std::expected<void, std::string> System::Load(const std::filesystem::path &dext) {
    auto added = parts_->embedded->AddBundle(dext);
    if (!added) {
        return std::unexpected(std::move(added.error()));
    }
    parts_->embedded->WaitUntilQuiet();
    return {};
}

std::expected<Device, std::string> System::Attach(const std::string &specification) {
    if (!device_host::IsUsbPort(specification)) {
        auto model = models::CreateModel(specification);
        if (!model) {
            return std::unexpected(std::move(model.error()));
        }
        return Attach(*std::move(model));
    }
    // A name without a prefix is a model's.
    if (specification.starts_with("model:") || models::FindModelBus(specification)) {
        auto model = models::CreateUsbModel(specification);
        if (!model) {
            return std::unexpected(std::move(model.error()));
        }
        return Attach(*std::move(model));
    }
    auto port = device_host::MakePort(specification);
    if (!port) {
        return std::unexpected(std::move(port.error()));
    }
    parts_->embedded->AddUsbPort(*std::move(port), specification);
    parts_->embedded->WaitUntilQuiet();
    return Device(std::make_shared<ForeignUsbSlot>(specification), nullptr, nullptr);
}

std::expected<Device, std::string> System::Attach(std::unique_ptr<backends::PciDeviceModel> model) {
    const std::string name = fmt::format("model:{}#{}", model->Name(), parts_->num_pci);
    backends::PciDeviceModel *const raw = model.get();
    const auto device = static_cast<uint8_t>(kFirstPciDevice + parts_->num_pci++);
    auto made = backends::EmulatedPciBackend::Create(std::move(model),
                                                     {.bus = 0, .device = device, .function = 0});
    if (!made) {
        return std::unexpected(fmt::format("{}: the model describes no valid PCI function: {}",
                                           name, made.error().message));
    }
    const std::shared_ptr<backends::EmulatedPciBackend> backend = *std::move(made);
    parts_->pci->Add(name, backend);
    const channel::EntryId entry =
        parts_->embedded->AddProvider({.class_name = "IOPCIDevice",
                                       .name = "device",
                                       .location = fmt::format("{},0", device),
                                       .device = name,
                                       .properties = backends::PciIdentityProperties(*backend)});
    parts_->embedded->WaitUntilQuiet();
    return Device(std::make_shared<PciSlot>(parts_->running, backend, entry), raw, nullptr);
}

std::expected<Device, std::string> System::Attach(std::unique_ptr<backends::UsbDeviceModel> model) {
    const std::string name = fmt::format("model:{}", model->Name());
    backends::UsbDeviceModel *const raw = model.get();
    const uint32_t location = backends::kModelUsbLocation + kUsbLocationStep * parts_->num_usb++;
    auto made = backends::ModelUsbWire::Create(std::move(model), location);
    if (!made) {
        return std::unexpected(fmt::format("{}: the model describes no valid USB device: {}", name,
                                           made.error().message));
    }
    backends::ModelUsbWire *const wire = made->get();
    const std::shared_ptr<backends::UsbPort> port =
        backends::WiredUsbPort::Create(*std::move(made));
    parts_->embedded->AddUsbPort(port, name);
    parts_->embedded->WaitUntilQuiet();
    return Device(std::make_shared<UsbModelSlot>(port, wire), nullptr, raw);
}

Service System::Find(const std::string &class_name) {
    return Service(
        IOServiceGetMatchingService(kIOMainPortDefault, IOServiceNameMatching(class_name.c_str())));
}

Service System::WaitForService(const std::string &class_name) {
    Settle();
    Service service;
    static_cast<void>(WaitUntil([&] {
        service = Find(class_name);
        return static_cast<bool>(service);
    }));
    return service;
}

bool System::WaitUntilGone(const std::string &class_name) {
    Settle();
    return WaitUntil([&] { return !Find(class_name); });
}

bool System::Settle() {
    const Interleaver::OutsideScope outside;
    // What comes to rest may have given the registry something to start, and the other way round.
    for (int round = 0; round < 2; ++round) {
        parts_->embedded->WaitUntilQuiet();
        if (!dispatch::WorkerPool::Instance().WaitUntilIdle(kHangGuard)) {
            LogWarning(
                "the driver does not come to rest: after {} s a thread of it is still at work, or "
                "asleep on a queue or "
                "an event link; the test goes on without waiting for it",
                kHangGuard.count());
            return false;
        }
    }
    return true;
}

LogLines &System::log() {
    return *parts_->log;
}

std::shared_ptr<LogLines> System::SharedLog() const {
    return parts_->log;
}

FaultPlan &System::faults() {
    if (parts_->faults == nullptr) {
        parts_->faults = std::make_unique<FaultPlan>();
    }
    return *parts_->faults;
}

void System::Interleave(uint64_t seed) {
    EndInterleaving();
    static_cast<void>(faults());  // calls into the framework are seen from there
    Settle();
    Interleaver::Instance().Begin(seed);
    parts_->is_interleaved = true;
}

void System::EndInterleaving() {
    if (std::exchange(parts_->is_interleaved, false)) {
        Interleaver::Instance().End();
    }
}

void System::RunTogether(std::vector<std::function<void()>> functions) {
    std::atomic<size_t> num_left = functions.size();
    dispatch::Parker done;
    std::latch all_are_here(static_cast<ptrdiff_t>(functions.size()));
    for (auto &function : functions) {
        dispatch::RunOnWorker([&num_left, &done, &all_are_here, run = std::move(function)] {
            // Members of an interleaving come one by one.
            if (!Interleaver::IsMember()) {
                all_are_here.arrive_and_wait();
            }
            run();
            HandOver(&num_left);
            if (num_left.fetch_sub(1) == 1) {
                done.Signal();
            }
        });
    }
    if (!functions.empty()) {
        done.Wait();
        TakeOver(&num_left);
    }
}

void System::FreezeTime() {
    if (parts_->clock == nullptr) {
        parts_->clock = std::make_unique<VirtualClock>();
    }
}

void System::AdvanceTime(std::chrono::nanoseconds duration) {
    FreezeTime();
    auto remaining = static_cast<uint64_t>(std::max<int64_t>(duration.count(), 0));
    Settle();
    while (remaining != 0) {
        const uint64_t step = std::min(
            remaining,
            std::max<uint64_t>(
                dispatch::TimerService::Instance().NanosecondsToNextCall().value_or(remaining), 1));
        parts_->clock->Advance(step);
        remaining -= step;
        Settle();
    }
}

}  // namespace opendext::test
