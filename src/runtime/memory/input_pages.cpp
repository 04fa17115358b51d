// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/input_pages.h"

#include <utility>

namespace opendext::memory {

void InputPages::Fetch() {
    const std::lock_guard lock(asking_);
    if (Source *const source = std::exchange(source_, nullptr)) {
        owned_ = source->OwnPages();
        pages_.store(owned_ ? &*owned_ : nullptr, std::memory_order_release);
    }
}

void InputPages::Close() {
    const std::lock_guard lock(asking_);
    source_ = nullptr;
}

bool IsPreparedForDma(const std::weak_ptr<InputPages> &pages) {
    return pages.use_count() > 1;
}

}  // namespace opendext::memory
