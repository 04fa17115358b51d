// SPDX-License-Identifier: Apache-2.0
#include "backends/api/completion_batch.h"

#include <algorithm>

namespace opendext::backends {
namespace {

thread_local CompletionBatch *t_current = nullptr;

}  // namespace

CompletionBatch::CompletionBatch() : outer_(t_current) {
    t_current = this;
}

CompletionBatch::~CompletionBatch() {
    // Members may join again while they are told.
    while (!members_.empty()) {
        std::vector<std::shared_ptr<Member>> members;
        members.swap(members_);
        for (const std::shared_ptr<Member> &member : members) {
            member->OnBatchEnd();
        }
    }
    t_current = outer_;
}

CompletionBatch *CompletionBatch::Current() {
    return t_current;
}

bool CompletionBatch::Join(const std::shared_ptr<Member> &member) {
    if (std::ranges::find(members_, member) != members_.end()) {
        return false;
    }
    members_.push_back(member);
    return true;
}

}  // namespace opendext::backends
