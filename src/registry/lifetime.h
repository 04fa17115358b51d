// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

namespace opendext::registry {

/// Keeps the callbacks that an object has given away from reaching it once it is gone. The object's last
/// member, so that it ends first. On one thread.
class Lifetime {
public:
    /// `callback`, which does nothing any more when this object is gone.
    template <typename Callback>
    [[nodiscard]] auto Guard(Callback callback) const {
        return [alive = std::weak_ptr<char>(token_),
                callback = std::move(callback)](auto &&...arguments) {
            if (!alive.expired()) {
                callback(std::forward<decltype(arguments)>(arguments)...);
            }
        };
    }

private:
    std::shared_ptr<char> token_ = std::make_shared<char>();
};

}  // namespace opendext::registry
