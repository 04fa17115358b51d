// SPDX-License-Identifier: Apache-2.0
/// @file fault_report.h
/// Faults in drivers' code that the runtime can explain.
#pragma once

namespace opendext::host {

/// From now on a fault at an address of a read-only mapping, or of an object that was freed, is reported
/// (docs/diagnostics.md) before it goes to whom it would have gone. Any thread; installs once, and not under
/// ThreadSanitizer.
void InstallFaultReport();

}  // namespace opendext::host
