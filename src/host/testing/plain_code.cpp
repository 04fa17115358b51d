// SPDX-License-Identifier: Apache-2.0
extern "C" int opendext_plain_code();
extern "C" int opendext_plain_code() {
    return 1;
}
