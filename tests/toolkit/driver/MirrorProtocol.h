// SPDX-License-Identifier: Apache-2.0
#pragma once

enum MirrorSelector {
    kMirrorReverse = 0,  ///< Structure in; structure out: its bytes from last to first.
    kMirrorRange =
        1,  ///< Scalars in: offset, length. Structure in; structure out: that range of it.
    kMirrorPooled =
        2,  ///< As kMirrorReverse without reversing, by way of a pooled buffer of 64 KiB.
    kMirrorSelectorCount
};

enum { kMirrorPooledBytes = 65536 };
