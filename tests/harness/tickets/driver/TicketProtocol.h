// SPDX-License-Identifier: Apache-2.0
#ifndef TICKET_PROTOCOL_H
#define TICKET_PROTOCOL_H

/// Selectors of TicketClient.
enum TicketSelector {
    kTicketTake =
        0,  ///< Gives the next ticket, one scalar; two clients at once may get the same one.
    kTicketTakeLocked = 1,  ///< The same, as it should be.
    kTicketBuffer = 2,      ///< The result of IOBufferMemoryDescriptor::Create.
    kTicketMemory = 3,      ///< Gives one scalar: 1 when IONewZero gave memory.
    kTicketWait = 4,        ///< Sleeps 10 minutes, and logs kTicketWaitLine.
    kTicketStrand = 5,      ///< Takes a ticket while it holds a lock that is no IOLock.
};

#define kTicketWaitLine "TicketClient has slept"

#endif
