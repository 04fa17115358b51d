// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/setting_levels.h"

#include <fnmatch.h>
#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "toolchain/setting_modifiers.h"

namespace opendext::toolchain {

namespace {

constexpr size_t kMaxNumBytes = size_t{1} << 20;
constexpr size_t kMaxNumBytesMade = size_t{64} << 20;  // in one evaluation, dropped again or not
constexpr size_t kMaxNumSteps = 100'000;
constexpr size_t kMaxDepth = 64;

bool IsNameCharacter(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool IsBlank(char c) {
    return std::isspace(static_cast<unsigned char>(c)) != 0;
}

std::string_view Trimmed(std::string_view text) {
    while (!text.empty() && IsBlank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && IsBlank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

char Closing(char open) {
    switch (open) {
        case '(':
            return ')';
        case '{':
            return '}';
        case '[':
            return ']';
        default:
            return '\0';
    }
}

bool Holds(const SettingAssignment::Condition &condition, const SettingContext &context) {
    const std::pair<std::string_view, std::string> known[] = {
        {"sdk", context.sdk},
        {"arch", context.arch},
        {"config", context.configuration},
        {"variant", "normal"},
    };
    return std::ranges::any_of(known, [&](const auto &pair) {
        return pair.first == condition.key &&
               fnmatch(condition.pattern.c_str(), pair.second.c_str(), 0) == 0;
    });
}

}  // namespace

std::expected<SettingAssignment, std::string> ParseSettingName(std::string_view text) {
    SettingAssignment assignment;
    const size_t open = std::min(text.find('['), text.size());
    const std::string_view name = Trimmed(text.substr(0, open));
    if (name.empty() || !std::ranges::all_of(name, IsNameCharacter)) {
        return std::unexpected(fmt::format("'{}' is no name of a build setting", name));
    }
    assignment.name = name;
    text.remove_prefix(open);
    while (!text.empty()) {
        const size_t end = text.find(']');
        if (text.front() != '[' || end == std::string_view::npos) {
            return std::unexpected(
                fmt::format("expected [key=pattern] after '{}'", assignment.name));
        }
        std::string_view inside = text.substr(1, end - 1);
        text = Trimmed(text.substr(end + 1));
        while (!inside.empty()) {
            const size_t comma = std::min(inside.find(','), inside.size());
            const std::string_view condition = inside.substr(0, comma);
            const size_t equals = condition.find('=');
            if (equals == std::string_view::npos) {
                return std::unexpected(
                    fmt::format("condition '{}' of '{}' has no '='", condition, assignment.name));
            }
            assignment.conditions.push_back(
                {.key = std::string(Trimmed(condition.substr(0, equals))),
                 .pattern = std::string(Trimmed(condition.substr(equals + 1)))});
            inside.remove_prefix(std::min(comma + 1, inside.size()));
        }
    }
    return assignment;
}

/// One evaluation: what is being evaluated at the moment, and what it has cost.
class SettingEvaluation {
public:
    explicit SettingEvaluation(const SettingLevels &levels) : levels_(levels) {}

    // Which value of which setting a text belongs to; NULL: to none.
    struct Owner {
        const std::string *name = nullptr;
        size_t index = 0;
    };

    std::string Text(std::string_view text, Owner owner) {
        std::string result;
        while (!text.empty() && !failed()) {
            if (text.front() != '$') {
                result.push_back(text.front());
                text.remove_prefix(1);
            } else {
                result += TakeReference(text, owner);
            }
            Limit(result.size(), owner);
        }
        return result;
    }

    std::vector<std::string> Words(std::string_view text, Owner owner) {
        std::vector<std::string> words;
        size_t num_bytes = 0;
        for (text = Trimmed(text); !text.empty() && !failed(); text = Trimmed(text)) {
            if (text.front() == '$' && SpliceReference(text, owner, words)) {
                continue;
            }
            words.push_back(TakeWord(text, owner));
            num_bytes += words.back().size();
            Limit(num_bytes + words.size(), owner);
        }
        return words;
    }

    // The setting's value from `index` of its chain on.
    std::string Value(std::string_view name, size_t index) {
        std::string result;
        if (const Owner owner = Enter(name, index); owner.name != nullptr) {
            const std::string &value = At(owner).assignment.value;
            result = At(owner).is_text ? value : Text(value, owner);
            num_bytes_ += result.size();
            if (num_bytes_ > kMaxNumBytesMade) {
                Fail(owner, fmt::format("build setting {} refers to too much text", name));
            }
            stack_.pop_back();
        }
        return result;
    }

    std::vector<std::string> WordsOfValue(std::string_view name, size_t index) {
        std::vector<std::string> words;
        if (const Owner owner = Enter(name, index); owner.name != nullptr) {
            if (At(owner).is_text) {
                words = {At(owner).assignment.value};
            } else {
                words = Words(At(owner).assignment.value, owner);
            }
            stack_.pop_back();
        }
        return words;
    }

    template <typename T>
    std::expected<T, std::string> Result(T value) {
        if (failed()) {
            return std::unexpected(error_);
        }
        return value;
    }

private:
    // A reference taken apart: `$(NAME:modifier:modifier)`.
    struct Reference {
        std::string_view name;
        std::string_view modifiers;
        size_t num_chars = 0;
    };

    [[nodiscard]] bool failed() const { return !error_.empty(); }

    [[nodiscard]] const SettingLevels::Value &At(Owner owner) const {
        return levels_.chains_.find(*owner.name)->second[owner.index];
    }

    void Fail(Owner owner, std::string_view message) {
        if (error_.empty()) {
            error_ = owner.name == nullptr ? fmt::format("error: {}", message)
                                           : At(owner).assignment.place.Error(message);
        }
    }

    void Limit(size_t num_bytes, Owner owner) {
        if (num_bytes > kMaxNumBytes) {
            Fail(owner, fmt::format("the value of {} is longer than 1 MiB; shorten it",
                                    owner.name == nullptr ? "a text" : *owner.name));
        }
    }

    // Begins to evaluate a value; without a name when there is none. The caller pops the stack.
    Owner Enter(std::string_view name, size_t index) {
        const auto chain = levels_.chains_.find(name);
        if (failed() || chain == levels_.chains_.end() || index >= chain->second.size()) {
            return {};
        }
        const Owner owner{.name = &chain->first, .index = index};
        const bool is_cycle = std::ranges::any_of(stack_, [&](const Owner &other) {
            return other.name == owner.name && other.index == owner.index;
        });
        if (is_cycle) {
            Fail(owner, fmt::format("build setting {} refers to itself, by {}; break the circle",
                                    name, Circle(owner)));
            return {};
        }
        if (++num_steps_ > kMaxNumSteps || stack_.size() >= kMaxDepth) {
            Fail(owner, fmt::format("build setting {} refers to too many others", name));
            return {};
        }
        stack_.push_back(owner);
        return owner;
    }

    [[nodiscard]] std::string Circle(const Owner &begin) const {
        std::string names;
        auto at = std::ranges::find_if(stack_, [&](const Owner &other) {
            return other.name == begin.name && other.index == begin.index;
        });
        for (; at != stack_.end(); ++at) {
            names += *at->name + " -> ";
        }
        return names + *begin.name;
    }

    // At a '$'. Without a name: it is none.
    static Reference ParseReference(std::string_view text) {
        if (text.size() < 2) {
            return {};
        }
        const char close = Closing(text[1]);
        if (close == '\0') {
            size_t end = 1;
            while (end < text.size() && IsNameCharacter(text[end])) {
                ++end;
            }
            return {.name = text.substr(1, end - 1), .modifiers = {}, .num_chars = end};
        }
        int depth = 0;
        size_t colon = std::string_view::npos;
        for (size_t at = 2; at < text.size(); ++at) {
            if (text[at] == text[1]) {
                ++depth;
            } else if (text[at] == close && depth-- == 0) {
                const size_t end_of_name = std::min(colon, at);
                return {.name = text.substr(2, end_of_name - 2),
                        .modifiers = text.substr(end_of_name, at - end_of_name),
                        .num_chars = at + 1};
            } else if (text[at] == ':' && depth == 0 && colon == std::string_view::npos) {
                colon = at;
            }
        }
        return {};
    }

    // What the reference at the start of `text`, a '$', stands for; `text` goes past it.
    std::string TakeReference(std::string_view &text, Owner owner) {
        const Reference reference = ParseReference(text);
        if (reference.name.empty()) {
            const size_t num_chars = text.starts_with("$$") ? 2 : 1;
            text.remove_prefix(num_chars);
            return "$";
        }
        text.remove_prefix(reference.num_chars);
        if (++depth_ > kMaxDepth) {
            Fail(owner, "references are within each other more than 64 deep");
        }
        std::string value;
        if (!failed()) {
            std::string name = Text(reference.name, owner);
            const size_t index = NextIndex(name, owner);
            value = WithModifiers(Value(name, index), reference.modifiers, owner);
        }
        --depth_;
        return value;
    }

    // `inherited` is the setting's own name.
    [[nodiscard]] static std::string_view Resolve(std::string_view name, Owner owner) {
        return name == "inherited" && owner.name != nullptr ? std::string_view(*owner.name) : name;
    }

    // Where in its chain the value of a reference is: a setting that names itself means what it overrides.
    static size_t NextIndex(std::string &name, Owner owner) {
        name = std::string(Resolve(name, owner));
        return owner.name != nullptr && name == *owner.name ? owner.index + 1 : 0;
    }

    std::string WithModifiers(std::string value, std::string_view modifiers, Owner owner) {
        while (!modifiers.empty() && !failed()) {
            modifiers.remove_prefix(1);  // the ':'
            constexpr std::string_view kDefault = "default=";
            if (modifiers.starts_with(kDefault)) {
                return value.empty() ? Text(modifiers.substr(kDefault.size()), owner) : value;
            }
            const size_t end = std::min(modifiers.find(':'), modifiers.size());
            value = WithModifier(std::move(value), modifiers.substr(0, end));
            modifiers.remove_prefix(end);
        }
        return value;
    }

    // Adds the words of a reference that is a word by itself. False: it is not.
    bool SpliceReference(std::string_view &text, Owner owner, std::vector<std::string> &words) {
        const Reference reference = ParseReference(text);
        const bool is_alone =
            !reference.name.empty() && reference.modifiers.empty() &&
            (reference.num_chars == text.size() || IsBlank(text[reference.num_chars]));
        if (!is_alone) {
            return false;
        }
        text.remove_prefix(reference.num_chars);
        std::string name = Text(reference.name, owner);
        const size_t index = NextIndex(name, owner);
        for (std::string &word : WordsOfValue(name, index)) {
            words.push_back(std::move(word));
        }
        Limit(words.size(), owner);
        return true;
    }

    // One word with its quotes taken off; `text` goes past it.
    std::string TakeWord(std::string_view &text, Owner owner) {
        std::string word;
        char quote = '\0';
        while (!text.empty() && !failed() && (quote != '\0' || !IsBlank(text.front()))) {
            const char c = text.front();
            if (c == '$') {
                word += TakeReference(text, owner);
                continue;
            }
            text.remove_prefix(1);
            if (c == '\\' && quote != '\'' && !text.empty()) {
                word.push_back(text.front());
                text.remove_prefix(1);
            } else if (quote != '\0' ? c == quote : (c == '"' || c == '\'')) {
                quote = quote == '\0' ? c : '\0';
            } else {
                word.push_back(c);
            }
        }
        return word;
    }

    const SettingLevels &levels_;
    std::vector<Owner> stack_;
    size_t num_steps_ = 0;
    size_t num_bytes_ = 0;
    size_t depth_ = 0;
    std::string error_;
};

void SettingLevels::Add(const std::vector<SettingAssignment> &level) {
    std::map<std::string_view, std::vector<Value>> added;
    for (const bool is_conditional : {true, false}) {
        for (auto assignment = level.rbegin(); assignment != level.rend(); ++assignment) {
            const bool holds = std::ranges::all_of(
                assignment->conditions,
                [this](const auto &condition) { return Holds(condition, context_); });
            if (holds && assignment->conditions.empty() != is_conditional) {
                added[assignment->name].push_back({.assignment = *assignment, .is_text = false});
            }
        }
    }
    for (auto &[name, values] : added) {
        std::vector<Value> &chain = chains_[std::string(name)];
        chain.insert(chain.begin(), values.begin(), values.end());
    }
}

void SettingLevels::AddText(const std::string &name, std::string value) {
    std::vector<Value> &chain = chains_[name];
    chain.insert(chain.begin(),
                 {.assignment = {.name = name,
                                 .conditions = {},
                                 .value = std::move(value),
                                 .place = {.file = "build setting " + name, .line = 0}},
                  .is_text = true});
}

std::expected<std::string, std::string> SettingLevels::Text(std::string_view name) const {
    SettingEvaluation evaluation(*this);
    return evaluation.Result(evaluation.Value(name, 0));
}

std::expected<std::vector<std::string>, std::string> SettingLevels::Words(
    std::string_view name) const {
    SettingEvaluation evaluation(*this);
    return evaluation.Result(evaluation.WordsOfValue(name, 0));
}

std::expected<std::string, std::string> SettingLevels::Expand(std::string_view text) const {
    SettingEvaluation evaluation(*this);
    return evaluation.Result(evaluation.Text(text, {}));
}

std::expected<std::vector<std::string>, std::string> SettingLevels::ExpandWords(
    std::string_view text) const {
    SettingEvaluation evaluation(*this);
    return evaluation.Result(evaluation.Words(text, {}));
}

SourcePlace SettingLevels::PlaceOf(std::string_view name) const {
    const auto chain = chains_.find(name);
    return chain == chains_.end() ? SourcePlace() : chain->second.front().assignment.place;
}

std::vector<std::string> SettingLevels::Names() const {
    std::vector<std::string> names;
    for (const auto &[name, chain] : chains_) {
        names.push_back(name);
    }
    return names;
}

}  // namespace opendext::toolchain
