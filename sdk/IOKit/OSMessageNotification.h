// SPDX-License-Identifier: Apache-2.0
/// @file OSMessageNotification.h
/// Layout of the reference words of an asynchronous call.
#ifndef OPENDEXT_IOKIT_OSMESSAGENOTIFICATION_H
#define OPENDEXT_IOKIT_OSMESSAGENOTIFICATION_H

/// Index of each word that IOConnectCallAsync*Method takes in `reference`, and how many the library reads.
enum {
    kIOAsyncReservedIndex = 0,  ///< The system's own.
    kIOAsyncReservedCount = 1,
    kIOAsyncCalloutFuncIndex = 1,    ///< An IOAsyncCallback function.
    kIOAsyncCalloutRefconIndex = 2,  ///< Its first argument.
    kIOAsyncCalloutCount = 3,
};

#endif
