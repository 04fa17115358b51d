# SPDX-License-Identifier: Apache-2.0
# The functions that every room's CMakeLists.txt is written with.
#
#   opendext_library(NAME SOURCES a.cpp ... [DEPENDS lib ...] [IIG Framework/Class ...]
#                    [TESTS a_test.cpp ...] [TEST_DEPENDS lib ...])
#       A static library, and from TESTS one GoogleTest program NAME_test. IIG compiles the generated
#       implementation of those SDK classes into the library. No SOURCES and no IIG: header-only.
#   opendext_program(NAME SOURCES main.cpp ... [DEPENDS lib ...] [STATIC])
#       A program in build/<preset>/bin. It uses our shared libraries, unless STATIC.
#   opendext_test(NAME SOURCES a_test.cpp ... [DEPENDS lib ...] [SHARED])
#       A GoogleTest program. It uses our static libraries, unless SHARED: needed when the test loads a dext.
#   opendext_fuzzer(NAME SOURCES x_fuzz.cpp [DEPENDS lib ...])
#       A libFuzzer program under the fuzz preset. Under the others it replays fuzz/corpus/NAME as a test.
#   opendext_framework_iig(FRAMEWORK Class ...)
#       Generates sdk/FRAMEWORK/Class.h and the implementation from sdk/FRAMEWORK/Class.iig.
#   opendext_sdk
#       Depend on this target to include <DriverKit/...>: the generated SDK in build/<preset>/sdk.
#
# Test programs see OPENDEXT_BUILD_DIR and OPENDEXT_SOURCE_DIR as string macros.

set(OPENDEXT_SDK_DIR "${PROJECT_BINARY_DIR}/sdk")
set(OPENDEXT_IIG_DIR "${PROJECT_BINARY_DIR}/iig-implementation")

# Which shared library carries which static ones. No static library has two carriers: a process that
# loads both would have its globals twice.
set(OPENDEXT_SHARED_LIBRARIES opendext-base opendext-runtime opendext-iokit)
set(opendext-base_MEMBERS opendext_base opendext_client_memory opendext_wire opendext_transport)
set(opendext-runtime_MEMBERS
    opendext_diagnostics opendext_object opendext_dispatch opendext_memory opendext_service opendext_pci opendext_usb
    opendext_backends)
set(opendext-iokit_MEMBERS opendext_iokit opendext_corefoundation)

# add_subdirectory for each folder that has a CMakeLists.txt; of a folder that has none, for each folder in it
# that has one. CMake's own files go to build/<preset>/rooms: build/<preset>/sdk is the SDK and nothing else.
function(opendext_add_rooms)
    foreach(room IN LISTS ARGN)
        set(folder "${CMAKE_CURRENT_SOURCE_DIR}/${room}")
        # Configure again when a room appears.
        file(GLOB files CONFIGURE_DEPENDS "${folder}/CMakeLists.txt")
        if(NOT files)
            file(GLOB files CONFIGURE_DEPENDS "${folder}/*/CMakeLists.txt")
        endif()
        foreach(file IN LISTS files)
            get_filename_component(found "${file}" DIRECTORY)
            string(REPLACE "${PROJECT_SOURCE_DIR}/" "" path "${found}")
            add_subdirectory("${found}" "${PROJECT_BINARY_DIR}/rooms/${path}")
        endforeach()
    endforeach()
endfunction()

# Sets `out` to `libraries`, each one that a shared library carries replaced by a choice that is made when a
# program is linked: the shared library if the program says OPENDEXT_SHARED, else the static one.
function(opendext_choose_libraries out)
    set(chosen)
    foreach(library IN LISTS ARGN)
        set(choice "${library}")
        foreach(carrier IN LISTS OPENDEXT_SHARED_LIBRARIES)
            if(library IN_LIST ${carrier}_MEMBERS)
                set(is_carrier "$<STREQUAL:$<TARGET_PROPERTY:OPENDEXT_CARRIER>,${carrier}>")
                set(use_shared "$<BOOL:$<TARGET_PROPERTY:OPENDEXT_SHARED>>")
                set(choice "$<IF:$<AND:${use_shared},$<NOT:${is_carrier}>>,${carrier},${library}>")
            endif()
        endforeach()
        list(APPEND chosen "${choice}")
    endforeach()
    set(${out} "${chosen}" PARENT_SCOPE)
endfunction()

# What most of our sources include, parsed once for each target: half of the time that a build takes. A source
# includes what it uses all the same.
set(OPENDEXT_PRECOMPILED_HEADERS
    <algorithm> <atomic> <chrono> <condition_variable> <expected> <filesystem> <functional> <map> <memory> <mutex>
    <optional> <span> <string> <thread> <vector> <fmt/format.h>)

