// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over the files of the folders given as arguments: the main() of fuzz targets in
// builds without libFuzzer. A folder that does not exist has no files.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <fmt/format.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

int main(int argc, char **argv) {
    size_t num_files = 0;
    const uint8_t nothing = 0;
    LLVMFuzzerTestOneInput(&nothing, 0);
    for (int i = 1; i < argc; ++i) {
        std::error_code error;
        for (const auto &entry : std::filesystem::directory_iterator(argv[i], error)) {
            std::ifstream file(entry.path(), std::ios::binary);
            const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
            LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
            ++num_files;
        }
    }
    fmt::print("{} inputs replayed\n", num_files);
    return 0;
}
