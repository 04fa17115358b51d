// SPDX-License-Identifier: Apache-2.0
// What golden/good/Plain.iig includes; not on iig's path.
#pragma once
