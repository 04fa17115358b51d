// SPDX-License-Identifier: Apache-2.0
#include "models/usb_loopback/fault_plan.h"

#include <utility>

namespace opendext::models::usb_loopback {

std::optional<FaultPlan::Fault> FaultPlan::Take(backends::UsbEndpointAddress endpoint) {
    return std::exchange(next_[At(endpoint)], std::nullopt);
}

FaultPlan::Verdict FaultPlan::Judge(backends::UsbEndpointAddress endpoint) {
    if (left_until_detach_ != 0) {
        --left_until_detach_;
        if (left_until_detach_ == 0) {
            return Verdict::kLeave;
        }
    }
    return is_hanging_ || is_held_[At(endpoint)] ? Verdict::kIgnore : Verdict::kServe;
}

}  // namespace opendext::models::usb_loopback
