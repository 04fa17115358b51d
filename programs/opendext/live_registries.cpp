// SPDX-License-Identifier: Apache-2.0
#include "programs/opendext/live_registries.h"

#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "channel/transport/unix_socket.h"

namespace opendext::cli {

namespace {

std::filesystem::path FolderName() {
    if (const char *folder = std::getenv("OPENDEXT_RUNTIME_DIR");
        folder != nullptr && *folder != '\0') {
        return folder;
    }
    if (const char *folder = std::getenv("XDG_RUNTIME_DIR"); folder != nullptr && *folder != '\0') {
        return std::filesystem::path(folder) / "opendext";
    }
    return fmt::format("/tmp/opendext-{}", getuid());
}

int PidOf(const std::filesystem::path &socket) {
    const std::string stem = socket.stem().string();
    int pid = 0;
    const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), pid);
    return error == std::errc() && end == stem.data() + stem.size() ? pid : 0;
}

bool IsRunning(int pid) {
    return kill(pid, 0) == 0 || errno == EPERM;
}

bool Answers(const std::filesystem::path &socket) {
    return channel::ConnectUnixSocket(socket.string()).has_value();
}

/// Sockets of an 'opendext run' that was killed together with its registry.
void RemoveDeadSockets(const std::filesystem::path &folder) {
    std::error_code error;
    std::vector<std::filesystem::path> dead;
    for (const auto &entry : std::filesystem::directory_iterator(folder, error)) {
        const int owner = PidOf(entry.path());
        if (owner != 0 && !IsRunning(owner) && !Answers(entry.path())) {
            dead.push_back(entry.path());
        }
    }
    for (const std::filesystem::path &socket : dead) {
        std::filesystem::remove(socket, error);
    }
}

std::expected<std::filesystem::path, std::string> FindRegistry(int pid) {
    const char *named = std::getenv("OPENDEXT_REGISTRY");
    if (pid == 0 && named != nullptr && *named != '\0') {
        return named;
    }
    std::vector<std::filesystem::path> live;
    std::vector<int> pids;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator(FolderName(), error)) {
        const int owner = PidOf(entry.path());
        if (owner != 0 && (pid == 0 || pid == owner) && IsRunning(owner)) {
            live.push_back(entry.path());
            pids.push_back(owner);
        }
    }
    if (live.empty()) {
        return std::unexpected(fmt::format(
            "opendext: error: {}; start one with 'opendext run X.dext'",
            pid == 0 ? "no registry is running" : fmt::format("process {} runs no registry", pid)));
    }
    if (live.size() > 1) {
        return std::unexpected(
            fmt::format("opendext: error: several registries are running; choose one with --pid {}",
                        fmt::join(pids, " or --pid ")));
    }
    return live.front();
}

}  // namespace

std::expected<std::filesystem::path, std::string> RuntimeFolder() {
    std::filesystem::path folder = FolderName();
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        return std::unexpected(
            fmt::format("{}: error: {}; set OPENDEXT_RUNTIME_DIR to a folder of your own",
                        folder.string(), std::strerror(errno)));
    }
    struct stat status = {};
    if (lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != getuid()) {
        return std::unexpected(
            fmt::format("{}: error: not a folder of this user; set OPENDEXT_RUNTIME_DIR to one",
                        folder.string()));
    }
    RemoveDeadSockets(folder);
    return folder;
}

std::expected<std::shared_ptr<channel::BusServiceDirectory>, std::string> ConnectToRegistry(
    int pid) {
    const auto socket = FindRegistry(pid);
    if (!socket) {
        return std::unexpected(socket.error());
    }
    auto directory = channel::BusServiceDirectory::Connect(socket->string());
    if (!directory) {
        return std::unexpected(
            fmt::format("opendext: error: {}: {}", socket->string(), directory.error()));
    }
    return directory;
}

}  // namespace opendext::cli
