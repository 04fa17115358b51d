// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

/// Whether a project's text can name files outside of its own folder: such a text would have a fuzzer read the
/// machine that it runs on.
inline bool NamesOtherFolders(std::string_view text) {
    if (text.find("..") != std::string_view::npos) {
        return true;
    }
    for (size_t at = text.find('/'); at != std::string_view::npos; at = text.find('/', at + 1)) {
        constexpr std::string_view kBeforeAWord = " \t\r\n\v\f=\"'([{,:;<>\\";
        const bool is_comment =
            text.substr(at).starts_with("/*") || text.substr(at).starts_with("//");
        if (!is_comment && (at == 0 || kBeforeAWord.find(text[at - 1]) != std::string_view::npos)) {
            return true;
        }
    }
    return false;
}
