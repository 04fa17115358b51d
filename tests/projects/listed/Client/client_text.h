// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifdef __cplusplus
extern "C"
#endif
    const char *
    client_text(void);
