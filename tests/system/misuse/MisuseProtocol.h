// SPDX-License-Identifier: Apache-2.0
#ifndef MISUSE_PROTOCOL_H
#define MISUSE_PROTOCOL_H

/// Selectors of MisuseClient: what docs/diagnostics.md tells of. Unless it says otherwise a selector takes and gives
/// nothing.
enum MisuseSelector {
    kMisuseNothing = 0,             ///< Succeeds.
    kMisuseWriteInput = 1,          ///< Structure above 4096 bytes in: writes into a mapping of it.
    kMisuseDropPrepared = 2,        ///< Releases a DMA command with memory prepared.
    kMisuseLeak = 3,                ///< Keeps a string and a buffer for ever, and retains itself.
    kMisuseDropTimer = 4,           ///< Releases a timer with a handler that is not cancelled.
    kMisuseKeepTimer = 5,           ///< Stop does not cancel a timer with a handler.
    kMisuseKeepAction = 6,          ///< Stop releases neither an action nor cancels it.
    kMisuseKeepQueue = 7,           ///< Stop does not cancel a queue on which a block sleeps.
    kMisuseStopWithoutSuper = 8,    ///< Stop does not call the base class's.
    kMisuseWakeFromElsewhere = 9,   ///< Wakes up an event of a queue that it is not on.
    kMisuseUnsetQueue = 10,         ///< Calls a method whose QUEUENAME has no queue.
    kMisuseDispatchElsewhere = 11,  ///< super::ExternalMethod runs on another queue.
    kMisuseTwoOutputs = 12,    ///< Structure above 4096 bytes out: gives a structureOutput, too.
    kMisuseReadFreed = 13,     ///< Reads ivars of an object after its free.
    kMisuseReleaseFreed = 14,  ///< Releases an object once too often.
    kMisuseStopLate = 15,      ///< The client that has not called the base class's Stop does so.
};

#endif
