// SPDX-License-Identifier: Apache-2.0
// The toolkit's templates as a driver instantiates them; compiled with the strictest options, never run.
#include <opendext/toolkit.h>

namespace opendext::toolkit {

struct Pair {
    uint64_t left;
    uint64_t right;
};

template kern_return_t MethodInput::ReadValue<Pair>(Pair *);
template kern_return_t MethodOutput::AppendValue<Pair>(const Pair &);
template kern_return_t MethodOutput::AppendValue<uint8_t>(const uint8_t &);

}  // namespace opendext::toolkit
