// SPDX-License-Identifier: Apache-2.0
#include "host/dext_host.h"

#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include <DriverKit/IOUserClient.h>

#include "base/log.h"
#include "families/pci/provider_factory.h"
#include "families/usb/provider_factory.h"
#include "host/hosted_services.h"
#include "host/order_answer.h"
#include "host/service_reports.h"
#include "host/service_watches.h"
#include "host/stop_watch.h"
#include "host/user_client_session.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/service/client_links.h"
#include "runtime/service/service_class.h"
#include "runtime/service/service_power.h"
#include "runtime/service/service_state.h"
#include "runtime/service/user_client_state.h"

namespace opendext::host {

using channel::ClientOpen;
using channel::EntryId;
using channel::kHostGone;
using channel::OpenedClient;
using channel::ProviderDescription;
using channel::ServiceStart;
using channel::StopMode;
using memory::Retain;
using memory::Retained;
using service::ServiceContext;
using service::ServiceRole;

// What the orders work on. Workers keep it alive while they run; the host closes it.
class DextHost::Orders : public std::enable_shared_from_this<DextHost::Orders> {
public:
    explicit Orders(DextHostOptions options);

    void Close();
    int32_t Start(const ServiceStart &start);
    std::expected<OpenedClient, int32_t> Open(const ClientOpen &open);
    void Stop(EntryId entry, StopMode mode, StopAnswer answer);
    void SetPowerState(EntryId entry, uint32_t flags, const std::function<void()> &acknowledged);

    /// An order to stop has come; its Stop has returned.
    void StopOrdered();
    void StopReturned();
    /// Calls on_exit when every Stop that was ordered before has returned.
    void Exit();

    DextHostOptions options;
    OpenOrders open_orders;
    const std::shared_ptr<HostedServices> services;
    const std::shared_ptr<ServiceWatches> watches;

    /// The object of this process for what `description` names.
    std::expected<Retained<IOService>, int32_t> ProviderFor(
        const ProviderDescription &description) {
        return ProviderFor(description, *StartingProviderOf(description.entry));
    }

private:
    // The provider object of one entry while a Start makes it or has not given it to its service yet.
    struct StartingProvider {
        std::mutex mutex;  // held while the object is looked up or made: no driver code runs there
        Retained<IOService> object;  // guarded by mutex
    };

    std::shared_ptr<StartingProvider> StartingProviderOf(EntryId entry);
    std::expected<Retained<IOService>, int32_t> ProviderFor(const ProviderDescription &description,
                                                            StartingProvider &starting);
    std::expected<Retained<IOService>, int32_t> MakeProvider(
        const ProviderDescription &description);
    std::expected<Retained<IOUserClient>, int32_t> CheckClient(IOService *service,
                                                               IOUserClient *client);
    void ClientClosed(EntryId entry);

