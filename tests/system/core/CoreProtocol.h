// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_PROTOCOL_H
#define CORE_PROTOCOL_H

/// What the driver of DriverKit's core classes does when it is asked to. The types of IOServiceOpen choose the client;
/// each client has selectors of its own. Unless it says otherwise a selector takes and gives nothing.
enum CoreClientType {
    kDataQueueClient = 0,
    kNotificationClient = 1,
    kPowerClient = 2,
    kLibraryClient = 3,
    kStateClient = 4,
    kReportClient = 5,
};

/// DataQueueClient: a queue whose producer and consumer are in the driver.
enum DataQueueSelector {
    kQueueCreate = 0,      ///< 1 scalar in: its bytes. Replaces the one that was there.
    kQueueHandle = 1,      ///< Sets both handlers.
    kQueueEnqueue = 2,     ///< 2 scalars in: bytes of an entry, and the value of each.
    kQueueDequeue = 3,     ///< 2 scalars out: bytes of the next entry, value of the first one.
    kQueuePeek = 4,        ///< As kQueueDequeue.
    kQueueCanEnqueue = 5,  ///< 2 scalars in: bytes of an entry, and how many.
    kQueueCalls = 6,  ///< 3 scalars out: calls of DataAvailable, DataServiced, Cancel's handler.
    kQueueFillTogether =
        7,  ///< 2 scalars in: bytes and count of entries; DataAvailable comes once, after them.
    kQueueDrainTogether = 8,  ///< 1 scalar out: entries taken off, with at most one DataServiced.
    kQueueCancel = 9,
    kQueueDrainWhenAvailable = 10,  ///< DataAvailable takes all entries off from now on.
    kQueueWrongHandler = 11,        ///< Sets an action of another type.
};

/// Memory type of DataQueueClient: the queue's own.
enum { kQueueMemory = 0 };

/// Services that the clients below make: children of CoreService, registered, of class CoreNub.
#define kNubName "CoreNub"
/// A service of a second personality, in a process of its own: of the same server name.
#define kNeighbourName "CoreNeighbour"

/// NotificationClient: watches services.
enum NotificationSelector {
    kWatchBegin = 0,  ///< 1 scalar in: a WatchForm.
    /// 5 scalars out: calls of the handler, services matched, of these CoreNub objects of this process, of these with
    /// the name CoreNeighbour, services terminated.
    kWatchCounts = 1,
    kWatchHold = 2,       ///< 1 scalar in: whether the handler delivers nothing.
    kWatchEnable = 3,     ///< 1 scalar in.
    kWatchCancel = 4,     ///< kWatchCancelled tells of its handler.
    kWatchCancelled = 5,  ///< 1 scalar out: calls of Cancel's handler.
    kNubMake = 6,
    kNubTerminate = 7,  ///< The latest.
    kWatchDeliver = 8,  ///< Delivers what waits.
    kWatchBadArguments =
        9,  ///< 3 scalars out: results of Create with options, and without a dictionary; of another handler.
};

/// The matching dictionary of a watch.
enum WatchForm {
    kWatchUserClass = 0,    ///< User class CoreNub.
    kWatchName = 1,         ///< Name CoreNeighbour.
    kWatchProperty = 2,     ///< Property CoreKind = "nub".
    kWatchKernelClass = 3,  ///< Kernel class IOUserService.
};

/// PowerClient: changes power and busy states. The services are CoreService, 0, and the latest CoreNub, 1.
enum PowerSelector {
    kPowerMakeNub = 0,
    kPowerJoin = 1,      ///< The nub joins the power tree.
    kPowerChange = 2,    ///< 2 scalars in: service, state that it wants.
    kPowerStates = 3,    ///< 4 scalars out: latest state and count of changes, of either service.
    kPowerOverride = 4,  ///< 1 scalar in: CoreService ignores the nub or not.
    kPowerHold = 5,      ///< 1 scalar in: whether the nub acknowledges later.
    kPowerAcknowledge = 6,  ///< The nub does.
    kPowerFail = 7,         ///< 1 scalar in: whether SetPowerState of the nub fails.
    kPowerEndNub = 8,
    kBusyAdjust = 9,   ///< 2 scalars in: service, what is added to its busy state.
    kBusyStates = 10,  ///< 2 scalars out: busy state of either service.
};

/// StateClient: makes, sets, reads and watches states. The services are that of the system's states, 0, and CoreService, 1.
/// Items are named "org.opendext.test." and a number; a value is a dictionary of one number.
enum StateSelector {
    kStateCreate = 0,  ///< 2 or 3 scalars in: service, item, value.
    kStateSet = 1,     ///< 3 scalars in: service, item, value.
    kStateCopy = 2,    ///< 2 scalars in: service, item. 1 scalar out: the value.
    kStateWatch = 3,   ///< 3 scalars in: service, two items.
    kStateCounts =
        4,  ///< 3 scalars out: calls of the handler, value that it has read, calls of Cancel's handler.
    kStateHold = 5,    ///< 1 scalar in: whether the handler does not call StateNotificationBegin.
    kStateBegin = 6,   ///< Calls it now.
    kStateEnable = 7,  ///< 1 scalar in.
    kStateCancel = 8,
    kStateBadArguments =
        9,  ///< 3 scalars out: results of Create without items, with a number as item, without a service.
};

/// ReportClient: counts in reporters of CoreService.
enum ReportSelector {
    kReportAdd = 0,    ///< 1 scalar in: what is added to the channel "bytes".
    kReportEnter = 1,  ///< 1 scalar in: state that the channel "link" enters.
    kReportTally = 2,  ///< 1 scalar in: value for the channel "latency".
    kReportRead =
        3,  ///< 3 scalars out: elements of all channels that ReadReports would give, as CoreService counts
            ///< them; bytes; how often state "up" was entered.
    kReportFail = 4,      ///< 1 scalar in: what UpdateReport gives from now on.
    kReportStall = 5,     ///< 1 scalar in: RequireMaxBusStall.
    kReportEvent = 6,     ///< 1 scalar in: options of an event "org.opendext.test.event".
    kReportSignpost = 7,  ///< An interval "read" of 5 bytes.
};

/// Channel ids of the reports.
enum { kBytesChannel = 1, kLinkChannel = 2, kLatencyChannel = 3 };

/// LibraryClient: classes that stay in the driver. Each gives 2 scalars, unless it says otherwise.
enum LibrarySelector {
    kLibraryResource = 0,    ///< Bytes and CRC of Info.plist in the driver's bundle.
    kLibrarySerialize = 1,   ///< Count of the client's properties, and whether a copy is equal.
    kLibraryCommands = 2,    ///< How often a command was taken out of a pool, and its retain count.
    kLibraryResultName = 3,  ///< 1 scalar in: a result. Structure out: its name.
};

#endif
