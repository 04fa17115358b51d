// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Every control message between processes: who sends it, its arguments in D-Bus signatures, its answer. Both
/// sides use these names and signatures. Properties ("ay") are what EncodePropertyValue writes. A result ("i") is
/// a kern_return_t; when it is not 0 the rest of the answer is empty. An optional descriptor is "ah".
namespace opendext::channel::bus {

inline constexpr char kNothing[] = "";

/// Application and driver process, over the control socket of one connection.
namespace connection {
inline constexpr char kInterface[] = "org.opendext.Connection";

/// Application: region id, descriptor, bytes. Answer: whether it was taken.
inline constexpr char kRegisterRegion[] = "RegisterRegion";
inline constexpr char kRegisterRegionIn[] = "tht";
inline constexpr char kRegisterRegionOut[] = "b";
/// Application, signal: region id.
inline constexpr char kDropRegion[] = "DropRegion";
/// Driver process, outside calls: MemoryQuestion's flags; address and length of each segment in turn. Answer: result;
/// region id, offset and length of each slice in turn.
inline constexpr char kShareMemory[] = "ShareMemory";
inline constexpr char kShareMemoryIn[] = "uat";
inline constexpr char kShareMemoryOut[] = "iat";
/// Application: ticket of a call. Answer: the variable output that did not fit: found, descriptor, offset, length.
inline constexpr char kTakeOutput[] = "TakeOutput";
inline constexpr char kTakeOutputIn[] = "t";
inline constexpr char kTakeOutputOut[] = "bahtt";
/// Application: type. Answer: result, read-only, mapping id, a ticket for the pieces that did not fit or 0;
/// descriptors, offsets, lengths: the lists have an element for each piece.
inline constexpr char kMapMemory[] = "MapMemory";
inline constexpr char kMapMemoryIn[] = "t";
inline constexpr char kMapMemoryOut[] = "ibttahatat";
/// Application: ticket of MapMemory or of this. Answer: a ticket for what is left or 0, then lists as of MapMemory.
inline constexpr char kTakePieces[] = "TakePieces";
inline constexpr char kTakePiecesIn[] = "t";
inline constexpr char kTakePiecesOut[] = "tahatat";
/// Application: type. Answer: result, mapping id.
inline constexpr char kUnmapMemory[] = "UnmapMemory";
inline constexpr char kUnmapMemoryIn[] = "t";
inline constexpr char kUnmapMemoryOut[] = "it";
/// Application: kind and name of a link, its memory and size. Answer: result.
inline constexpr char kGiveLink[] = "GiveLink";
inline constexpr char kGiveLinkIn[] = "usht";
inline constexpr char kGiveLinkOut[] = "i";
/// Application, signal: no call follows.
inline constexpr char kClose[] = "Close";
/// Driver process, signal: port, reference words, result, argument words.
inline constexpr char kCompletion[] = "Completion";
inline constexpr char kCompletionArguments[] = "tatiat";
}  // namespace connection

/// Application and registry.
namespace directory {
inline constexpr char kInterface[] = "org.opendext.Directory";

/// Matching dictionary. Answer: result, entries.
inline constexpr char kFind[] = "Find";
inline constexpr char kFindIn[] = "ay";
inline constexpr char kFindOut[] = "iat";
/// Entry. Answer: result, id, parent, name, class, class ancestry, busy state, registered, active.
inline constexpr char kDescribe[] = "Describe";
inline constexpr char kDescribeIn[] = "t";
inline constexpr char kDescribeOut[] = "ittssasubb";
/// Entry. Answer: result, properties.
inline constexpr char kProperties[] = "Properties";
inline constexpr char kPropertiesIn[] = "t";
inline constexpr char kPropertiesOut[] = "iay";
/// Entry, key. Answer: result, value.
inline constexpr char kProperty[] = "Property";
inline constexpr char kPropertyIn[] = "ts";
inline constexpr char kPropertyOut[] = "iay";
/// Service. Answer: result, elements of its reports.
inline constexpr char kReadReports[] = "ReadReports";
inline constexpr char kReadReportsIn[] = "t";
inline constexpr char kReadReportsOut[] = "iay";
/// Whether the machine sleeps. Answer, when it does or is awake: result.
inline constexpr char kSetAsleep[] = "SetAsleep";
inline constexpr char kSetAsleepIn[] = "b";
inline constexpr char kSetAsleepOut[] = "i";
/// Entry. Answer: result, entries.
inline constexpr char kChildren[] = "Children";
inline constexpr char kChildrenIn[] = "t";
inline constexpr char kChildrenOut[] = "iat";
/// Answer: entry.
inline constexpr char kRoot[] = "Root";
inline constexpr char kRootOut[] = "t";
/// Service, type. Answer: result, call region, control socket.
inline constexpr char kOpen[] = "Open";
inline constexpr char kOpenIn[] = "tu";
inline constexpr char kOpenOut[] = "iahah";
/// Notification kind, matching dictionary. Answer: result, watch, existing services.
inline constexpr char kWatchServices[] = "WatchServices";
inline constexpr char kWatchServicesIn[] = "uay";
inline constexpr char kWatchServicesOut[] = "itat";
/// Service. Answer: result, watch.
inline constexpr char kWatchInterest[] = "WatchInterest";
inline constexpr char kWatchInterestIn[] = "t";
inline constexpr char kWatchInterestOut[] = "it";
/// Application, signal: watch.
inline constexpr char kStopWatch[] = "StopWatch";
/// Registry, signal: watch, services in order of arrival.
inline constexpr char kServices[] = "Services";
inline constexpr char kServicesArguments[] = "tat";
/// Registry, signal: watch, service, message type.
inline constexpr char kInterest[] = "Interest";
inline constexpr char kInterestArguments[] = "ttu";
}  // namespace directory

/// Registry to driver process: orders.
namespace host {
inline constexpr char kInterface[] = "org.opendext.Host";

/// Entry, user class, provider's entry, class, name, device, part. Answer: result.
inline constexpr char kStartService[] = "StartService";
inline constexpr char kStartServiceIn[] = "tstssss";
inline constexpr char kStartServiceOut[] = "i";
/// Service, type, creator, entitlements. Answer: result, client's entry, call region, control socket.
inline constexpr char kOpenClient[] = "OpenClient";
inline constexpr char kOpenClientIn[] = "tusay";
inline constexpr char kOpenClientOut[] = "itahah";
/// Entry, StopMode. Answer: result.
inline constexpr char kStopService[] = "StopService";
inline constexpr char kStopServiceIn[] = "tu";
inline constexpr char kStopServiceOut[] = "i";
/// Entry, kIOServicePowerCapability*. Answer: result.
inline constexpr char kSetPowerState[] = "SetPowerState";
inline constexpr char kSetPowerStateIn[] = "tu";
inline constexpr char kSetPowerStateOut[] = "i";
/// Registry, signal: watch, ServiceEvent; the service's entry, class, name.
inline constexpr char kNotifyService[] = "NotifyService";
/// Registry, signal: watch.
inline constexpr char kNotifyState[] = "NotifyState";
/// Service; id and type of each channel in turn. Answer: result, elements.
inline constexpr char kReadReports[] = "ReadReports";
inline constexpr char kReadReportsIn[] = "tat";
inline constexpr char kReadReportsOut[] = "iay";
/// Registry, signal.
inline constexpr char kExit[] = "Exit";
}  // namespace host

/// Driver process to registry: what hosted services ask.
namespace reports {
inline constexpr char kInterface[] = "org.opendext.Reports";

/// The process is up and serves org.opendext.Host: 0, or why it cannot. Signal.
inline constexpr char kReady[] = "Ready";
/// Creator, properties. Answer: result, entry.
inline constexpr char kCreateChild[] = "CreateChild";
inline constexpr char kCreateChildIn[] = "tay";
inline constexpr char kCreateChildOut[] = "it";
/// Entry. Answer: nothing.
inline constexpr char kChildFailed[] = "ChildFailed";
inline constexpr char kChildFailedIn[] = "t";
/// Entry. Answer: result.
inline constexpr char kRegisterService[] = "RegisterService";
inline constexpr char kTerminate[] = "Terminate";
inline constexpr char kEntryIn[] = "t";
inline constexpr char kResultOut[] = "i";
/// Entry. Answer: result, properties.
inline constexpr char kCopyProperties[] = "CopyProperties";
inline constexpr char kCopyPropertiesOut[] = "iay";
/// Entry, properties. Answer: result.
inline constexpr char kMergeProperties[] = "MergeProperties";
inline constexpr char kMergePropertiesIn[] = "tay";
/// Entry, key. Answer: result.
inline constexpr char kRemoveProperty[] = "RemoveProperty";
inline constexpr char kRemovePropertyIn[] = "ts";
/// Entry, key, plane, whether to go on to the parents. Answer: result, value.
inline constexpr char kSearchProperty[] = "SearchProperty";
inline constexpr char kSearchPropertyIn[] = "tssb";
inline constexpr char kSearchPropertyOut[] = "iay";
/// Entry, name. Answer: result.
inline constexpr char kSetName[] = "SetName";
inline constexpr char kSetNameIn[] = "ts";
/// Entry. Answer: result, name.
inline constexpr char kCopyName[] = "CopyName";
inline constexpr char kCopyNameOut[] = "is";
/// Entry, keys. Answer: result, an array of dictionaries.
inline constexpr char kCopyProviderProperties[] = "CopyProviderProperties";
inline constexpr char kCopyProviderPropertiesIn[] = "tas";
inline constexpr char kCopyProviderPropertiesOut[] = "iay";
/// Entry. Answer: result; its parent: entry, class, part.
inline constexpr char kCopyParent[] = "CopyParent";
inline constexpr char kCopyParentOut[] = "itss";
/// Entry. Answer: result; entries, classes and parts, as long as each other.
inline constexpr char kCopyChildren[] = "CopyChildren";
inline constexpr char kCopyChildrenOut[] = "iatasas";
/// Entry. Answer: result, socket of a session with the USB device that the entry is, or is a part of.
inline constexpr char kOpenDevice[] = "OpenDevice";
inline constexpr char kOpenDeviceOut[] = "iah";
/// Entry. Answer: result.
inline constexpr char kJoinPowerTree[] = "JoinPowerTree";
/// Entry, kIOServicePowerCapability*. Answer: result.
inline constexpr char kChangePowerState[] = "ChangePowerState";
inline constexpr char kChangePowerStateIn[] = "tu";
/// Entry, whether what stands on it does not count. Answer: result.
inline constexpr char kSetPowerOverride[] = "SetPowerOverride";
inline constexpr char kSetPowerOverrideIn[] = "tb";
/// Entry, what is added to its busy state. Answer: result.
inline constexpr char kAdjustBusy[] = "AdjustBusy";
inline constexpr char kAdjustBusyIn[] = "ti";
/// Entry. Answer: result, busy state.
inline constexpr char kGetBusyState[] = "GetBusyState";
inline constexpr char kGetBusyStateOut[] = "iu";
/// Watch, matching dictionary. Answer: result.
inline constexpr char kWatchServices[] = "WatchServices";
inline constexpr char kWatchServicesIn[] = "tay";
/// Answer: result, entry.
inline constexpr char kSystemStateService[] = "SystemStateService";
inline constexpr char kSystemStateServiceOut[] = "it";
/// Entry, name, value. Answer: result.
inline constexpr char kCreateStateItem[] = "CreateStateItem";
inline constexpr char kSetStateItem[] = "SetStateItem";
inline constexpr char kStateItemIn[] = "tsay";
/// Entry, name. Answer: result, value.
inline constexpr char kCopyStateItem[] = "CopyStateItem";
inline constexpr char kCopyStateItemIn[] = "ts";
inline constexpr char kCopyStateItemOut[] = "iay";
/// Watch, service, names. Answer: result.
inline constexpr char kWatchStates[] = "WatchStates";
inline constexpr char kWatchStatesIn[] = "ttas";
/// Watch. Signal.
inline constexpr char kStopWatch[] = "StopWatch";
/// Entry. Signal.
inline constexpr char kServiceStopped[] = "ServiceStopped";
/// Level, text. Signal.
inline constexpr char kLogLine[] = "LogLine";
}  // namespace reports

/// Registry to the process of a device: orders.
namespace device {
inline constexpr char kInterface[] = "org.opendext.Device";

/// Registry, signal: device, socket of a session.
inline constexpr char kOpenSession[] = "OpenSession";
/// Device, configuration. Answer: whether it is set; if not, why, which is nothing when the device is gone.
inline constexpr char kSetConfiguration[] = "SetConfiguration";
inline constexpr char kSetConfigurationIn[] = "tu";
inline constexpr char kSetConfigurationOut[] = "bs";
/// Registry, signal.
inline constexpr char kExit[] = "Exit";
}  // namespace device

/// Process of a device to registry: what happens to the device.
namespace device_reports {
inline constexpr char kInterface[] = "org.opendext.DeviceReports";

/// The process is up, and has reported the device if one is there: nothing, or what is wrong. Signal.
inline constexpr char kReady[] = "Ready";
/// A device report (device_report_message.h). Signal.
inline constexpr char kAttached[] = "Attached";
/// Device. Signal.
inline constexpr char kDetached[] = "Detached";
/// Device, configuration, whether drivers are matched to its interfaces. Signal.
inline constexpr char kConfigured[] = "Configured";
/// Device, the words of an interface and its name (device_report_message.h). Signal.
inline constexpr char kSettingSelected[] = "SettingSelected";
/// Level, text. Signal.
inline constexpr char kLogLine[] = "LogLine";
}  // namespace device_reports

/// Anyone and registry: log lines, live.
namespace log {
inline constexpr char kInterface[] = "org.opendext.Log";

/// Lines from now on are sent. Answer: nothing.
inline constexpr char kSubscribe[] = "Subscribe";
/// Registry, signal: level, source, text.
inline constexpr char kLine[] = "Line";
inline constexpr char kLineArguments[] = "uss";
}  // namespace log

}  // namespace opendext::channel::bus