# opendext_precompile(TARGET SOURCES-LIST [header...]): not worth it for a target of few sources.
function(opendext_precompile target sources)
    list(LENGTH sources count)
    if(count LESS 3)
        return()
    endif()
    set(headers)
    foreach(header IN LISTS OPENDEXT_PRECOMPILED_HEADERS ARGN)
        string(REPLACE ">" "$<ANGLE-R>" header "${header}")
        list(APPEND headers "$<$<COMPILE_LANGUAGE:CXX>:${header}>")
    endforeach()
    target_precompile_headers(${target} PRIVATE ${headers})
    target_link_libraries(${target} PRIVATE fmt::fmt)
endfunction()

# A source that is not there fails when its own target is built, not the configuration of everything.
function(opendext_tolerate_missing)
    foreach(file IN LISTS ARGN)
        get_filename_component(path "${file}" ABSOLUTE)
        if(NOT EXISTS "${path}")
            get_source_file_property(generated "${path}" GENERATED)
            if(NOT generated)
                message(WARNING "no such file: ${path}")
                set_source_files_properties("${path}" PROPERTIES GENERATED TRUE)
            endif()
        endif()
    endforeach()
endfunction()

function(opendext_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;IIG;TESTS;TEST_DEPENDS")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "opendext_library(${name}): unknown argument ${arg_UNPARSED_ARGUMENTS}")
    endif()
    opendext_choose_libraries(depends ${arg_DEPENDS})
    set(sources ${arg_SOURCES})
    foreach(class IN LISTS arg_IIG)
        if(TARGET iig)
            list(APPEND sources "${OPENDEXT_IIG_DIR}/${class}.iig.cpp")
            set_source_files_properties("${OPENDEXT_IIG_DIR}/${class}.iig.cpp" PROPERTIES GENERATED TRUE)
        endif()
    endforeach()
    opendext_tolerate_missing(${arg_SOURCES})
    if(sources)
        add_library(${name} STATIC ${sources})
        target_link_libraries(${name} PUBLIC ${depends})
        opendext_precompile(${name} "${sources}")
        # A call goes through small functions of many sources; inlined across them it takes a tenth less.
        target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-flto=thin>)
        if(arg_IIG)
            target_link_libraries(${name} PUBLIC opendext_sdk)
        endif()
    else()
        add_library(${name} INTERFACE)
        target_link_libraries(${name} INTERFACE ${depends})
    endif()
    if(arg_TESTS)
        opendext_test(${name}_test SOURCES ${arg_TESTS} DEPENDS ${name} ${arg_TEST_DEPENDS})
    endif()
endfunction()

function(opendext_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "STATIC" "" "SOURCES;DEPENDS")
    opendext_choose_libraries(depends ${arg_DEPENDS})
    opendext_tolerate_missing(${arg_SOURCES})
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE ${depends})
    if(NOT arg_STATIC)
        set_target_properties(${name} PROPERTIES OPENDEXT_SHARED TRUE)
    endif()
endfunction()

function(opendext_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "SHARED" "" "SOURCES;DEPENDS")
    if(OPENDEXT_FUZZ)
        return()
    endif()
    opendext_choose_libraries(depends ${arg_DEPENDS})
    opendext_tolerate_missing(${arg_SOURCES})
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE ${depends} GTest::gmock GTest::gtest GTest::gtest_main)
    target_compile_definitions(${name} PRIVATE
        "OPENDEXT_BUILD_DIR=\"${PROJECT_BINARY_DIR}\"" "OPENDEXT_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\"")
    opendext_precompile(${name} "${arg_SOURCES}" <gtest/gtest.h>)
    set_target_properties(${name} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests" OPENDEXT_SHARED "${arg_SHARED}")
    gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
        PROPERTIES TIMEOUT 300 LABELS "${name}")
endfunction()

add_custom_target(fuzzers)

