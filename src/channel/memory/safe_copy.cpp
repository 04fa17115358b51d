// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/safe_copy.h"

#if defined(__x86_64__)
#include "channel/memory/fault_handler.h"
#else
#include <sys/uio.h>
#include <unistd.h>
#endif

namespace opendext::channel {

#if defined(__x86_64__)

__attribute__((noinline)) uint64_t CopyBytes(void *to, const void *from, uint64_t num_bytes) {
    InstallFaultHandler();
    uint64_t num_left = num_bytes;
    asm volatile(
        ".globl opendext_copy_instruction\n"
        ".hidden opendext_copy_instruction\n"
        ".globl opendext_copy_end\n"
        ".hidden opendext_copy_end\n"
        "opendext_copy_instruction:\n"
        "rep movsb\n"
        "opendext_copy_end:\n"
        : "+D"(to), "+S"(from), "+c"(num_left)
        :
        : "memory");
    return num_bytes - num_left;
}

#else

uint64_t CopyBytes(void *to, const void *from, uint64_t num_bytes) {
    uint64_t done = 0;
    while (done < num_bytes) {
        const iovec local = {static_cast<char *>(to) + done, num_bytes - done};
        const iovec remote = {static_cast<char *>(const_cast<void *>(from)) + done,
                              num_bytes - done};
        const ssize_t moved = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
        if (moved <= 0) {
            break;
        }
        done += static_cast<uint64_t>(moved);
    }
    return done;
}

#endif

}  // namespace opendext::channel
