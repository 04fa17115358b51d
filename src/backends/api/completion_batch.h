// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

namespace opendext::backends {

/// Completions that a thread delivers in a row: a wire opens one around what may end several transfers. Who learns of
/// completions meanwhile may put off what is better done once for all of them, such as waking another thread. Lives on the
/// stack of its thread; one that is opened within another one is by itself.
class CompletionBatch {
public:
    class Member {
    public:
        virtual ~Member() = default;
        /// On the thread of the batch, once for each Join that returned true. May cause further completions.
        virtual void OnBatchEnd() = 0;
    };

    CompletionBatch();
    /// Ends the batch.
    ~CompletionBatch();
    CompletionBatch(const CompletionBatch &) = delete;
    CompletionBatch &operator=(const CompletionBatch &) = delete;

    /// The one that is open on this thread, or NULL.
    [[nodiscard]] static CompletionBatch *Current();

    /// Has `member` told of the end, and keeps it until then. On the thread of the batch.
    /// @return false when it is to be told already.
    bool Join(const std::shared_ptr<Member> &member);

private:
    CompletionBatch *const outer_;
    std::vector<std::shared_ptr<Member>> members_;
};

}  // namespace opendext::backends
