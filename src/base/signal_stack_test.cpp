// SPDX-License-Identifier: Apache-2.0
#include "base/signal_stack.h"

#include <csignal>
#include <thread>

#include <gtest/gtest.h>

namespace opendext {
namespace {

stack_t StackOfThisThread() {
    stack_t stack = {};
    EXPECT_EQ(sigaltstack(nullptr, &stack), 0);
    return stack;
}

bool HasStack() {
    return (StackOfThisThread().ss_flags & SS_DISABLE) == 0;
}

TEST(SignalStackTest, ThreadWithoutOne_HasOneForAsLongAsTheObjectLives) {
    std::thread([] {
        const bool had_one = HasStack();  // of a sanitizer
        {
            const SignalStack stack;
            EXPECT_TRUE(HasStack());
        }
        EXPECT_EQ(HasStack(), had_one);
    }).join();
}

TEST(SignalStackTest, ThreadWithOne_KeepsIt) {
    std::thread([] {
        const SignalStack first;
        const void *const memory = StackOfThisThread().ss_sp;
        {
            const SignalStack second;
            EXPECT_EQ(StackOfThisThread().ss_sp, memory);
        }
        EXPECT_EQ(StackOfThisThread().ss_sp, memory);
    }).join();
}

}  // namespace
}  // namespace opendext
