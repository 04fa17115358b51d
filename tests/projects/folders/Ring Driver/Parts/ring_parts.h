// SPDX-License-Identifier: Apache-2.0
#pragma once

int ring_parts();
int ring_more_parts();
