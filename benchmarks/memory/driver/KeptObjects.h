// SPDX-License-Identifier: Apache-2.0
/// @file KeptObjects.h
/// Many live objects, to see whether they slow down the rest.
#ifndef KEPT_OBJECTS_H
#define KEPT_OBJECTS_H

#include <stdint.h>

#include <DriverKit/OSObject.h>

/// Objects that are released together. One thread. All zeros is none: it is part of an ivars structure.
struct KeptObjects {
    OSObject **objects;
    uint64_t count;
    uint64_t capacity;

    /// Makes `number` of them. @param make gives an object, +1. What was made before an error stays.
    kern_return_t Make(uint64_t number, kern_return_t (*make)(OSObject **object));

    void Clear();
};

/// A buffer of a page, whose address was asked for.
kern_return_t MakeKeptBuffer(OSObject **object);

/// A mapping of a buffer that nothing else holds.
kern_return_t MakeKeptMapping(OSObject **object);

#endif
