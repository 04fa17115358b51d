// SPDX-License-Identifier: Apache-2.0
#pragma once

#define RING_MOST_SLOTS 64
