// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/dma_mapper.h"

#include <mutex>
#include <unordered_map>
#include <utility>

namespace opendext::memory {

namespace {

struct MapperTable {
    std::mutex mutex;
    std::unordered_map<const OSObject *, std::shared_ptr<DmaMapper>> mappers;  // guarded by mutex
};

MapperTable &Table() {
    static auto *table = new MapperTable;  // drivers' objects may be freed during exit
    return *table;
}

}  // namespace

void RegisterDmaMapper(const OSObject *device, std::shared_ptr<DmaMapper> mapper) {
    MapperTable &table = Table();
    const std::lock_guard lock(table.mutex);
    table.mappers[device].swap(mapper);
}

void UnregisterDmaMapper(const OSObject *device) {
    MapperTable &table = Table();
    std::shared_ptr<DmaMapper> removed;  // destroyed after the lock
    const std::lock_guard lock(table.mutex);
    const auto found = table.mappers.find(device);
    if (found != table.mappers.end()) {
        removed = std::move(found->second);
        table.mappers.erase(found);
    }
}

std::shared_ptr<DmaMapper> FindDmaMapper(const OSObject *device) {
    MapperTable &table = Table();
    const std::lock_guard lock(table.mutex);
    const auto found = table.mappers.find(device);
    return found == table.mappers.end() ? nullptr : found->second;
}

}  // namespace opendext::memory
