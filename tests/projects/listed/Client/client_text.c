// SPDX-License-Identifier: Apache-2.0
#include "client_text.h"

const char *client_text(void) {
    return CLIENT_TEXT;
}
