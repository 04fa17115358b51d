// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace opendext::channel {

/// The sockets that are this process's own: a child that it forks has them closed from its first moment on. A child
/// that lives longer than its parent would else keep the parent's connections open, and nobody would learn of the
/// parent's death. Any thread.
class ProcessSockets {
public:
    static void Add(int socket);
    /// Before the socket is closed, or after: a descriptor that stands for something else by now is left alone.
    static void Remove(int socket);
};

}  // namespace opendext::channel
