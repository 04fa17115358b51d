// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

struct Shape {
    uint32_t width = 1;
    uint32_t height = 2;
};
enum class Mode : uint8_t { kIdle = 1, kBusy };
typedef void (^ShapeBlock)(uint32_t side);
