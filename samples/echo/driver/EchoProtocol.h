// SPDX-License-Identifier: Apache-2.0
/// @file EchoProtocol.h
/// What the Echo driver and its clients agree on. Included by both sides.
#ifndef ECHO_PROTOCOL_H
#define ECHO_PROTOCOL_H

#include <stdint.h>

/// Selectors of EchoClient::ExternalMethod.
enum EchoSelector {
    kEchoScalars = 0,  ///< n scalars in, n out: each plus 1. Any n up to 16.
    kEchoStruct = 1,   ///< EchoPair or EchoBlock in, the same type out: left + 1, right + 10.
    kEchoCheckedScalars = 2,  ///< As kEchoScalars, exactly 16 in and out: the table checks it.
    kEchoCheckedStruct = 3,   ///< As kEchoStruct, EchoPair only: the table checks it.
    kEchoSubscribe =
        4,  ///< Asynchronous: answers like kEchoCheckedStruct, and once more as an event.
    kEchoRequest = 5,  ///< EchoPair in; its answer comes as an event on the subscription.
    kEchoSelectorCount
};

struct EchoPair {
    uint64_t left;
    uint64_t right;
};

/// One word more than fits a message of 4096 bytes: travels as a memory descriptor.
struct EchoBlock {
    uint64_t left;
    uint64_t right;
    uint64_t rest[511];
};

/// Words of an event: a tag, then the answering EchoPair.
enum { kEchoEventTag = 0, kEchoEventLeft = 1, kEchoEventRight = 2, kEchoEventWords = 3 };

/// The driver's answer takes this long, so that clients see it arrive later than the call's return.
enum { kEchoDelayMilliseconds = 20 };

#endif
