// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 38)

size_t strlcpy(char *destination, const char *source, size_t size) {
    const size_t length = strlen(source);
    if (size != 0) {
        const size_t copied = length < size ? length : size - 1;
        memcpy(destination, source, copied);
        destination[copied] = '\0';
    }
    return length;
}

size_t strlcat(char *destination, const char *source, size_t size) {
    const size_t present = strnlen(destination, size);
    return present + strlcpy(destination + present, source, size - present);
}

#endif
