// SPDX-License-Identifier: Apache-2.0
#error "the target takes one file of this folder, and not this one"
