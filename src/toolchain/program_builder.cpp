// SPDX-License-Identifier: Apache-2.0
#include "toolchain/program_builder.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "toolchain/build_folder.h"
#include "toolchain/ninja_file.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

std::string PlanText(const ProgramBuildRequest &request, const SdkLocation &sdk,
                     const path &build_dir, const HeaderMapFiles &header_maps) {
    NinjaFile file;
    const std::string flags = NinjaFile::QuotedAll(ClientCompilerArguments(sdk, false));
    const std::string extra = NinjaFile::QuotedAll(request.compiler_flags);
    const std::string includes = NinjaFile::QuotedAll(header_maps.arguments);
    file.AddRule("compile",
                 fmt::format("$compiler -x $language -std=$standard {} {} $arguments {} {} -MD -MF "
                             "$out.d -c $in -o $out",
                             request.optimization, includes, extra, flags),
                 "compile $in", "$out.d");
    file.AddRule("link",
                 fmt::format("clang++-19 $in -o $out {} {}", extra,
                             NinjaFile::QuotedAll(ClientCompilerArguments(sdk, true))),
                 "link $out", "");
    std::vector<std::string> objects;
    const std::vector<std::string> maps(header_maps.files.begin(), header_maps.files.end());
    for (const path &source : request.sources) {
        const SourceOptions &options = request.source_options.at(source);
        const bool is_cxx = options.language == SourceOptions::Language::kCxx;
        objects.push_back(
            (build_dir / fmt::format("{}-{}.o", objects.size(), source.stem().string())).string());
        file.AddStep({.rule = "compile",
                      .outputs = {objects.back()},
                      .inputs = {source.string()},
                      .implicit = maps,
                      .order_only = {}});
        file.AddVariable("compiler", is_cxx ? "clang++-19" : "clang-19");
        file.AddVariable("language", LanguageName(options.language));
        file.AddVariable("standard", NinjaFile::Quoted(options.standard));
        file.AddVariable("arguments", NinjaFile::QuotedAll(options.arguments));
    }
    file.AddStep({.rule = "link",
                  .outputs = {request.output.string()},
                  .inputs = objects,
                  .implicit = {(sdk.libraries / "libopendext-iokit.so").string()},
                  .order_only = {}});
    return file.text();
}

}  // namespace

std::expected<void, std::string> BuildProgram(const ProgramBuildRequest &request,
                                              const SdkLocation &sdk) {
    ProgramBuildRequest absolute = request;
    absolute.output = std::filesystem::absolute(request.output).lexically_normal();
    const path build_dir =
        absolute.output.parent_path() / ("." + absolute.output.filename().string() + ".build");
    std::error_code error;
    std::filesystem::create_directories(build_dir, error);
    if (error) {
        return std::unexpected(WriteFailure(build_dir));
    }
    const auto header_maps = WriteHeaderMaps(request.headers, build_dir);
    if (!header_maps) {
        return std::unexpected(header_maps.error());
    }
    const path plan = build_dir / "build.ninja";
    if (!WriteIfChanged(plan, PlanText(absolute, sdk, build_dir, *header_maps))) {
        return std::unexpected(WriteFailure(plan));
    }
    auto built = RunNinja(build_dir, sdk.sdk, request.verbose);
    if (!built) {
        std::filesystem::remove(absolute.output, error);  // an old one would be run by mistake
    }
    return built;
}

std::vector<std::string> ClientCompilerArguments(const SdkLocation &sdk, bool link) {
    std::vector<std::string> arguments = {"-fblocks",
                                          "-pthread",
                                          "-g",
                                          "-D_GNU_SOURCE",
                                          "-Wno-format",
                                          "-isystem",
                                          (sdk.sdk / "libc").string(),
                                          "-isystem",
                                          sdk.sdk.string()};
    if (link) {
        const std::string libraries = sdk.libraries.string();
        for (const std::string &argument :
             {std::string("-fuse-ld=lld"), "-L" + libraries, "-Wl,-rpath," + libraries,
              std::string("-lopendext-iokit"), std::string("-lopendext-base"),
              std::string("-lBlocksRuntime")}) {
            arguments.push_back(argument);
        }
    }
    const std::string_view sanitizers = OPENDEXT_SANITIZER_FLAGS;
    for (size_t start = 0; start < sanitizers.size();) {
        const size_t end = std::min(sanitizers.find(' ', start), sanitizers.size());
        arguments.emplace_back(sanitizers.substr(start, end - start));
        start = end + 1;
    }
    return arguments;
}

}  // namespace opendext::toolchain
