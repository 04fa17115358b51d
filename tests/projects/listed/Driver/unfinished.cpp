// SPDX-License-Identifier: Apache-2.0
#error "this file belongs to no target"
