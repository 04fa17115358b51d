// SPDX-License-Identifier: Apache-2.0
/// @file OSPtr.h
/// OSPtr, the type of results that the caller owns.
#ifndef OPENDEXT_DRIVERKIT_OSPTR_H
#define OPENDEXT_DRIVERKIT_OSPTR_H

#ifdef __cplusplus
extern "C++" {

/// A pointer to an object, +1: the caller releases it.
template <typename T>
using OSPtr = T *;

}  // extern "C++"
#endif

#endif
