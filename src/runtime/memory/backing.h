// SPDX-License-Identifier: Apache-2.0
/// @file backing.h
/// Where the bytes of a memory descriptor are: the seam between descriptors and kinds of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <vector>

#include "base/shared_region.h"
#include "runtime/memory/input_pages.h"
#include "runtime/memory/retained.h"

class IOMemoryDescriptor;

namespace opendext::memory {

/// A contiguous run of bytes: a slice of a region or, where `slice.region` is NULL, memory of a device that
/// is mapped at `device_address`. `slice.length` counts for both.
struct Extent {
    SharedSlice slice;
    std::byte *device_address = nullptr;
    /// What the bytes depend on, besides the region; may be NULL.
    std::shared_ptr<const void> keeper;
    /// What is written through a driver's mapping stays in the mapping. DMA reaches the bytes themselves.
    bool is_copied_on_write = false;

    [[nodiscard]] uint64_t length() const { return slice.length; }
    [[nodiscard]] bool is_there() const {
        return slice.region != nullptr || device_address != nullptr;
    }
};

/// Bytes of this process, valid as long as `keeper` lives.
struct Window {
    std::byte *address = nullptr;
    uint64_t length = 0;
    std::shared_ptr<const void> keeper;
};

/// The bytes of an extent for the runtime's own use (DMA, copies); drivers get a MappedRange. More than
/// these bytes may be reachable, and with kReadOnly they may be writable: respect both.
/// @return errno.
[[nodiscard]] std::expected<Window, int> OpenWindow(const Extent &extent, MapAccess access);

/// What bytes are wanted for. A mapping of an application's memory may show a copy of it; a device always reaches
/// the application's own (semantics.md 2.9).
enum class Use : uint8_t { kMapping, kDma };

/// A kind of memory. Owned by one descriptor, immutable, any thread. A new kind (memory of an application, of
/// another system) is a new implementation.
class Backing {
public:
    virtual ~Backing() = default;

    /// Gets what Collect and IsThere answer from, where that is elsewhere. It may wait for another process, so
    /// it is called before them, and without a lock that anybody else may want.
    virtual void Fetch(Use /*use*/) const {}

    /// Appends the runs that make up [offset, offset + length), in order, none of them empty.
    /// @return false when the range is not wholly there; then `extents` is not to be used.
    [[nodiscard]] virtual bool Collect(Use use, uint64_t offset, uint64_t length,
                                       std::vector<Extent> &extents) const = 0;

    /// Whether all of it is there: otherwise none of it can be prepared for DMA.
    [[nodiscard]] virtual bool IsThere() const = 0;

    /// Whether the runs may meet inside a page and are mapped all the same (MapRequest::may_have_gaps).
    [[nodiscard]] virtual bool MayHaveGaps() const { return false; }
};

/// One run: a buffer, a structure of an application, a BAR. An extent with neither a region nor an address
/// stands for memory that its owner could not give: nothing of it can be collected.
[[nodiscard]] std::unique_ptr<Backing> MakeRunBacking(Extent extent);

/// One run, a structure of an application, that a device reaches where `pages` says. It keeps `pages`, as each extent
/// does that is for a device.
[[nodiscard]] std::unique_ptr<Backing> MakeInputBacking(Extent extent,
                                                        std::shared_ptr<InputPages> pages);

/// Several runs one after another: ranges of an application. Unless all of them are there, nothing can be
/// collected.
[[nodiscard]] std::unique_ptr<Backing> MakeRunsBacking(std::vector<Extent> extents);

/// The part of `parent` that starts at `offset`. Retains it.
[[nodiscard]] std::unique_ptr<Backing> MakePartBacking(IOMemoryDescriptor *parent, uint64_t offset);

/// One piece of a concatenation: `length` bytes from the start of `descriptor`.
struct ConcatenatedPart {
    Retained<IOMemoryDescriptor> descriptor;
    uint64_t length = 0;
};

[[nodiscard]] std::unique_ptr<Backing> MakeConcatenationBacking(
    std::vector<ConcatenatedPart> parts);

}  // namespace opendext::memory
