// SPDX-License-Identifier: Apache-2.0
// libusb_measure TRANSFERS AT_A_TIME RUNS: what mass-storage-app's "measure" does, with libusb alone: reads from the
// start of the USB disk by one READ(10) and bulk transfers of 64 KiB, so many at a time. Prints the best run in MB/s.
#include <libusb.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr uint16_t kVendor = 0x46F4;
constexpr uint16_t kProduct = 0x0001;
constexpr int kTransferBytes = 64 * 1024;
constexpr int kBlockBytes = 512;
constexpr int kCommandBytes = 31;
constexpr int kStatusBytes = 13;
constexpr unsigned kTimeoutMs = 100000;

class Disk {
public:
    ~Disk() {
        if (device_ != nullptr) {
            libusb_release_interface(device_, 0);
            libusb_close(device_);
        }
        libusb_exit(nullptr);
    }

    bool Open() {
        if (libusb_init(nullptr) != 0) {
            return false;
        }
        device_ = libusb_open_device_with_vid_pid(nullptr, kVendor, kProduct);
        return device_ != nullptr && libusb_set_auto_detach_kernel_driver(device_, 1) == 0 &&
               libusb_claim_interface(device_, 0) == 0 && FindEndpoints();
    }

    /// @return MB/s, or 0 after an error.
    double Measure(int num_transfers, int num_at_a_time) {
        const auto start = std::chrono::steady_clock::now();
        if (!SendRead(static_cast<uint32_t>(num_transfers) * kTransferBytes)) {
            return 0;
        }
        num_left_ = num_transfers;
        num_under_way_ = 0;
        std::vector<libusb_transfer *> transfers;
        std::vector<uint8_t> memory(kTransferBytes);
        for (int i = 0; i < num_at_a_time && num_left_ > 0; ++i) {
            transfers.push_back(libusb_alloc_transfer(0));
            libusb_fill_bulk_transfer(transfers.back(), device_, in_, memory.data(), kTransferBytes,
                                      &OnDone, this, kTimeoutMs);
            Start(transfers.back());
        }
        while (num_under_way_ > 0) {
            libusb_handle_events(nullptr);
        }
        std::for_each(transfers.begin(), transfers.end(), &libusb_free_transfer);
        if (has_failed_ || !ReceiveStatus()) {
            return 0;
        }
        const std::chrono::duration<double, std::micro> time =
            std::chrono::steady_clock::now() - start;
        return static_cast<double>(num_transfers) * kTransferBytes / time.count();
    }

private:
    static void LIBUSB_CALL OnDone(libusb_transfer *transfer) {
        auto *const disk = static_cast<Disk *>(transfer->user_data);
        --disk->num_under_way_;
        if (transfer->status != LIBUSB_TRANSFER_COMPLETED ||
            transfer->actual_length != kTransferBytes) {
            disk->has_failed_ = true;
        } else if (disk->num_left_ > 0) {
            disk->Start(transfer);
        }
    }

    void Start(libusb_transfer *transfer) {
        --num_left_;
        if (libusb_submit_transfer(transfer) == 0) {
            ++num_under_way_;
        } else {
            has_failed_ = true;
        }
    }

    bool FindEndpoints() {
        libusb_config_descriptor *configuration = nullptr;
        if (libusb_get_active_config_descriptor(libusb_get_device(device_), &configuration) != 0) {
            return false;
        }
        const libusb_interface_descriptor &setting = configuration->interface->altsetting[0];
        for (int i = 0; i < setting.bNumEndpoints; ++i) {
            const uint8_t address = setting.endpoint[i].bEndpointAddress;
            ((address & LIBUSB_ENDPOINT_IN) != 0 ? in_ : out_) = address;
        }
        libusb_free_config_descriptor(configuration);
        return in_ != 0 && out_ != 0;
    }

    bool SendRead(uint32_t num_bytes) {
        const uint32_t num_blocks = num_bytes / kBlockBytes;
        std::array<uint8_t, kCommandBytes> block = {'U', 'S', 'B', 'C', 1, 0, 0, 0};
        std::memcpy(&block[8], &num_bytes, sizeof(num_bytes));
        block[12] = 0x80;
        block[14] = 10;
        block[15] = 0x28;
        block[22] = static_cast<uint8_t>(num_blocks >> 8);
        block[23] = static_cast<uint8_t>(num_blocks);
        int done = 0;
        return libusb_bulk_transfer(device_, out_, block.data(), kCommandBytes, &done,
                                    kTimeoutMs) == 0;
    }

    bool ReceiveStatus() {
        std::array<uint8_t, kStatusBytes> status{};
        int done = 0;
        return libusb_bulk_transfer(device_, in_, status.data(), kStatusBytes, &done, kTimeoutMs) ==
                   0 &&
               done == kStatusBytes && status[kStatusBytes - 1] == 0;
    }

    libusb_device_handle *device_ = nullptr;
    uint8_t in_ = 0;
    uint8_t out_ = 0;
    int num_left_ = 0;
    int num_under_way_ = 0;
    bool has_failed_ = false;
};

}  // namespace

int main(int argc, char **argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: libusb_measure TRANSFERS AT_A_TIME RUNS\n");
        return 2;
    }
    Disk disk;
    if (!disk.Open()) {
        std::fprintf(stderr, "libusb_measure: no USB disk\n");
        return 1;
    }
    double best = 0;
    for (int i = 0; i < std::atoi(argv[3]); ++i) {
        const double speed = disk.Measure(std::atoi(argv[1]), std::atoi(argv[2]));
        if (speed == 0) {
            std::fprintf(stderr, "libusb_measure: cannot read\n");
            return 1;
        }
        best = std::max(best, speed);
    }
    std::printf("%.2f MB/s\n", best);
    return 0;
}
