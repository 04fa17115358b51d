// SPDX-License-Identifier: Apache-2.0
#include "iig/command_line.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace opendext::iig {

namespace {

struct ValueOption {
    std::string_view name;
    std::string CommandLine::*value;
};

constexpr std::array<ValueOption, 7> kValueOptions = {{{"--def", &CommandLine::definition},
                                                       {"--header", &CommandLine::header},
                                                       {"--impl", &CommandLine::implementation},
                                                       {"--framework", &CommandLine::framework},
                                                       {"--depfile", &CommandLine::dependencies},
                                                       {"-MF", &CommandLine::dependencies},
                                                       {"-MT", &CommandLine::dependency_target}}};

// Compiler options whose value may be the next word.
constexpr std::array<std::string_view, 9> kPassedWithValue = {
    "-isystem", "-iquote", "-idirafter", "-include", "-iframework", "-I", "-D", "-U", "-F"};

constexpr std::array<std::string_view, 4> kPassedAlone = {"-std=", "--target=", "-f", "-W"};

class Reader {
public:
    explicit Reader(const std::vector<std::string> &words) : words_(words) {}

    std::expected<CommandLine, std::string> Run() {
        bool wants_dependencies = false;
        for (; at_ < words_.size(); ++at_) {
            const std::string &word = words_[at_];
            if (word == "--help" || word == "-h") {
                line_.is_help = true;
                return std::move(line_);
            }
            if (word == "-MD" || word == "-MMD") {
                wants_dependencies = true;
            } else if (!ReadValue(word) && !PassOn(word)) {
                return std::unexpected(fmt::format("unknown argument '{}'", word));
            }
            if (!error_.empty()) {
                return std::unexpected(error_);
            }
        }
        for (const ValueOption &option : {kValueOptions[0], kValueOptions[1], kValueOptions[2]}) {
            if ((line_.*option.value).empty()) {
                return std::unexpected(fmt::format("{} FILE is missing", option.name));
            }
        }
        if (wants_dependencies && line_.dependencies.empty()) {
            line_.dependencies = line_.header + ".d";
        }
        return std::move(line_);
    }

private:
    bool ReadValue(const std::string &word) {
        for (const ValueOption &option : kValueOptions) {
            if (word == option.name) {
                line_.*option.value = Next(word);
                return true;
            }
            if (option.name.starts_with("--") && word.starts_with(std::string(option.name) + "=")) {
                line_.*option.value = word.substr(option.name.size() + 1);
                return true;
            }
        }
        return false;
    }

    bool PassOn(const std::string &word) {
        for (const std::string_view name : kPassedWithValue) {
            if (word == name) {
                line_.arguments.push_back(word);
                line_.arguments.push_back(Next(word));
                return true;
            }
        }
        const auto begins = [&word](std::string_view name) { return word.starts_with(name); };
        const bool is_known = std::ranges::any_of(kPassedWithValue, begins) ||
                              std::ranges::any_of(kPassedAlone, begins);
        if (is_known) {
            line_.arguments.push_back(word);
        }
        return is_known;
    }

    std::string Next(const std::string &word) {
        if (at_ + 1 >= words_.size()) {
            error_ = fmt::format("{} needs a value", word);
            return {};
        }
        return words_[++at_];
    }

    const std::vector<std::string> &words_;
    size_t at_ = 0;
    CommandLine line_;
    std::string error_;
};

}  // namespace

std::expected<CommandLine, std::string> ReadCommandLine(const std::vector<std::string> &words) {
    return Reader(words).Run();
}

std::string_view HelpText() {
    return "iig: makes Class.h and Class.iig.cpp from Class.iig, the declaration of a DriverKit "
           "class\n"
           "\n"
           "usage: iig --def FILE.iig --header OUT.h --impl OUT.iig.cpp [options]\n"
           "\n"
           "  --def FILE         the .iig file\n"
           "  --header FILE      the header to write\n"
           "  --impl FILE        the C++ file to write; compile it into the driver\n"
           "  --framework NAME   FILE.iig belongs to framework NAME: its header is <NAME/FILE.h>\n"
           "  --depfile FILE     write what was read, as a Makefile rule (-MF FILE is the same; "
           "-MD: OUT.h.d)\n"
           "  -MT FILE           what that rule says depends on them, instead of both outputs\n"
           "  -I DIR, -isystem DIR, -D NAME[=VALUE], -U NAME, -std=...   as for a C++ compiler\n"
           "  --help             this text\n"
           "\n"
           "example:\n"
           "  iig --def MyDriver.iig --header gen/MyDriver.h --impl gen/MyDriver.iig.cpp -isystem "
           "sdk -std=gnu++20\n"
           "\n"
           "exit status: 0 done; 1 the .iig has errors, nothing was written; 2 wrong usage\n";
}

}  // namespace opendext::iig
