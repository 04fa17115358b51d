// SPDX-License-Identifier: Apache-2.0
#include "toolchain/dext_builder.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "toolchain/dext_plists.h"
#include "toolchain/ninja_file.h"
#include "toolchain/ninja_output.h"
#include "toolchain/subprocess.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

constexpr std::string_view kCxx = "clang++-19";
constexpr std::string_view kCc = "clang-19";

// Ours first; what the driver's own project turns on comes later and wins.
constexpr std::string_view kDextFlags =
    "-fPIC -g -fno-omit-frame-pointer -fno-optimize-sibling-calls -fblocks -fvisibility=default "
    "-pthread "
    "-Wno-c99-designator -Wno-reorder-init-list "
    "-D_GNU_SOURCE -DTARGET_OS_DRIVERKIT=1 -DTARGET_OS_OSX=0 " OPENDEXT_SANITIZER_FLAGS;

// But these come last, as a project's -Wall must not undo them: of formats everything is checked except the types.
// Drivers print uint64_t with %llu, which is right where it is an unsigned long long.
constexpr std::string_view kFormatFlags =
    "-Wno-format -Wformat-extra-args -Wformat-insufficient-args -Wformat-invalid-specifier";

bool WriteIfChanged(const path &file, const std::string &text) {
    {
        std::ifstream old(file, std::ios::binary);
        const std::string current((std::istreambuf_iterator<char>(old)),
                                  std::istreambuf_iterator<char>());
        if (old && current == text) {
            return true;
        }
    }
    std::ofstream stream(file, std::ios::binary | std::ios::trunc);
    stream << text;
    return static_cast<bool>(stream.flush());
}

/// The steps of one dext, as a ninja file.
class BuildPlan {
public:
    BuildPlan(const DextBuildRequest &request, const SdkLocation &sdk, path build_dir,
              std::string executable)
        : request_(request),
          sdk_(sdk),
          build_dir_(std::move(build_dir)),
          executable_(std::move(executable)) {}

    [[nodiscard]] std::string Text() {
        AddRules();
        AddInterfaces();
        AddSources();
        AddLink();
        return file_.text();
    }

    [[nodiscard]] path generated_dir() const { return build_dir_ / "generated"; }

private:
    [[nodiscard]] std::string IncludeFlags() const {
        std::vector<std::string> flags = {"-I" + generated_dir().string(),
                                          "-I" + (build_dir_ / "include").string(),
                                          "-I" + request_.folder.folder.string()};
        for (const path &dir : request_.include_dirs) {
            flags.push_back("-I" + std::filesystem::absolute(dir).string());
        }
        std::string text;
        for (const std::string &flag : flags) {
            text += NinjaFile::Quoted(flag) + " ";
        }
        for (const path &dir : {sdk_.sdk / "libc", sdk_.sdk}) {
            text += "-isystem " + NinjaFile::Quoted(dir.string()) + " ";
        }
        return text;
    }

    void AddRules() {
        const std::string includes = IncludeFlags();
        const std::string_view level = request_.optimize ? "-O1" : "-O0";
        std::string extra;
        for (const std::string &flag : request_.compiler_flags) {
            extra += NinjaFile::Quoted(flag) + " ";
        }
        const std::string iig = NinjaFile::Quoted((sdk_.programs / "iig").string());
        file_.AddRule("iig",
                      fmt::format("{} --def $in --header $header --impl $implementation --depfile "
                                  "$depfile_word -std={} {}",
                                  iig, request_.language_standard, includes),
                      "iig $in", "$depfile");
        file_.AddRule("cxx",
                      fmt::format("{} -std={} {} {} {} {} {} -MD -MF $out.d -c $in -o $out", kCxx,
                                  request_.language_standard, level, kDextFlags, includes, extra,
                                  kFormatFlags),
                      "compile $in", "$out.d");
        file_.AddRule("cc",
                      fmt::format("{} -std=gnu17 {} {} {} {} {} -MD -MF $out.d -c $in -o $out", kCc,
                                  level, kDextFlags, includes, extra, kFormatFlags),
                      "compile $in", "$out.d");
        // -Bsymbolic: a driver may define functions that have the names of libc's or ours, and means its own.
        file_.AddRule(
            "link",
            fmt::format("{} -shared -fuse-ld=lld -pthread {} -Wl,-Bsymbolic {} $in -o $out "
                        "-L{} -lopendext-runtime -lopendext-base -lBlocksRuntime",
                        kCxx, OPENDEXT_SANITIZER_FLAGS,
                        std::string_view(OPENDEXT_SANITIZER_FLAGS).empty() ? "-Wl,-z,defs" : "",
                        NinjaFile::Quoted(sdk_.libraries.string())),
            "link $out", "");
    }

    void AddInterfaces() {
        for (const path &iig : request_.folder.iigs) {
            const path header = generated_dir() / (iig.stem().string() + ".h");
            const path implementation = generated_dir() / (iig.stem().string() + ".iig.cpp");
            file_.AddStep({.rule = "iig",
                           .outputs = {header.string(), implementation.string()},
                           .inputs = {iig.string()},
                           .implicit = {(sdk_.programs / "iig").string()},
                           .order_only = {}});
            file_.AddVariable("header", NinjaFile::Quoted(header.string()));
            file_.AddVariable("implementation", NinjaFile::Quoted(implementation.string()));
            file_.AddVariable("depfile_word", NinjaFile::Quoted(implementation.string() + ".d"));
            file_.AddVariable("depfile", NinjaFile::Literal(implementation.string() + ".d"));
            interfaces_.push_back(implementation.string());
        }
    }

