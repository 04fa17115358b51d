// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/fuse_mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "base/unique_fd.h"

namespace opendext::bench {

namespace {

constexpr const char *kFile = "/driver";

int GetAttributes(const char *path, struct stat *attributes, fuse_file_info *) {
    const bool is_root = std::strcmp(path, "/") == 0;
    if (!is_root && std::strcmp(path, kFile) != 0) {
        return -ENOENT;
    }
    attributes->st_mode = is_root ? S_IFDIR | 0755 : S_IFREG | 0644;
    attributes->st_nlink = 1;
    return 0;
}

// Serves the file system until a signal ends it. The handlers are there before the mount is: no signal leaves it.
int Serve(const fuse_operations &operations, const std::string &folder, int ready_fd) {
    char name[] = "opendext-bench";
    char *arguments[] = {name, nullptr};
    fuse_args mount_arguments = FUSE_ARGS_INIT(1, arguments);
    fuse *file_system = fuse_new(&mount_arguments, &operations, sizeof(operations), nullptr);
    if (file_system == nullptr) {
        return 1;
    }
    fuse_session *session = fuse_get_session(file_system);
    int status = 1;
    if (fuse_set_signal_handlers(session) == 0) {
        if (fuse_mount(file_system, folder.c_str()) == 0) {
            status = write(ready_fd, "+", 1) == 1 && fuse_loop(file_system) >= 0 ? 0 : 1;
            fuse_unmount(file_system);
        }
        fuse_remove_signal_handlers(session);
    }
    fuse_destroy(file_system);
    rmdir(folder.c_str());
    return status;
}

}  // namespace

std::string FuseMount::file() const {
    return folder_ + kFile;
}

std::expected<FuseMount, std::string> FuseMount::Make(fuse_operations operations) {
    operations.getattr = GetAttributes;
    std::string folder =
        (std::filesystem::temp_directory_path() / "opendext-bench-XXXXXX").string();
    int ends[2] = {-1, -1};
    if (mkdtemp(folder.data()) == nullptr || pipe2(ends, O_CLOEXEC) != 0) {
        return std::unexpected(fmt::format("{}: {}", folder, std::strerror(errno)));
    }
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    auto server =
        ChildProcess::Fork(SIGTERM, [&] { return Serve(operations, folder, writer.get()); });
    if (!server) {
        rmdir(folder.c_str());
        return std::unexpected(server.error());
    }
    FuseMount mount(folder, *std::move(server));
    writer.Reset();
    char ready = 0;
    if (read(reader.get(), &ready, 1) != 1) {
        return std::unexpected(
            access("/dev/fuse", R_OK | W_OK) == 0
                ? std::string(
                      "FUSE: the file system could not be mounted; it takes root, or fusermount3")
                : fmt::format("/dev/fuse: {}", std::strerror(errno)));
    }
    return mount;
}

FuseMount::~FuseMount() {
    if (folder_.empty()) {
        return;
    }
    if (server_.End() > 128) {
        umount2(folder_.c_str(), MNT_DETACH);  // its process could not
    }
    rmdir(folder_.c_str());
}

}  // namespace opendext::bench
