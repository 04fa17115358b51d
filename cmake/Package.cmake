# SPDX-License-Identifier: Apache-2.0
# What others use of OpenDext, in the build tree and installed: programs, libraries, the SDK, and find_package(OpenDext).
# Both have bin/, lib/ and lib/cmake/OpenDext; the SDK is sdk/ in a build tree and share/opendext/sdk installed.
include(CMakePackageConfigHelpers)

if(NOT OPENDEXT_FUZZ AND TARGET opendext)
    set(package "${PROJECT_BINARY_DIR}/lib/cmake/OpenDext")
    configure_file("${PROJECT_SOURCE_DIR}/cmake/OpenDextConfig.cmake.in" "${package}/OpenDextConfig.cmake" @ONLY)
    write_basic_package_version_file("${package}/OpenDextConfigVersion.cmake" COMPATIBILITY SameMinorVersion)

    install(TARGETS opendext opendextd opendext-host opendext-device iig RUNTIME DESTINATION bin)
    install(TARGETS ${OPENDEXT_SHARED_LIBRARIES} opendext-testing LIBRARY DESTINATION lib)
    install(DIRECTORY "${package}" DESTINATION lib/cmake)
    install(DIRECTORY "${OPENDEXT_SDK_DIR}/" DESTINATION share/opendext/sdk)
endif()
