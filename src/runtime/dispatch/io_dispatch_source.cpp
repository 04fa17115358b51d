// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IODispatchSource.h>

bool IODispatchSource::init() {
    return super::init();
}

void IODispatchSource::free() {
    super::free();
}

kern_return_t IODispatchSource::SetEnable_Impl(bool enable) {
    return SetEnableWithCompletion(enable, nullptr);
}
