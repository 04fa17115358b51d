// SPDX-License-Identifier: Apache-2.0
#include "toolchain/dext_builder.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "toolchain/build_folder.h"
#include "toolchain/dext_plists.h"
#include "toolchain/ninja_file.h"

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

/// The steps of one dext, as a ninja file.
class BuildPlan {
public:
    BuildPlan(const DextBuildRequest &request, const SdkLocation &sdk, path build_dir,
              std::string executable, HeaderMapFiles header_maps)
        : request_(request),
          sdk_(sdk),
          build_dir_(std::move(build_dir)),
          executable_(std::move(executable)),
          header_maps_(std::move(header_maps)) {}

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
        // By "Name.h", a generated header comes before one of the project.
        std::vector<std::string> flags = {"-iquote", generated_dir().string()};
        flags.insert(flags.end(), header_maps_.arguments.begin(), header_maps_.arguments.end());
        flags.push_back("-I" + generated_dir().string());
        flags.push_back("-I" + (build_dir_ / "include").string());
        if (!request_.folder.folder.empty()) {
            flags.push_back("-I" + request_.folder.folder.string());
        }
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
        const std::string instrumentation = NinjaFile::QuotedAll(request_.instrumentation);
        // A sanitizer's functions are the program's, so they are undefined in the driver.
        const bool has_all_defined =
            std::string_view(OPENDEXT_SANITIZER_FLAGS).empty() && request_.instrumentation.empty();
        const std::string iig = NinjaFile::Quoted((sdk_.programs / "iig").string());
        file_.AddRule("iig",
                      fmt::format("{} --def $in --header $header --impl $implementation --depfile "
                                  "$depfile_word -std=$standard {} $arguments",
                                  iig, includes),
                      "iig $in", "$depfile");
        for (const auto &[rule, compiler] : {std::pair("cxx", kCxx), std::pair("cc", kCc)}) {
            file_.AddRule(
                rule,
                fmt::format("{} -x $language -std=$standard {} {} {} {} $arguments {} {} -MD -MF "
                            "$out.d -c $in -o $out",
                            compiler, level, kDextFlags, instrumentation, includes, extra,
                            kFormatFlags),
                "compile $in", "$out.d");
        }
        // -Bsymbolic: a driver may define functions that have the names of libc's or ours, and means its own.
        file_.AddRule(
            "link",
            fmt::format("{} -shared -fuse-ld=lld -pthread {} {} -Wl,-Bsymbolic {} $in -o $out "
                        "-L{} -lopendext-runtime -lopendext-base -lBlocksRuntime",
                        kCxx, OPENDEXT_SANITIZER_FLAGS, instrumentation,
                        has_all_defined ? "-Wl,-z,defs" : "",
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
                           .implicit = DueWith({sdk_.programs / "iig"}),
                           .order_only = {}});
            AddOptions(InterfaceOptions());
            file_.AddVariable("header", NinjaFile::Quoted(header.string()));
            file_.AddVariable("implementation", NinjaFile::Quoted(implementation.string()));
            file_.AddVariable("depfile_word", NinjaFile::Quoted(implementation.string() + ".d"));
            file_.AddVariable("depfile", NinjaFile::Literal(implementation.string() + ".d"));
            interfaces_.push_back(implementation.string());
        }
    }

    [[nodiscard]] std::vector<std::string> DueWith(std::vector<path> files) const {
        files.insert(files.end(), header_maps_.files.begin(), header_maps_.files.end());
        return {files.begin(), files.end()};
    }

    [[nodiscard]] SourceOptions InterfaceOptions() const {
        SourceOptions options = request_.interface_options;
        if (options.standard.empty()) {
            options.standard = request_.language_standard;
        }
        return options;
    }

    // As the project says; else by the name.
    [[nodiscard]] SourceOptions OptionsOf(const path &source) const {
        const auto stated = request_.source_options.find(source);
        if (stated != request_.source_options.end()) {
            return stated->second;
        }
        const bool is_c = source.extension() == ".c";
        return {.language = is_c ? SourceOptions::Language::kC : SourceOptions::Language::kCxx,
                .standard = is_c ? "gnu17" : request_.language_standard,
                .arguments = {}};
    }

    // Of the step that was added last.
    void AddOptions(const SourceOptions &options) {
        file_.AddVariable("language", LanguageName(options.language));
        file_.AddVariable("standard", NinjaFile::Quoted(options.standard));
        file_.AddVariable("arguments", NinjaFile::QuotedAll(options.arguments));
    }

    void AddSource(const path &source, const path &object, const SourceOptions &options) {
        file_.AddStep({.rule = options.language == SourceOptions::Language::kCxx ? "cxx" : "cc",
                       .outputs = {object.string()},
                       .inputs = {source.string()},
                       .implicit = DueWith({}),
                       .order_only = interfaces_});
        AddOptions(options);
        objects_.push_back(object.string());
    }

    void AddSources() {
        size_t number = 0;
        for (const path &source : request_.folder.sources) {
            AddSource(source, build_dir_ / fmt::format("{}-{}.o", number++, source.stem().string()),
                      OptionsOf(source));
        }
        for (size_t i = 0; i < interfaces_.size(); ++i) {
            // What iig makes of an interface is compiled as the interface.
            const path source(interfaces_[i]);
            AddSource(source, build_dir_ / (source.stem().string() + ".o"),
                      OptionsOf(request_.folder.iigs[i]));
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
    const HeaderMapFiles header_maps_;
    NinjaFile file_;
    std::vector<std::string> interfaces_;
    std::vector<std::string> objects_;
};

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
    const path generated_dir = build_dir / "generated";
    std::error_code error;
    for (const path &folder : {generated_dir, build_dir / "include", absolute.output}) {
        std::filesystem::create_directories(folder, error);
        if (error) {
            return std::unexpected(WriteFailure(folder));
        }
    }
    RemoveAllBut(GeneratedNames(request.folder.iigs), generated_dir);
    RemoveAllBut({plists->executable + ".so"}, absolute.output, ".so");
    if (!MakeAlias(build_dir / "include", product_name, generated_dir)) {
        return std::unexpected(WriteFailure(build_dir / "include" / product_name));
    }
    auto header_maps = WriteHeaderMaps(request.headers, build_dir);
    if (!header_maps) {
        return std::unexpected(std::move(header_maps.error()));
    }
    BuildPlan plan(absolute, sdk, build_dir, plists->executable, *std::move(header_maps));
    if (!WriteIfChanged(build_dir / "build.ninja", plan.Text())) {
        return std::unexpected(WriteFailure(build_dir / "build.ninja"));
    }
    if (auto written = WritePlists(*plists, absolute.output); !written) {
        return written;
    }
    auto built = RunNinja(build_dir, sdk.sdk, request.verbose);
    if (!built) {
        // Neither half a dext nor an old one is left to be run by mistake.
        std::error_code ignored;
        std::filesystem::remove_all(absolute.output, ignored);
    }
    return built;
}

}  // namespace opendext::toolchain
