# SPDX-License-Identifier: Apache-2.0
# Libraries from the system's packages, as targets:
#   fmt::fmt  CLI11::CLI11  nlohmann_json::nlohmann_json  GTest::gtest GTest::gmock  benchmark::benchmark
#   PkgConfig::libsystemd  PkgConfig::libplist  PkgConfig::libxml2  PkgConfig::libyaml  PkgConfig::libusb  PkgConfig::fuse3  PkgConfig::libcrypto
#   blocks_runtime (libBlocksRuntime, with -fblocks)  libclang (libclang-19)
# `./dev` installs the packages.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
pkg_check_modules(libsystemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(libplist REQUIRED IMPORTED_TARGET libplist-2.0)
pkg_check_modules(libxml2 REQUIRED IMPORTED_TARGET libxml-2.0)
pkg_check_modules(libyaml REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(fuse3 REQUIRED IMPORTED_TARGET fuse3)
pkg_check_modules(libusb REQUIRED IMPORTED_TARGET libusb-1.0)
pkg_check_modules(libcrypto REQUIRED IMPORTED_TARGET libcrypto)

find_library(OPENDEXT_BLOCKS_RUNTIME BlocksRuntime REQUIRED)
add_library(blocks_runtime INTERFACE)
target_compile_options(blocks_runtime INTERFACE -fblocks)
target_link_libraries(blocks_runtime INTERFACE "${OPENDEXT_BLOCKS_RUNTIME}")

set(OPENDEXT_LLVM_ROOT "/usr/lib/llvm-19" CACHE PATH "Where LLVM 19 is installed")
find_library(OPENDEXT_LIBCLANG NAMES clang clang-19 PATHS "${OPENDEXT_LLVM_ROOT}/lib" NO_DEFAULT_PATH REQUIRED)
add_library(libclang INTERFACE)
# -idirafter: that folder may also hold libc++abi's headers, which must not come before libstdc++'s.
target_compile_options(libclang INTERFACE "SHELL:-idirafter ${OPENDEXT_LLVM_ROOT}/include")
target_link_libraries(libclang INTERFACE "${OPENDEXT_LIBCLANG}")
