// SPDX-License-Identifier: Apache-2.0
/// @file reporter_state.h
/// Storage behind IOReporter::ivars, made by the initWith of each kind.
#pragma once

#include <memory>

#include <DriverKit/IOReporters.h>

#include "runtime/service/report_channels.h"

struct IOReporter_IVars {
    std::unique_ptr<opendext::service::ReportChannels> channels;  // never NULL once initWith has run
};

namespace opendext::service {

/// The channels of a reporter of that kind.
template <typename Channels>
Channels &ChannelsOf(IOReporter *reporter) {
    return static_cast<Channels &>(*reporter->IOReporter::ivars->channels);
}

}  // namespace opendext::service
