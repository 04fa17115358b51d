// SPDX-License-Identifier: Apache-2.0
#error "the specification excludes this folder"
