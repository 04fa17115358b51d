// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcconfig.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "toolchain/project/text_file.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

constexpr size_t kMaxNumFiles = 256;

std::string_view Trimmed(std::string_view text) {
    const auto is_blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

std::expected<XcconfigLine, std::string> ParseInclude(std::string_view line,
                                                      const SourcePlace &place) {
    constexpr std::string_view kInclude = "#include";
    XcconfigInclude include{.name = {}, .is_optional = false, .place = place};
    if (!line.starts_with(kInclude)) {
        return std::unexpected(place.Error("'#' begins #include \"file\" and nothing else here"));
    }
    line.remove_prefix(kInclude.size());
    if (line.starts_with("?")) {
        include.is_optional = true;
        line.remove_prefix(1);
    }
    line = Trimmed(line);
    const size_t end = line.size() < 2 ? std::string_view::npos : line.find('"', 1);
    if (!line.starts_with("\"") || end == std::string_view::npos || end == 1) {
        return std::unexpected(place.Error("write #include \"file.xcconfig\""));
    }
    include.name = line.substr(1, end - 1);
    return include;
}

// Where the name ends: at the first '=' outside of [conditions].
size_t EndOfName(std::string_view line) {
    int depth = 0;
    for (size_t at = 0; at < line.size(); ++at) {
        depth += line[at] == '[' ? 1 : 0;
        depth -= line[at] == ']' ? 1 : 0;
        if (line[at] == '=' && depth == 0) {
            return at;
        }
    }
    return std::string_view::npos;
}

std::expected<XcconfigLine, std::string> ParseAssignment(std::string_view line,
                                                         const SourcePlace &place) {
    const size_t equals = EndOfName(line);
    if (equals == std::string_view::npos) {
        return std::unexpected(place.Error("expected NAME = VALUE"));
    }
    auto assignment = ParseSettingName(Trimmed(line.substr(0, equals)));
    if (!assignment) {
        return std::unexpected(place.Error(assignment.error()));
    }
    std::string_view value = Trimmed(line.substr(equals + 1));
    while (value.ends_with(";")) {
        value = Trimmed(value.substr(0, value.size() - 1));
    }
    assignment->value = value;
    assignment->place = place;
    return *std::move(assignment);
}

/// The files that are being read, each included by the one before it.
class Reader {
public:
    explicit Reader(std::vector<std::string> &warnings) : warnings_(warnings) {}

    std::expected<void, std::string> Read(const path &file) {
        const auto text = ReadTextFile(file);
        if (!text) {
            return std::unexpected(text.error());
        }
        if (++num_files_ > kMaxNumFiles) {
            return std::unexpected(SourcePlace{.file = file}.Error(fmt::format(
                "more than {} files are included; are some included many times?", kMaxNumFiles)));
        }
        const auto lines = ParseXcconfig(*text, file);
        if (!lines) {
            return std::unexpected(lines.error());
        }
        open_.push_back(file.lexically_normal());
        for (const XcconfigLine &line : *lines) {
            if (const auto *assignment = std::get_if<SettingAssignment>(&line)) {
                assignments.push_back(*assignment);
            } else if (auto read = Include(std::get<XcconfigInclude>(line), file); !read) {
                return read;
            }
        }
        open_.pop_back();
        return {};
    }

    std::vector<SettingAssignment> assignments;

private:
    std::expected<void, std::string> Include(const XcconfigInclude &include, const path &from) {
        const path file = (from.parent_path() / include.name).lexically_normal();
        std::error_code error;
        if (!std::filesystem::exists(file, error)) {
            if (!include.is_optional) {
                warnings_.push_back(include.place.Warning(fmt::format(
                    "{} does not exist; what it sets is missing (#include? says that it may be)",
                    include.name)));
            }
            return {};
        }
        if (std::ranges::find(open_, file) != open_.end()) {
            return std::unexpected(include.place.Error(
                fmt::format("{} includes this file itself; break the circle", include.name)));
        }
        return Read(file);
    }

    std::vector<std::string> &warnings_;
    std::vector<path> open_;
    size_t num_files_ = 0;
};

}  // namespace

std::expected<std::vector<XcconfigLine>, std::string> ParseXcconfig(std::string_view text,
                                                                    const path &file) {
    std::vector<XcconfigLine> lines;
    if (text.starts_with("\xef\xbb\xbf")) {
        text.remove_prefix(3);
    }
    for (int number = 1; !text.empty(); ++number) {
        const size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        line = Trimmed(line.substr(0, line.find("//")));
        if (line.empty()) {
            continue;
        }
        const SourcePlace place{.file = file, .line = number};
        auto parsed =
            line.starts_with("#") ? ParseInclude(line, place) : ParseAssignment(line, place);
        if (!parsed) {
            return std::unexpected(std::move(parsed.error()));
        }
        lines.push_back(*std::move(parsed));
    }
    return lines;
}

std::expected<std::vector<SettingAssignment>, std::string> ReadXcconfig(
    const path &file, std::vector<std::string> &warnings) {
    Reader reader(warnings);
    if (auto read = reader.Read(file.lexically_normal()); !read) {
        return std::unexpected(std::move(read.error()));
    }
    return std::move(reader.assignments);
}

}  // namespace opendext::toolchain
