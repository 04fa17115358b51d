// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/default_settings.h"

#include <utility>
#include <vector>

namespace opendext::toolchain {

namespace {

#if defined(__aarch64__)
constexpr std::string_view kArchitecture = "arm64";
#else
constexpr std::string_view kArchitecture = "x86_64";
#endif

// What follows from other settings, by kind of product.
std::vector<SettingAssignment> Derived(const ProjectTarget &target) {
    const bool is_dext = target.product_type == kDextProduct;
    const std::pair<const char *, const char *> values[] = {
        {"PRODUCT_NAME", is_dext ? "$(PRODUCT_BUNDLE_IDENTIFIER)" : "$(TARGET_NAME)"},
        {"PRODUCT_MODULE_NAME", "$(PRODUCT_NAME:c99extidentifier)"},
        {"EXECUTABLE_NAME", "$(EXECUTABLE_PREFIX)$(PRODUCT_NAME)$(EXECUTABLE_SUFFIX)"},
        {"FULL_PRODUCT_NAME", is_dext ? "$(PRODUCT_NAME).dext" : "$(PRODUCT_NAME)"},
        {"WRAPPER_EXTENSION", is_dext ? "dext" : "app"},
        {"PRODUCT_BUNDLE_PACKAGE_TYPE", is_dext ? "DEXT" : "APPL"},
        {"MARKETING_VERSION", "1.0"},
        {"CURRENT_PROJECT_VERSION", "1"},
        {"DRIVERKIT_DEPLOYMENT_TARGET", "24.0"},
        {"MACOSX_DEPLOYMENT_TARGET", "15.0"},
        {"OTHER_CPLUSPLUSFLAGS", "$(OTHER_CFLAGS)"},
        {"SAMPLE_CODE_DISAMBIGUATOR", "$(DEVELOPMENT_TEAM)"},
    };
    std::vector<SettingAssignment> level;
    for (const auto &[name, value] : values) {
        level.push_back({.name = name,
                         .conditions = {},
                         .value = value,
                         .place = {.file = std::string("build setting ") + name, .line = 0}});
    }
    return level;
}

}  // namespace

SettingLevels DefaultSettings(const ProjectTarget &target, const std::string &configuration,
                              const std::string &development_language) {
    const bool is_dext = target.product_type == kDextProduct;
    SettingLevels settings({.sdk = is_dext ? "driverkit24.0" : "macosx15.0",
                            .arch = std::string(kArchitecture),
                            .configuration = configuration});
    const std::string directory = target.directory.string();
    const std::string project = target.file.filename() == "project.pbxproj"
                                    ? target.file.parent_path().stem().string()
                                    : target.directory.filename().string();
    const std::string build = (target.directory / "build").string();
    const std::string products = build + "/" + configuration;
    const std::pair<const char *, std::string> texts[] = {
        {"TARGET_NAME", target.name},
        {"TARGETNAME", target.name},
        {"PROJECT_NAME", project},
        {"PROJECT", project},
        {"CONFIGURATION", configuration},
        {"SRCROOT", directory},
        {"SOURCE_ROOT", directory},
        {"PROJECT_DIR", directory},
        {"PROJECT_FILE_PATH", target.file.parent_path().string()},
        {"PLATFORM_NAME", is_dext ? "driverkit" : "macosx"},
        {"ARCHS", std::string(kArchitecture)},
        {"CURRENT_ARCH", std::string(kArchitecture)},
        {"BUILD_DIR", build},
        {"SYMROOT", build},
        {"OBJROOT", build},
        {"BUILT_PRODUCTS_DIR", products},
        {"TARGET_BUILD_DIR", products},
        {"CONFIGURATION_BUILD_DIR", products},
        {"DERIVED_FILE_DIR", products + "/DerivedSources"},
        {"DERIVED_SOURCES_DIR", products + "/DerivedSources"},
        {"DEVELOPMENT_LANGUAGE", development_language.empty() ? "en" : development_language},
    };
    for (const auto &[name, value] : texts) {
        settings.AddText(name, value);
    }
    settings.Add(Derived(target));
    return settings;
}

void AddOverrides(const ProjectRequest &request, SettingLevels &settings) {
    if (!request.bundle_id.empty()) {
        settings.AddText("PRODUCT_BUNDLE_IDENTIFIER", request.bundle_id);
    }
    settings.Add(request.overrides);
}

}  // namespace opendext::toolchain
