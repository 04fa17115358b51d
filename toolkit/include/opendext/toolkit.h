// SPDX-License-Identifier: Apache-2.0
/// @file toolkit.h
/// All of the toolkit. It is header-only, stands on public DriverKit API alone, and compiles in Xcode as it does here:
/// C++17 and later, with or without exceptions and RTTI. In every class here all zero bytes are the empty state, so
/// objects may live in memory of IONewZero; what lives there is emptied with Reset() before IODelete, as neither
/// constructors nor destructors run.
#ifndef OPENDEXT_TOOLKIT_H
#define OPENDEXT_TOOLKIT_H

#include <opendext/toolkit/bytes.h>
#include <opendext/toolkit/descriptor_pool.h>
#include <opendext/toolkit/dma_preparation.h>
#include <opendext/toolkit/fill.h>
#include <opendext/toolkit/mapping.h>
#include <opendext/toolkit/method_input.h>
#include <opendext/toolkit/method_output.h>

#endif
