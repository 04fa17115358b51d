// SPDX-License-Identifier: Apache-2.0
int ring_library_version(void) {
    return RING_LIBRARY_VERSION;
}
