// SPDX-License-Identifier: Apache-2.0
/// @file FpgaCard.h
/// The card, as an application uses it.
#ifndef FPGA_CARD_H
#define FPGA_CARD_H

#include <IOKit/IOKitLib.h>
#include <stddef.h>
#include <stdint.h>

#include <string>

/// A connection to the Fpga driver. Calls return when the bytes have moved. Any thread; calls of
/// one connection are served one at a time.
class FpgaCard {
public:
    FpgaCard() = default;
    ~FpgaCard();
    FpgaCard(const FpgaCard &) = delete;
    FpgaCard &operator=(const FpgaCard &) = delete;

    /// Connects to the first card. Before any other call. kIOReturnNoDevice: no driver has a card.
    [[nodiscard]] kern_return_t open();

    /// From the card's RAM at `address` into `buffer`, or back: `size` bytes, any number, any
    /// alignment.
    /// @return kIOReturnSuccess, or the error of FpgaProtocol.h; after an error any part may have
    /// moved.
    [[nodiscard]] kern_return_t read(uint64_t address, size_t size, void *buffer);
    [[nodiscard]] kern_return_t write(uint64_t address, size_t size, const void *buffer);

    uint64_t ramBytes() const { return ramBytes_; }
    uint32_t version() const { return version_; }

    /// For calls that this class does not make.
    io_connect_t connection() const { return connection_; }

private:
    io_connect_t connection_ = IO_OBJECT_NULL;
    uint64_t ramBytes_ = 0;
    uint32_t version_ = 0;
};

/// What an error means and what to do, in one line.
std::string describeError(kern_return_t error);

#endif
