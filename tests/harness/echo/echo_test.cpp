// SPDX-License-Identifier: Apache-2.0
// Tests of a driver that lives in a project: samples/echo, by its project.yml.
#include <chrono>

#include <opendext/testing.h>

#include "EchoProtocol.h"

using namespace std::chrono_literals;

class EchoTest : public opendext::test::DriverTest {};

TEST_F(EchoTest, Structure_IsAnswered) {
    LoadDriver();
    const auto client = Open("EchoService");
    const auto answer = client.CallStruct<EchoPair>(kEchoStruct, EchoPair{1, 2});
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->left, 2U);
    EXPECT_EQ(answer->right, 12U);
}

TEST_F(EchoTest, Event_ComesWhenItsTimeHasCome) {
    LoadDriver();
    system().FreezeTime();
    const auto client = Open("EchoService");
    const auto events =
        client.CallAsync(kEchoSubscribe, {.structure = opendext::test::BytesOf(EchoPair{1, 2}),
                                          .structure_out_bytes = sizeof(EchoPair)});
    ASSERT_EQ(events->result().status, kIOReturnSuccess);
    system().AdvanceTime(std::chrono::milliseconds(kEchoDelayMilliseconds) - 1ns);
    EXPECT_EQ(events->completions().size(), 0U);
    system().AdvanceTime(1ns);
    ASSERT_TRUE(events->Wait());
    EXPECT_EQ(events->completions().front().words.at(kEchoEventRight), 12U);
}
