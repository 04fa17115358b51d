// SPDX-License-Identifier: Apache-2.0
#include "families/usb/entry_objects.h"

#include <map>
#include <mutex>
#include <utility>

#include "families/usb/provider_factory.h"
#include "families/usb/usb_results.h"
#include "runtime/object/object_internals.h"
#include "runtime/service/service_state.h"

namespace opendext::usb {

using object::ObjectInternals;
using service::ServiceContext;

namespace {

// Entries of different registries have nothing to do with each other.
using Key = std::pair<const RegistryPort *, EntryId>;

struct Table {
    std::mutex mutex;
    std::map<Key, IOService *> objects;  // guarded by mutex; +0
};

Table &TheTable() {
    // For ever: drivers' objects may be freed during exit.
    static auto *table = new Table;
    return *table;
}

Key KeyOf(const IOService *object) {
    const std::shared_ptr<ServiceContext> &context = object->ivars->context;
    return {context != nullptr ? context->registry.get() : nullptr, object->ivars->entry};
}

// With the table's mutex held. An object whose last reference is gone is on its way out of the table.
memory::Retained<IOService> Find(const Table &table, const Key &key) {
    const auto found = table.objects.find(key);
    return found != table.objects.end() && ObjectInternals::TryRetain(found->second)
               ? memory::Retained<IOService>(found->second)
               : nullptr;
}

std::expected<memory::Retained<IOService>, kern_return_t> Make(
    const std::shared_ptr<ServiceContext> &context, const RelatedEntry &neighbour,
    backends::UsbBackend &sibling) {
    memory::Retained<IOService> made(MakeProvider(neighbour.class_name));
    if (made == nullptr) {
        return std::unexpected(kIOReturnUnsupported);
    }
    auto session = sibling.NewSession();
    if (!session) {
        return std::unexpected(ResultOf(session.error()));
    }
    if (!service::AttachToRegistry(made.get(), context, neighbour.entry,
                                   service::ServiceRole::kProvider) ||
        !made->init() || !GiveDevice(made.get(), std::move(*session), neighbour.part)) {
        return std::unexpected(kIOReturnNoMemory);
    }
    return made;
}

}  // namespace

void RememberObject(IOService *object) {
    const Key key = KeyOf(object);
    if (key.first == nullptr || key.second == EntryId::kNone) {
        return;
    }
    Table &table = TheTable();
    const std::scoped_lock lock(table.mutex);
    IOService *&known = table.objects[key];
    if (known == nullptr || ObjectInternals::References(known) == 0) {
        known = object;
    }
}

void ForgetObject(IOService *object) {
    if (object->ivars == nullptr) {
        return;
    }
    Table &table = TheTable();
    const std::scoped_lock lock(table.mutex);
    const auto found = table.objects.find(KeyOf(object));
    if (found != table.objects.end() && found->second == object) {
        table.objects.erase(found);
    }
}

std::expected<memory::Retained<IOService>, kern_return_t> ObjectOfNeighbour(
    const IOService *service, const RelatedEntry &neighbour, backends::UsbBackend &sibling) {
    const std::shared_ptr<ServiceContext> context = service->ivars->context;
    if (context == nullptr) {
        return std::unexpected(kIOReturnNotAttached);
    }
    const Key key{context->registry.get(), neighbour.entry};
    Table &table = TheTable();
    {
        const std::scoped_lock lock(table.mutex);
        if (memory::Retained<IOService> present = Find(table, key)) {
            return present;
        }
    }
    auto made = Make(context, neighbour, sibling);
    if (!made) {
        return made;
    }
    // Another thread may have been first: its object is the one.
    const std::scoped_lock lock(table.mutex);
    memory::Retained<IOService> present = Find(table, key);
    return present != nullptr ? std::move(present) : std::move(*made);
}

}  // namespace opendext::usb