    const std::shared_ptr<ServiceContext> context_;
    std::mutex starting_mutex_;
    std::map<EntryId, std::weak_ptr<StartingProvider>> starting_;  // guarded by starting_mutex_
    std::mutex exit_mutex_;
    size_t num_stops_ = 0;     // guarded by exit_mutex_; ordered and not returned
    bool is_exiting_ = false;  // guarded by exit_mutex_
};

DextHost::Orders::Orders(DextHostOptions given)
    : options(std::move(given)),
      open_orders(options.post),
      services(std::make_shared<HostedServices>(options.dext->identifier)),
      watches(std::make_shared<ServiceWatches>(
          std::shared_ptr<channel::HostReports>(options.reports_owner, options.reports))),
      context_(std::make_shared<ServiceContext>(ServiceContext{
          // Kept as long as their owner, if there is one.
          .registry = std::shared_ptr<RegistryPort>(options.reports_owner, options.reports),
          .listener = services,
          .watcher = watches,
          .image = options.dext->image,
          .dext_name = options.dext->identifier})) {}

void DextHost::Orders::Close() {
    open_orders.Close();
    services->Clear(kHostGone);
}

namespace {

IOService *MakeProviderObject(std::string_view class_name) {
    IOService *of_usb = usb::MakeProvider(class_name);
    return of_usb != nullptr ? of_usb : pci::MakeProvider(class_name);
}

// @return nothing, or what the device is, when an object of that class cannot stand on it.
std::optional<std::string_view> Give(IOService *provider, const ProviderDescription &description,
                                     Device device) {
    if (auto *pci_device = std::get_if<std::shared_ptr<backends::PciBackend>>(&device)) {
        return pci::GiveDevice(provider, std::move(*pci_device))
                   ? std::nullopt
                   : std::optional("PCI device; its class must be IOPCIDevice");
    }
    auto &session = std::get<std::shared_ptr<backends::UsbBackend>>(device);
    return usb::GiveDevice(provider, std::move(session), description.part)
               ? std::nullopt
               : std::optional(
                     "USB device; its class must be IOUSBHostDevice or IOUSBHostInterface");
}

}  // namespace

std::expected<Retained<IOService>, int32_t> DextHost::Orders::MakeProvider(
    const ProviderDescription &description) {
    Retained<IOService> provider(MakeProviderObject(description.class_name));
    if (provider == nullptr ||
        !service::AttachToRegistry(provider.get(), context_, description.entry,
                                   ServiceRole::kProvider) ||
        !provider->init()) {
        return std::unexpected(kIOReturnNoMemory);
    }
    if (description.device.empty()) {
        return provider;
    }
    auto device = options.make_device ? options.make_device(description)
                                      : std::unexpected("this process makes no devices");
    if (!device) {
        LogError("{}: device \"{}\" of {}: {}", options.dext->identifier, description.device,
                 description.class_name, device.error());
        return std::unexpected(kIOReturnNoDevice);
    }
    if (const auto wrong = Give(provider.get(), description, *std::move(device))) {
        LogError("{}: a {} cannot stand on \"{}\", which is a {}", options.dext->identifier,
                 description.class_name, description.device, *wrong);
        return std::unexpected(kIOReturnUnsupported);
    }
    return provider;
}

std::shared_ptr<DextHost::Orders::StartingProvider> DextHost::Orders::StartingProviderOf(
    EntryId entry) {
    const std::scoped_lock lock(starting_mutex_);
    std::erase_if(starting_, [](const auto &each) { return each.second.expired(); });
    std::weak_ptr<StartingProvider> &known = starting_[entry];
    std::shared_ptr<StartingProvider> starting = known.lock();
    if (starting == nullptr) {
        starting = std::make_shared<StartingProvider>();
        known = starting;
    }
    return starting;
}

std::expected<Retained<IOService>, int32_t> DextHost::Orders::ProviderFor(
    const ProviderDescription &description, StartingProvider &starting) {
    const EntryId entry = description.entry;
    const std::scoped_lock lock(starting.mutex);
    // A service of this very process, for a dext that matches on what it published itself.
    if (Retained<IOService> hosted = services->Find(entry)) {
        return hosted;
    }
    if (Retained<IOService> shared = services->FindProviderObject(entry)) {
        return shared;
    }
    if (starting.object == nullptr) {
        auto made = MakeProvider(description);
        if (!made) {
            return made;
        }
        starting.object = std::move(*made);
    }
    return Retain(starting.object.get());
}

int32_t DextHost::Orders::Start(const ServiceStart &start) {
    // A device may take its time to answer, which is only for the services on it to wait for.
    auto starting = StartingProviderOf(start.provider.entry);
    auto provider = ProviderFor(start.provider, *starting);
    if (!provider) {
        return provider.error();
    }
    const Retained<IOService> made(service::MakeServiceOfClass(*context_, start.user_class));
    if (made == nullptr) {
        return kIOReturnNotFound;
    }
    const EntryId entry = start.entry;
    if (!service::AttachToRegistry(made.get(), context_, entry, ServiceRole::kDriver)) {
        return kIOReturnNoMemory;
    }
    if (!made->init()) {
        LogError("{}: init of {} returned false", options.dext->identifier, start.user_class);
        return kIOReturnError;
    }
    services->Add(entry, Retain(made.get()), Retain(provider->get()));
    starting.reset();
    const kern_return_t status = service::StartOnQueue(made.get(), provider->get());
    if (status != kIOReturnSuccess) {
        services->Remove(entry);
    }
    return status;
}

std::expected<Retained<IOUserClient>, int32_t> DextHost::Orders::CheckClient(IOService *service,
                                                                             IOUserClient *client) {
    const char *class_name = service->getMetaClass()->getClassName();
    if (client == nullptr) {
        LogError(
            "{}: NewUserClient of {} returned success without a client; set *userClient to what "
            "Create(this, key, &service) made",
            options.dext->identifier, class_name);
        return std::unexpected(kIOReturnError);
    }
    Retained<IOUserClient> taken(client);
    const EntryId entry = service::EntryOf(client);
    if (entry == EntryId::kNone || !services->IsRunning(entry)) {
        LogError(
            "{}: NewUserClient of {} returned an object that Create did not make; make it with "
            "Create(this, key, &service)",
            options.dext->identifier, class_name);
        return std::unexpected(kIOReturnError);
    }
    const auto kernel_class =
        context_->registry->SearchProperty(entry, "IOClass", "IOService", false);
    if (kernel_class && *kernel_class != PropertyValue("IOUserUserClient")) {
        LogError(
            "{}: the dictionary for the client that NewUserClient of {} made has IOClass {}; it "
            "must be "
            "IOUserUserClient",
            options.dext->identifier, class_name, kernel_class->ToString());
        (void)context_->registry->Terminate(entry);
        return std::unexpected(kIOReturnUnsupported);
    }
    return taken;
}

std::expected<OpenedClient, int32_t> DextHost::Orders::Open(const ClientOpen &open) {
    const Retained<IOService> service = services->Find(open.service);
    if (service == nullptr || service::IsStopped(service.get())) {
        return std::unexpected(kIOReturnNotReady);
    }
    IOUserClient *client = nullptr;
    if (const kern_return_t status = service->NewUserClient(open.type, &client);
        status != kIOReturnSuccess) {
        return std::unexpected(status);
    }
    auto checked = CheckClient(service.get(), client);
    if (!checked) {
        return std::unexpected(checked.error());
    }
    service::SetClientEntitlements(checked->get(), open.entitlements);
    const EntryId entry = service::EntryOf(checked->get());
    auto session = std::make_shared<UserClientSession>(
        std::move(*checked), [orders = weak_from_this(), entry] {
            dispatch::RunOnWorker([orders, entry] {
                if (const std::shared_ptr<Orders> alive = orders.lock()) {
                    alive->ClientClosed(entry);
                }
            });
        });
    OpenedClient opened{.client = entry, .endpoint = session};
    if (options.make_endpoint) {
        auto endpoint = options.make_endpoint(session);
        if (!endpoint) {
            return std::unexpected(endpoint.error());
        }
        opened.endpoint = std::move(*endpoint);
    }
    return opened;
}

// The registry orders the Stop; without a registry the client gets it all the same.
void DextHost::Orders::ClientClosed(EntryId entry) {
    if (services->IsRunning(entry) && context_->registry->Terminate(entry) != kIOReturnSuccess) {
        Stop(entry, StopMode::kOneWay, [](int32_t) {});
    }
}

void DextHost::Orders::Stop(EntryId entry, StopMode mode, StopAnswer answer) {
    const Retained<IOService> service = services->Find(entry);
    const Retained<IOService> provider = services->FindProviderOf(entry);
    if (service == nullptr || provider == nullptr) {
        answer(kIOReturnSuccess);
        return;
    }
    if (mode == StopMode::kOneWay) {
        answer(kIOReturnSuccess);
    } else {
        services->AwaitStop(entry, std::move(answer));
    }
    auto *const client = OSDynamicCast(IOUserClient, service.get());
    if (service::ClientLinks *links = client != nullptr ? service::LinksOf(client) : nullptr) {
        links->EndAll();  // a call that waits for its application would keep the queue from Stop
    }
    const kern_return_t status = service->Stop(provider.get());
    if (status != kIOReturnSuccess) {
        services->StopFailed(entry, status);
        return;
    }
    WarnUnlessStopped(services, entry, options.stop_warning);
}

void DextHost::Orders::SetPowerState(EntryId entry, uint32_t flags,
                                     const std::function<void()> &acknowledged) {
    const Retained<IOService> service = services->Find(entry);
    if (service == nullptr || service::IsStopped(service.get())) {
        acknowledged();
        return;
    }
    service::SendPowerState(service.get(), flags, acknowledged);
}

void DextHost::Orders::StopOrdered() {
    const std::scoped_lock lock(exit_mutex_);
    ++num_stops_;
}

void DextHost::Orders::StopReturned() {
    bool exits = false;
    {
        const std::scoped_lock lock(exit_mutex_);
        exits = --num_stops_ == 0 && is_exiting_;
    }
    if (exits && options.on_exit) {
        options.on_exit();
    }
}

// The registry does not wait for one-way Stops; the driver's code must have run all the same.
void DextHost::Orders::Exit() {
    bool exits = false;
    {
        const std::scoped_lock lock(exit_mutex_);
        exits = num_stops_ == 0 && !is_exiting_;
        is_exiting_ = true;
    }
    if (exits && options.on_exit) {
        options.on_exit();
    }
}

DextHost::DextHost(DextHostOptions options)
    : orders_(std::make_shared<Orders>(std::move(options))) {
    orders_->watches->SetFindObject(
        [orders = std::weak_ptr<Orders>(orders_)](const ProviderDescription &description) {
            const std::shared_ptr<Orders> alive = orders.lock();
            auto found =
                alive != nullptr ? alive->ProviderFor(description) : std::unexpected(kHostGone);
            return found ? *std::move(found) : nullptr;
        });
}

DextHost::~DextHost() {
    orders_->Close();
}

void DextHost::StartService(const ServiceStart &start, std::function<void(int32_t)> answer) {
    const uint64_t number = orders_->open_orders.Enter([answer] { answer(kHostGone); });
    dispatch::RunOnWorker([orders = orders_, start, answer, number] {
        const int32_t status = orders->Start(start);
        orders->open_orders.Answer(number, [answer, status] { answer(status); });
    });
}

void DextHost::OpenClient(const ClientOpen &open,
                          std::function<void(std::expected<OpenedClient, int32_t>)> answer) {
    const uint64_t number =
        orders_->open_orders.Enter([answer] { answer(std::unexpected(kHostGone)); });
    dispatch::RunOnWorker([orders = orders_, open, answer, number] {
        // Shared: a std::function is copied, and descriptors cannot be.
        auto opened = std::make_shared<std::expected<OpenedClient, int32_t>>(orders->Open(open));
        orders->open_orders.Answer(number, [answer, opened] { answer(std::move(*opened)); });
    });
}

void DextHost::StopService(EntryId entry, StopMode mode, std::function<void(int32_t)> answer) {
    const uint64_t number = orders_->open_orders.Enter([answer] { answer(kHostGone); });
    orders_->StopOrdered();
    dispatch::RunOnWorker([orders = orders_, entry, mode, answer, number] {
        orders->Stop(entry, mode, [orders, answer, number](int32_t status) mutable {
            orders->open_orders.Answer(number, [answer, status] { answer(status); });
            // This is the driver's own code, which has something to release yet. With the last of these goes the dext, and
            // what is left of it then is taken for leaked.
            dispatch::RunOnWorker([orders = std::move(orders)] {});
        });
        orders->StopReturned();
    });
}

void DextHost::SetPowerState(EntryId entry, uint32_t flags, std::function<void(int32_t)> answer) {
    const uint64_t number = orders_->open_orders.Enter([answer] { answer(kHostGone); });
    dispatch::RunOnWorker([orders = orders_, entry, flags, answer, number] {
        // The service keeps it until the driver acknowledges; it must not keep the host.
        orders->SetPowerState(entry, flags, [weak = std::weak_ptr<Orders>(orders), answer, number] {
            if (const std::shared_ptr<Orders> alive = weak.lock()) {
                alive->open_orders.Answer(number, [answer] { answer(kIOReturnSuccess); });
            }
        });
    });
}

void DextHost::NotifyService(uint64_t watch, channel::ServiceEvent event,
                             const ProviderDescription &service) {
    orders_->watches->Notify(watch, event, service);
}

void DextHost::NotifyState(uint64_t watch) {
    orders_->watches->NotifyState(watch);
}

void DextHost::ReadReports(
    EntryId service, const std::vector<uint64_t> &channels,
    std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) {
    const uint64_t number =
        orders_->open_orders.Enter([answer] { answer(std::unexpected(kHostGone)); });
    dispatch::RunOnWorker([orders = orders_, service, channels, answer, number] {
        const Retained<IOService> found = orders->services->Find(service);
        auto elements = found == nullptr || service::IsStopped(found.get())
                            ? std::unexpected(kIOReturnNotReady)
                            : ReadReportsOf(found.get(), channels);
        orders->open_orders.Answer(number,
                                   [answer, elements = std::move(elements)] { answer(elements); });
    });
}

void DextHost::Exit() {
    orders_->Exit();
}

size_t DextHost::NumServices() const {
    return orders_->services->size();
}

}  // namespace opendext::host
