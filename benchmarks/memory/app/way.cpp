// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/app/way.h"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cstring>

#include "base/unique_fd.h"
#include "benchmarks/memory/app/fresh_buffers.h"

namespace opendext::bench {

namespace {

/// The structure input of a call; the driver reads all of it, or the first and the last word.
class StructureIn final : public Way {
public:
    StructureIn(MemoryClient &client, bool reads_all)
        : Way(reads_all ? "in_read" : "in", true), client_(client), reads_all_(reads_all) {}

    bool Move(std::span<std::byte> buffer, uint32_t) override {
        return reads_all_ ? client_.Sum(buffer, seen_) : client_.Take(buffer, seen_);
    }
    bool HasArrived(std::span<const std::byte>, uint32_t word) override {
        return seen_ == EndWords{word, word};
    }

private:
    MemoryClient &client_;
    const bool reads_all_;
    EndWords seen_;
};

/// The structure output of a call; the driver writes all of it, or the first and the last word.
class StructureOut final : public Way {
public:
    StructureOut(MemoryClient &client, bool fills)
        : Way(fills ? "out_filled" : "out", false), client_(client), fills_(fills) {}

    bool Move(std::span<std::byte> buffer, uint32_t word) override {
        return client_.Give(buffer, word, fills_);
    }
    bool HasArrived(std::span<const std::byte> buffer, uint32_t word) override {
        const size_t middle = buffer.size() / sizeof(word) / 2 * sizeof(word);
        return EndWords::Of(buffer) == EndWords{word, word} &&
               (!fills_ || EndWords::Of(buffer.subspan(middle, sizeof(word))).first == word);
    }

private:
    MemoryClient &client_;
    const bool fills_;
};

/// A descriptor that the driver makes of the application's memory.
class ClientMemory final : public Way {
public:
    ClientMemory(MemoryClient &client, MemoryClient::ReachMode mode)
        : Way(mode == MemoryClient::ReachMode::kShared ? "client_shared" : "client_snapshot", true),
          client_(client),
          mode_(mode) {}

    bool Move(std::span<std::byte> buffer, uint32_t) override {
        return client_.Reach(buffer, mode_, seen_);
    }
    bool HasArrived(std::span<const std::byte> buffer, uint32_t word) override {
        const uint32_t first = mode_ == MemoryClient::ReachMode::kShared ? word + 1 : word;
        return seen_ == EndWords{word, word} && EndWords::Of(buffer).first == first;
    }

private:
    MemoryClient &client_;
    const MemoryClient::ReachMode mode_;
    EndWords seen_;
};

/// A copy within the process, to pages that are there: always the same ones, which stay in the caches, or others each
/// time, as many as one-shot buffers are made at a time.
class Memcpy final : public Way {
public:
    explicit Memcpy(bool rotates)
        : Way(rotates ? "memcpy_rotating" : "memcpy", true), rotates_(rotates) {}

    size_t MovesPerSample(size_t num_bytes) const override { return num_bytes <= 4096 ? 64 : 1; }

    bool Prepare(size_t num_bytes) override {
        auto pages = FreshPages::Map(rotates_ ? std::max(num_bytes, kRotatingBytes) : num_bytes);
        if (pages) {
            room_ = *std::move(pages);
            room_.Touch();
            next_ = 0;
        }
        return pages.has_value();
    }
    bool Move(std::span<std::byte> buffer, uint32_t) override {
        if (buffer.size() > room_.bytes().size() - next_) {
            next_ = 0;
        }
        destination_ = room_.bytes().subspan(next_, buffer.size());
        next_ += rotates_ ? buffer.size() : 0;
        std::memcpy(destination_.data(), buffer.data(), buffer.size());
        return true;
    }
    bool HasArrived(std::span<const std::byte>, uint32_t word) override {
        return EndWords::Of(destination_) == EndWords{word, word};
    }

private:
    static constexpr size_t kRotatingBytes = size_t{16} << 20;

    const bool rotates_;
    FreshPages room_;
    size_t next_ = 0;
    std::span<std::byte> destination_;
};

/// Another process reads the application's memory.
class ProcessVmReadv final : public Way {
public:
    explicit ProcessVmReadv(VmReader &reader) : Way("process_vm_readv", true), reader_(reader) {}

    bool Prepare(size_t num_bytes) override { return reader_.Prepare(num_bytes); }
    bool Move(std::span<std::byte> buffer, uint32_t) override {
        return reader_.Read(buffer, seen_);
    }
    bool HasArrived(std::span<const std::byte>, uint32_t word) override {
        return seen_ == EndWords{word, word};
    }

private:
    VmReader &reader_;
    EndWords seen_;
};

/// A write to a file that another process serves.
class FuseWrite final : public Way {
public:
    explicit FuseWrite(const std::string &file)
        : Way("fuse_write", true), file_(open(file.c_str(), O_RDWR | O_CLOEXEC)) {}

    bool Move(std::span<std::byte> buffer, uint32_t) override {
        size_t num_written = 0;
        while (num_written < buffer.size()) {
            const auto rest = buffer.subspan(num_written);
            const ssize_t count =
                pwrite(file_.get(), rest.data(), rest.size(), static_cast<off_t>(num_written));
            if (count <= 0) {
                return false;
            }
            num_written += static_cast<size_t>(count);
        }
        return true;
    }
    bool HasArrived(std::span<const std::byte>, uint32_t word) override {
        EndWords seen;
        return pread(file_.get(), &seen, sizeof(seen), 0) == sizeof(seen) &&
               seen == EndWords{word, word};
    }

private:
    const UniqueFd file_;
};

}  // namespace

std::vector<std::unique_ptr<Way>> MakeWays(MemoryClient &client, VmReader &reader,
                                           const std::string &fuse_file) {
    std::vector<std::unique_ptr<Way>> ways;
    for (const bool reads_all : {false, true}) {
        ways.push_back(std::make_unique<StructureIn>(client, reads_all));
    }
    ways.push_back(std::make_unique<Memcpy>(false));
    ways.push_back(std::make_unique<Memcpy>(true));
    ways.push_back(std::make_unique<StructureOut>(client, false));
    ways.push_back(std::make_unique<StructureOut>(client, true));
    ways.push_back(std::make_unique<ClientMemory>(client, MemoryClient::ReachMode::kSnapshot));
    ways.push_back(std::make_unique<ClientMemory>(client, MemoryClient::ReachMode::kShared));
    ways.push_back(std::make_unique<ProcessVmReadv>(reader));
    if (!fuse_file.empty()) {
        ways.push_back(std::make_unique<FuseWrite>(fuse_file));
    }
    return ways;
}

}  // namespace opendext::bench
