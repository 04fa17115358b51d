// SPDX-License-Identifier: Apache-2.0
#include <opendext/testing/fault_plan.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "base/interleaver.h"
#include "runtime/object/api_call.h"

namespace opendext::test {

/// The calls that were made and the faults that are to come.
class FaultPlan::Ledger {
public:
    /// The ledger that the calls of this process go into; NULL: none.
    static std::shared_ptr<Ledger> Current() {
        const std::lock_guard lock(CurrentMutex());
        return CurrentSlot();
    }
    static void Install(std::shared_ptr<Ledger> ledger) {
        const std::lock_guard lock(CurrentMutex());
        object::g_api_call_watcher.store(ledger == nullptr ? nullptr : &OnApiCall);
        CurrentSlot() = std::move(ledger);
    }

    void Add(Fault fault) {
        const std::lock_guard lock(mutex_);
        faults_.push_back({.fault = std::move(fault), .num_seen = 0});
    }
    void Clear() {
        const std::lock_guard lock(mutex_);
        faults_.clear();
        calls_.clear();
    }
    [[nodiscard]] bool HasPending() const {
        const std::lock_guard lock(mutex_);
        return !faults_.empty();
    }
    [[nodiscard]] std::vector<std::string> Calls() const {
        const std::lock_guard lock(mutex_);
        return calls_;
    }

private:
    struct Waiting {
        Fault fault;
        uint64_t num_seen;
    };

    static std::mutex &CurrentMutex() {
        static auto *mutex = new std::mutex;
        return *mutex;
    }
    static std::shared_ptr<Ledger> &CurrentSlot() {
        static auto *slot = new std::shared_ptr<Ledger>;
        return *slot;
    }

    static kern_return_t OnApiCall(const object::ApiCall &call) {
        if (!object::IsDriverCode(call.return_address)) {
            return kIOReturnSuccess;
        }
        Interleaver::Point();
        const std::shared_ptr<Ledger> ledger = Current();
        return ledger == nullptr ? kIOReturnSuccess : ledger->Judge(call);
    }

    static bool Names(std::string_view pattern, std::string_view name) {
        return pattern.empty() || pattern == name ||
               (name.starts_with(pattern) && name.substr(pattern.size()).starts_with("::"));
    }

    [[nodiscard]] kern_return_t Judge(const object::ApiCall &call) {
        std::optional<Fault> due = Count(std::string(call.class_name) + "::" + call.method_name);
        if (!due) {
            return kIOReturnSuccess;
        }
        if (due->action) {
            due->action();
        }
        return due->result;
    }

    /// The first fault whose turn it is with this call.
    [[nodiscard]] std::optional<Fault> Count(std::string name) {
        const std::lock_guard lock(mutex_);
        std::optional<Fault> due;
        for (auto at = faults_.begin(); at != faults_.end();) {
            if (Names(at->fault.call, name) && ++at->num_seen >= at->fault.at && !due) {
                due = std::move(at->fault);
                at = faults_.erase(at);
            } else {
                ++at;
            }
        }
        calls_.push_back(std::move(name));
        return due;
    }

    mutable std::mutex mutex_;
    std::vector<Waiting> faults_;     // guarded by mutex_
    std::vector<std::string> calls_;  // guarded by mutex_
};

FaultPlan::FaultPlan() : ledger_(std::make_shared<Ledger>()) {
    Ledger::Install(ledger_);
}

FaultPlan::~FaultPlan() {
    Ledger::Install(nullptr);
}

void FaultPlan::Add(Fault fault) {
    ledger_->Add(std::move(fault));
}

void FaultPlan::Clear() {
    ledger_->Clear();
}

bool FaultPlan::HasPending() const {
    return ledger_->HasPending();
}

std::vector<std::string> FaultPlan::Calls() const {
    return ledger_->Calls();
}

}  // namespace opendext::test
