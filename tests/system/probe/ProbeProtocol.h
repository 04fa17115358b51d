// SPDX-License-Identifier: Apache-2.0
#ifndef PROBE_PROTOCOL_H
#define PROBE_PROTOCOL_H

/// Selectors of ProbeClient. Unless it says otherwise a selector takes and gives nothing.
enum ProbeSelector {
    kProbeAddOne = 0,      ///< 1 scalar in, 1 out.
    kProbeExactPair = 1,   ///< 16 bytes in and out: the table checks it.
    kProbeCensus = 2,      ///< Out: live objects, descriptors and mappings of the driver's process.
    kProbeCrash = 3,       ///< Writes to an address that nothing is at, in CrashAsAsked.
    kProbeExit = 4,        ///< Calls exit(3).
    kProbeAbort = 5,       ///< Calls abort().
    kProbeSumInput = 6,    ///< Structure of any size in; out: its length and the sum of its bytes.
    kProbeFillOutput = 7,  ///< 1 scalar in (a byte); structure of any size out, filled with it.
    kProbeTooMuchOutput = 8,  ///< Structure out: returns one byte more than there is room for.
    kProbeHold =
        9,  ///< Makes buffers, mappings and objects that live until Stop. 1 scalar in: how many.
    kProbeStops = 10,   ///< Out: how many clients of this process have had their Stop.
    kProbeEvents = 11,  ///< Asynchronous. 1 scalar in: that many completions without words.
    kProbeFail = 12,    ///< 1 scalar in: the error to return; sets all its outputs before.
    kProbeBlock = 13,   ///< Logs kProbeBlockLine; does not return for as long as the process lives.
    kProbeTerminate = 14,       ///< Terminates the service.
    kProbeRegister = 15,        ///< Registers the service once more.
    kProbeMerge = 16,           ///< 1 scalar in: sets the service's property "ProbeCount" to it.
    kProbeKeep = 17,            ///< Large structures in and out: keeps mappings of both until Stop.
    kProbeKeepCompletion = 18,  ///< Asynchronous: keeps the completion until Stop.
    kProbeComplete = 19,  ///< 1 scalar in: completes the kept completion with it as the only word.
    kProbeWrongObject = 20,  ///< Structure out: gives something that is no structure.
    kProbeShort = 21,        ///< 1 scalar in: gives that many bytes out, and one scalar of all.
    kProbeNothing = 22,      ///< Succeeds, and sets no structure.
    kProbeEventsWide =
        23,  ///< Asynchronous. 1 scalar in: that many completions, with 3, 4, 5... words 1, 2, 3...
    kProbeEventOfTwo = 24,   ///< Asynchronous: one completion, with the words 1 and 2.
    kProbeReadShared = 25,   ///< Scalars in: offsets into the shared memory; out: the bytes there.
    kProbeRecurse = 26,      ///< Calls RecurseAsAsked, which uses the stack up.
    kProbeLogAndCrash = 27,  ///< Logs kProbeLastLine, and crashes in a function without a symbol.
    kProbePanicLog = 28,     ///< Writes kProbePanicText and other bytes to panic logs, and crashes.
    kProbeSelectorCount
};

#define kProbeBlockLine "ProbeClient blocks"
#define kProbePanicText "first line\nsecond line"
#define kProbeLastLine "ProbeClient is about to crash"
#define kProbeStopLine "ProbeClient stops"

/// Types of IOServiceOpen.
enum {
    kProbeOpen = 0,
    kProbeOpenRefused = 1,       ///< kIOReturnExclusiveAccess.
    kProbeOpenNothing = 2,       ///< Success without a client.
    kProbeOpenNoProperties = 3,  ///< A client of properties that are not there.
    kProbeOpenNotPermitted = 4,  ///< A client that asks for an entitlement.
};

/// Memory types of IOConnectMapMemory64; the last ones fail in the driver.
enum { kProbeSharedMemory = 0, kProbeReadOnlyMemory = 1, kProbeNoMemory = 2, kProbeNullMemory = 3 };
enum { kProbeSharedBytes = 3 * 4096 };

#endif
