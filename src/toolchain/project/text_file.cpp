// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/text_file.h"

#include <fstream>
#include <iterator>

#include "toolchain/project/source_place.h"

namespace opendext::toolchain {

std::expected<std::string, std::string> ReadTextFile(const std::filesystem::path &file) {
    constexpr uintmax_t kMaxNumBytes = uintmax_t{64} << 20;
    const SourcePlace place{.file = file, .line = 0};
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
        return std::unexpected(place.Error("no such file"));
    }
    if (!std::filesystem::is_regular_file(file, error)) {
        return std::unexpected(place.Error("is not a file"));
    }
    if (std::filesystem::file_size(file, error) > kMaxNumBytes) {
        return std::unexpected(place.Error("is larger than 64 MiB"));
    }
    std::ifstream stream(file, std::ios::binary);
    if (!stream) {
        return std::unexpected(place.Error("cannot be read"));
    }
    return std::string((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
}

}  // namespace opendext::toolchain
