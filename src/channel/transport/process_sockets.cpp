// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/process_sockets.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include <map>
#include <mutex>

namespace opendext::channel {

namespace {

struct Table {
    std::mutex mutex;
    std::map<int, ino_t> inodes;  // guarded by mutex; by descriptor
};

Table &Sockets();

ino_t InodeOf(int socket) {
    struct stat status = {};
    return fstat(socket, &status) == 0 ? status.st_ino : 0;
}

// The mutex is held over the fork, so that the child finds a whole table.
void BeforeFork() {
    Sockets().mutex.lock();
}

void AfterForkInParent() {
    Sockets().mutex.unlock();
}

void AfterForkInChild() {
    Table &table = Sockets();
    for (const auto &[socket, inode] : table.inodes) {
        if (InodeOf(socket) == inode) {
            close(socket);
        }
    }
    table.inodes.clear();
    table.mutex.unlock();
}

Table &Sockets() {
    // Never destroyed: a process may fork while it ends.
    static auto *table = [] {
        pthread_atfork(&BeforeFork, &AfterForkInParent, &AfterForkInChild);
        return new Table;
    }();
    return *table;
}

}  // namespace

void ProcessSockets::Add(int socket) {
    Table &table = Sockets();
    const std::lock_guard lock(table.mutex);
    table.inodes.insert_or_assign(socket, InodeOf(socket));
}

void ProcessSockets::Remove(int socket) {
    Table &table = Sockets();
    const std::lock_guard lock(table.mutex);
    const auto found = table.inodes.find(socket);
    if (found != table.inodes.end()) {
        table.inodes.erase(found);
    }
}

}  // namespace opendext::channel
