// SPDX-License-Identifier: Apache-2.0
#error "an exception keeps this file out of the target"