function(opendext_fuzzer name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
    opendext_choose_libraries(depends ${arg_DEPENDS})
    set(sources ${arg_SOURCES})
    if(NOT OPENDEXT_FUZZ)
        list(APPEND sources "${PROJECT_SOURCE_DIR}/fuzz/replay_main.cpp")
    endif()
    opendext_tolerate_missing(${arg_SOURCES})
    add_executable(${name} ${sources})
    target_link_libraries(${name} PRIVATE ${depends} fmt::fmt)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
    if(OPENDEXT_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    else()
        add_test(NAME "${name}.ReplaysCorpus" COMMAND ${name} "${PROJECT_SOURCE_DIR}/fuzz/corpus/${name}")
        set_tests_properties("${name}.ReplaysCorpus" PROPERTIES TIMEOUT 300)
    endif()
    add_dependencies(fuzzers ${name})
endfunction()

# --- The SDK -------------------------------------------------------------------------------------------

add_custom_target(opendext_sdk_files)
add_library(opendext_sdk INTERFACE)
add_dependencies(opendext_sdk opendext_sdk_files)
target_include_directories(opendext_sdk SYSTEM INTERFACE "${OPENDEXT_SDK_DIR}" "${OPENDEXT_SDK_DIR}/libc")
target_link_libraries(opendext_sdk INTERFACE blocks_runtime)

function(opendext_framework_iig framework)
    if(NOT TARGET iig)
        return()
    endif()
    foreach(class IN LISTS ARGN)
        set(input "${PROJECT_SOURCE_DIR}/sdk/${framework}/${class}.iig")
        set(header "${OPENDEXT_SDK_DIR}/${framework}/${class}.h")
        set(implementation "${OPENDEXT_IIG_DIR}/${framework}/${class}.iig.cpp")
        set(scratch "${PROJECT_BINARY_DIR}/iig-scratch/${framework}/${class}")
        set(search -isystem "${PROJECT_SOURCE_DIR}/sdk" -isystem "${PROJECT_SOURCE_DIR}/sdk/libc")
        get_filename_component(scratch_folder "${scratch}" DIRECTORY)
        file(MAKE_DIRECTORY "${scratch_folder}" "${OPENDEXT_IIG_DIR}/${framework}" "${OPENDEXT_SDK_DIR}/${framework}")
        # Written aside and copied when different, so that a change without effect rebuilds nothing.
        add_custom_command(
            OUTPUT "${header}" "${implementation}"
            COMMAND "$<TARGET_FILE:iig>" --def "${input}" --header "${scratch}.h" --impl "${scratch}.iig.cpp"
                    --depfile "${scratch}.d" -MT "${header}" --framework "${framework}" ${search} -std=gnu++20
            COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${scratch}.h" "${header}"
            COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${scratch}.iig.cpp" "${implementation}"
            DEPENDS iig "${input}"
            DEPFILE "${scratch}.d"
            COMMENT "iig ${framework}/${class}.iig"
            VERBATIM)
        set_source_files_properties("${header}" "${implementation}" PROPERTIES GENERATED TRUE)
        set_property(GLOBAL APPEND PROPERTY OPENDEXT_SDK_OUTPUTS "${header}" "${implementation}")
    endforeach()
endfunction()

# Copies files of sdk/ (given relative to it) into the build's SDK, again whenever they change.
function(opendext_sdk_copy)
    foreach(file IN LISTS ARGN)
        add_custom_command(
            OUTPUT "${OPENDEXT_SDK_DIR}/${file}"
            COMMAND "${CMAKE_COMMAND}" -E copy "${PROJECT_SOURCE_DIR}/sdk/${file}" "${OPENDEXT_SDK_DIR}/${file}"
            DEPENDS "${PROJECT_SOURCE_DIR}/sdk/${file}"
            COMMENT "SDK ${file}"
            VERBATIM)
        set_property(GLOBAL APPEND PROPERTY OPENDEXT_SDK_OUTPUTS "${OPENDEXT_SDK_DIR}/${file}")
    endforeach()
endfunction()

# --- Shared libraries for drivers and applications -----------------------------------------------------

function(opendext_add_shared_libraries)
    if(OPENDEXT_FUZZ)
        return()
    endif()
    foreach(name IN LISTS OPENDEXT_SHARED_LIBRARIES)
        set(objects)
        set(members)
        foreach(member IN LISTS ${name}_MEMBERS)
            if(TARGET ${member})
                list(APPEND members ${member})
                get_target_property(type ${member} TYPE)
                if(type STREQUAL "STATIC_LIBRARY")
                    list(APPEND objects "$<TARGET_OBJECTS:${member}>")
                endif()
            endif()
        endforeach()
        if(NOT objects)
            continue()
        endif()
        add_library(${name} SHARED ${objects})
        opendext_choose_libraries(links ${members})
        target_link_libraries(${name} PRIVATE ${links} INTERFACE opendext_sdk fmt::fmt)
        # A library calls its own functions directly; nobody replaces them.
        target_link_options(${name} PRIVATE -Wl,-Bsymbolic-non-weak-functions)
        set_target_properties(${name} PROPERTIES
            OPENDEXT_SHARED TRUE OPENDEXT_CARRIER ${name} LINKER_LANGUAGE CXX)
    endforeach()
endfunction()
