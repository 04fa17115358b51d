// SPDX-License-Identifier: Apache-2.0
/// @file Demo.h
/// What the application shows and tests. Each returns the program's exit status.
#ifndef DEMO_H
#define DEMO_H

#include "FpgaCard.h"

/// Moves 1 byte to 64 MiB in both directions, and prints how fast and whether every byte is right.
int runDemo(FpgaCard &card);

/// Goes through sizes and addresses around every boundary, and through requests that must be
/// refused.
int runSelfTest(FpgaCard &card);

#endif