    void AddSource(const path &source, const path &object) {
        file_.AddStep({.rule = source.extension() == ".c" ? "cc" : "cxx",
                       .outputs = {object.string()},
                       .inputs = {source.string()},
                       .implicit = {},
                       .order_only = interfaces_});
        objects_.push_back(object.string());
    }

    void AddSources() {
        size_t number = 0;
        for (const path &source : request_.folder.sources) {
            AddSource(source,
                      build_dir_ / fmt::format("{}-{}.o", number++, source.stem().string()));
        }
        for (const std::string &implementation : interfaces_) {
            const path source(implementation);
            AddSource(source, build_dir_ / (source.stem().string() + ".o"));
        }
    }

    void AddLink() {
        file_.AddStep({.rule = "link",
                       .outputs = {(request_.output / (executable_ + ".so")).string()},
                       .inputs = objects_,
                       .implicit = {(sdk_.libraries / "libopendext-runtime.so").string()},
                       .order_only = {}});
    }

    const DextBuildRequest &request_;
    const SdkLocation &sdk_;
    const path build_dir_;
    const std::string executable_;
    NinjaFile file_;
    std::vector<std::string> interfaces_;
    std::vector<std::string> objects_;
};

std::string WriteFailure(const path &file) {
    return fmt::format(
        "{}: error: cannot be written; is the folder writable and the disk not full?",
        file.string());
}

// What an earlier build left in one of our folders must not be found by this one.
void RemoveAllBut(const std::set<std::string> &kept, const path &folder,
                  std::string_view extension = {}) {
    std::error_code error;
    std::vector<path> stale;
    for (const auto &entry : std::filesystem::directory_iterator(folder, error)) {
        const bool is_ours = extension.empty() || entry.path().extension() == extension;
        if (is_ours && !kept.contains(entry.path().filename().string())) {
            stale.push_back(entry.path());
        }
    }
    for (const path &file : stale) {
        std::filesystem::remove(file, error);
    }
}

std::set<std::string> GeneratedNames(const std::vector<path> &iigs) {
    std::set<std::string> names;
    for (const path &iig : iigs) {
        names.insert(iig.stem().string() + ".h");
        names.insert(iig.stem().string() + ".iig.cpp");
    }
    return names;
}

// <bundle.id/Class.h> is the same header as "Class.h".
bool MakeAlias(const path &include, const std::string &product_name, const path &generated) {
    std::error_code error;
    RemoveAllBut({}, include);
    std::filesystem::create_directory_symlink(generated, include / product_name, error);
    return !error;
}

std::expected<void, std::string> WritePlists(const DextPlists &plists, const path &output) {
    const path info = output / "Info.plist";
    const path entitlements = output / "entitlements.plist";
    std::error_code error;
    if (!WriteIfChanged(info, plists.info)) {
        return std::unexpected(WriteFailure(info));
    }
    if (plists.entitlements.empty()) {
        std::filesystem::remove(entitlements, error);
    } else if (!WriteIfChanged(entitlements, plists.entitlements)) {
        return std::unexpected(WriteFailure(entitlements));
    }
    return {};
}

std::expected<void, std::string> RunNinja(const path &build_dir, bool verbose) {
    const auto result =
        RunProcess({"ninja", "-C", build_dir.string(), verbose ? "-v" : "--quiet"}, !verbose);
    if (!result) {
        return std::unexpected(
            fmt::format("ninja could not be started: {}; install it with 'apt install ninja-build'",
                        result.error()));
    }
    fmt::print(stderr, "{}", CompilerMessages(result->output));
    return result->status == 0 ? std::expected<void, std::string>()
                               : std::unexpected(std::string());
}

}  // namespace

std::expected<void, std::string> BuildDext(const DextBuildRequest &request,
                                           const SdkLocation &sdk) {
    const std::string product_name = request.settings.Get("PRODUCT_NAME");
    if (product_name.empty() || product_name.find('/') != std::string::npos) {
        return std::unexpected(fmt::format(
            "PRODUCT_NAME: error: '{}' cannot be a folder's name, as <{}/Class.h> needs; choose "
            "another --bundle-id",
            product_name, product_name));
    }
    const auto plists = PreparePlists(request.folder, request.settings);
    if (!plists) {
        return std::unexpected(plists.error());
    }
    for (const std::string &warning : plists->warnings) {
        fmt::print(stderr, "{}\n", warning);
    }
    DextBuildRequest absolute = request;
    absolute.output = std::filesystem::absolute(request.output).lexically_normal();
    const path build_dir =
        absolute.output.parent_path() / ("." + absolute.output.filename().string() + ".build");
    BuildPlan plan(absolute, sdk, build_dir, plists->executable);
    std::error_code error;
    for (const path &folder : {plan.generated_dir(), build_dir / "include", absolute.output}) {
        std::filesystem::create_directories(folder, error);
        if (error) {
            return std::unexpected(WriteFailure(folder));
        }
    }
    RemoveAllBut(GeneratedNames(request.folder.iigs), plan.generated_dir());
    RemoveAllBut({plists->executable + ".so"}, absolute.output, ".so");
    if (!MakeAlias(build_dir / "include", product_name, plan.generated_dir())) {
        return std::unexpected(WriteFailure(build_dir / "include" / product_name));
    }
    if (!WriteIfChanged(build_dir / "build.ninja", plan.Text())) {
        return std::unexpected(WriteFailure(build_dir / "build.ninja"));
    }
    if (auto written = WritePlists(*plists, absolute.output); !written) {
        return written;
    }
    auto built = RunNinja(build_dir, request.verbose);
    if (!built) {
        // Neither half a dext nor an old one is left to be run by mistake.
        std::error_code ignored;
        std::filesystem::remove_all(absolute.output, ignored);
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
