// SPDX-License-Identifier: Apache-2.0
/// @file TargetConditionals.h
/// What the code is compiled for. A driver is compiled with TARGET_OS_DRIVERKIT defined to 1 on the command line;
/// everything else is an application of the desktop system.
#ifndef OPENDEXT_LIBC_TARGETCONDITIONALS_H
#define OPENDEXT_LIBC_TARGETCONDITIONALS_H

#ifndef TARGET_OS_DRIVERKIT
#define TARGET_OS_DRIVERKIT 0
#endif

#define TARGET_OS_MAC 1
#if TARGET_OS_DRIVERKIT
#define TARGET_OS_OSX 0
#else
#define TARGET_OS_OSX 1
#endif
#define TARGET_OS_IPHONE 0
#define TARGET_OS_IOS 0
#define TARGET_OS_WATCH 0
#define TARGET_OS_TV 0
#define TARGET_OS_VISION 0
#define TARGET_OS_BRIDGE 0
#define TARGET_OS_MACCATALYST 0
#define TARGET_OS_SIMULATOR 0
#define TARGET_OS_EMBEDDED 0
#define TARGET_OS_UNIX 0
#define TARGET_OS_WIN32 0
#define TARGET_OS_WINDOWS 0
#define TARGET_OS_LINUX 0

#if defined(__x86_64__)
#define TARGET_CPU_X86_64 1
#define TARGET_CPU_ARM64 0
#elif defined(__aarch64__)
#define TARGET_CPU_X86_64 0
#define TARGET_CPU_ARM64 1
#endif
#define TARGET_CPU_X86 0
#define TARGET_CPU_ARM 0
#define TARGET_RT_64_BIT 1
#define TARGET_RT_LITTLE_ENDIAN 1
#define TARGET_RT_BIG_ENDIAN 0

#endif
