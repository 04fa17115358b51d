// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IOCommand.h>

#include <new>
#include <utility>

struct IOCommand_IVars {
    queue_chain_t link = {};  // first: a link's address is that of the ivars
    IOCommand *command = nullptr;
};

bool IOCommand::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOCommand_IVars;
    if (ivars != nullptr) {
        ivars->command = this;
    }
    return ivars != nullptr;
}

void IOCommand::free() {
    delete std::exchange(ivars, nullptr);
    super::free();
}

queue_chain_t *IOCommand::CommandChain() {
    return &ivars->link;
}

IOCommand *IOCommand::FromChain(queue_chain_t *link) {
    return link != nullptr ? reinterpret_cast<IOCommand_IVars *>(link)->command : nullptr;
}
