# SPDX-License-Identifier: Apache-2.0
# Language, warnings and sanitizers for all of our own code.

set(OPENDEXT_SANITIZE "" CACHE STRING "Value of -fsanitize= for everything, or empty")
option(OPENDEXT_FUZZ "Build the fuzz targets with libFuzzer, and no tests" OFF)

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON)
set(CMAKE_C_STANDARD 17)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/archive")
set_property(GLOBAL PROPERTY USE_FOLDERS ON)

set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-g -fno-omit-frame-pointer")
set(CMAKE_CXX_FLAGS_DEBUG "-g -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS")

add_compile_options(
    -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough -Wformat=2 -Wcast-qual
    -Wpointer-arith -Wvla -Wundef -Wno-missing-designated-field-initializers -Werror)
add_link_options(-fuse-ld=lld -Wl,--no-undefined -Wl,--as-needed)
add_compile_definitions(_GNU_SOURCE)
include_directories("${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")

if(OPENDEXT_SANITIZE)
    # function and vptr compare type information between images; a dext and its runtime are two.
    set(sanitize "-fsanitize=${OPENDEXT_SANITIZE}" -fno-sanitize=function,vptr -fno-sanitize-recover=all)
    add_compile_options(${sanitize} -g1)
    if(OPENDEXT_FUZZ)
        add_compile_options(-fsanitize=fuzzer-no-link)
    endif()
    # Without optimisation, ThreadSanitizer and fuzzers are too slow to run. The others are fast enough, and
    # optimising their checks takes three times as long to compile.
    if(OPENDEXT_FUZZ OR OPENDEXT_SANITIZE MATCHES "thread")
        add_compile_options(-O1)
    endif()
    add_link_options(${sanitize})
    # A shared library takes the sanitizer's symbols from the program, so they are undefined in it.
    get_property(link_options DIRECTORY PROPERTY LINK_OPTIONS)
    list(REMOVE_ITEM link_options "-Wl,--no-undefined")
    set_property(DIRECTORY PROPERTY LINK_OPTIONS ${link_options})
endif()
