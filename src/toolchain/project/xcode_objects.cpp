// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcode_objects.h"

#include "toolchain/project/text_file.h"

namespace opendext::toolchain {

std::expected<XcodeObjects, std::string> XcodeObjects::Read(const std::filesystem::path &file) {
    const auto text = ReadTextFile(file);
    if (!text) {
        return std::unexpected(text.error());
    }
    return Parse(*text, file);
}

std::expected<XcodeObjects, std::string> XcodeObjects::Parse(std::string_view text,
                                                             const std::filesystem::path &file) {
    auto root = ParseOpenStepList(text, file);
    if (!root) {
        return std::unexpected(std::move(root.error()));
    }
    XcodeObjects objects(*std::move(root), file);
    const SourcePlace place{.file = file, .line = 1};
    const OpenStepValue *all = objects.root_.Find("objects");
    if (all == nullptr || all->IfDictionary() == nullptr) {
        return std::unexpected(place.Error("has no 'objects'; is it a project of Xcode?"));
    }
    objects.project_ = objects.Follow(objects.root_, "rootObject");
    if (objects.project_ == nullptr || objects.project_->Text("isa") != "PBXProject") {
        return std::unexpected(
            place.Error("'rootObject' names no PBXProject; save the project with Xcode"));
    }
    return objects;
}

const OpenStepValue *XcodeObjects::Find(std::string_view id) const {
    const OpenStepValue *object = root_.Find("objects")->Find(id);
    return object == nullptr || object->IfDictionary() == nullptr ? nullptr : object;
}

const OpenStepValue *XcodeObjects::Follow(const OpenStepValue &object, std::string_view key) const {
    return Find(object.Text(key));
}

std::vector<std::string> XcodeObjects::Ids(const OpenStepValue &object, std::string_view key) {
    std::vector<std::string> ids;
    const OpenStepValue *list = object.Find(key);
    if (list == nullptr || list->IfArray() == nullptr) {
        return ids;
    }
    for (const OpenStepValue &id : *list->IfArray()) {
        if (id.IfString() != nullptr) {
            ids.push_back(*id.IfString());
        }
    }
    return ids;
}

std::vector<const OpenStepValue *> XcodeObjects::FollowAll(const OpenStepValue &object,
                                                           std::string_view key) const {
    std::vector<const OpenStepValue *> found;
    for (const std::string &id : Ids(object, key)) {
        if (const OpenStepValue *value = Find(id)) {
            found.push_back(value);
        }
    }
    return found;
}

}  // namespace opendext::toolchain
