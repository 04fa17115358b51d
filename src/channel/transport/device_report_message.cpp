// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/device_report_message.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <iterator>
#include <limits>
#include <span>

namespace opendext::channel {

namespace {

constexpr size_t kNumDeviceWords = 14;
constexpr size_t kNumTexts = 3;
constexpr size_t kInterfaceWords = 8;
constexpr size_t kMaxTextLength = 1024;  // a string descriptor has at most 126 characters
constexpr uint8_t kMaxSpeed = 4;
constexpr uint8_t kMaxAddress = 127;

/// Takes words one after the other, each within its field.
class WordReader {
public:
    explicit WordReader(std::span<const uint64_t> words) : words_(words) {}

    [[nodiscard]] bool is_ok() const { return is_ok_; }

    template <typename Field>
    void Read(Field *field, uint64_t last = std::numeric_limits<Field>::max(), uint64_t first = 0) {
        if (words_.empty() || words_.front() > last || words_.front() < first) {
            is_ok_ = false;
            return;
        }
        *field = static_cast<Field>(words_.front());
        words_ = words_.subspan(1);
    }

private:
    std::span<const uint64_t> words_;
    bool is_ok_ = true;
};

bool IsShort(const std::string &text) {
    return text.size() <= kMaxTextLength;
}

bool ReadDevice(const DeviceReportWords &words, UsbDeviceReport *report) {
    WordReader reader(words.device);
    reader.Read(&report->speed, kMaxSpeed);
    reader.Read(&report->address, kMaxAddress, 1);
    reader.Read(&report->location);
    reader.Read(&report->usb_version);
    reader.Read(&report->vendor);
    reader.Read(&report->product);
    reader.Read(&report->device_version);
    reader.Read(&report->device_class);
    reader.Read(&report->device_subclass);
    reader.Read(&report->device_protocol);
    reader.Read(&report->max_packet_bytes0);
    reader.Read(&report->manufacturer_index);
    reader.Read(&report->product_index);
    reader.Read(&report->serial_index);
    return reader.is_ok();
}

void ReadInterface(WordReader &reader, UsbInterfaceReport *interface) {
    reader.Read(&interface->number);
    reader.Read(&interface->alternate);
    reader.Read(&interface->interface_class);
    reader.Read(&interface->interface_subclass);
    reader.Read(&interface->interface_protocol);
    reader.Read(&interface->num_endpoints);
    reader.Read(&interface->name_index);
}

std::array<uint64_t, kInterfaceWords - 1> WordsOf(const UsbInterfaceReport &interface) {
    return {interface.number,
            interface.alternate,
            interface.interface_class,
            interface.interface_subclass,
            interface.interface_protocol,
            interface.num_endpoints,
            interface.name_index};
}

bool ReadConfigurations(const DeviceReportWords &words, UsbDeviceReport *report) {
    std::bitset<256> seen;
    for (const uint64_t value : words.configurations) {
        if (value == 0 || value >= seen.size() || seen.test(value)) {
            return false;
        }
        seen.set(value);
        report->configurations.push_back({.value = static_cast<uint8_t>(value), .interfaces = {}});
    }
    return true;
}

bool ReadInterfaces(const DeviceReportWords &words, UsbDeviceReport *report) {
    std::vector<std::bitset<256>> seen(report->configurations.size());
    for (size_t i = 0; i < words.interfaces.size(); i += kInterfaceWords) {
        WordReader reader(std::span(words.interfaces).subspan(i, kInterfaceWords));
        size_t configuration = 0;
        UsbInterfaceReport interface;
        reader.Read(&configuration);
        ReadInterface(reader, &interface);
        if (!reader.is_ok() || configuration >= seen.size() ||
            seen[configuration].test(interface.number)) {
            return false;
        }
        seen[configuration].set(interface.number);
        interface.name = words.interface_names[i / kInterfaceWords];
        report->configurations[configuration].interfaces.push_back(interface);
    }
    return true;
}

}  // namespace

DeviceReportWords PackDeviceReport(const UsbDeviceReport &report) {
    DeviceReportWords words;
    words.id = static_cast<uint64_t>(report.id);
    words.device = {report.speed,
                    report.address,
                    report.location,
                    report.usb_version,
                    report.vendor,
                    report.product,
                    report.device_version,
                    report.device_class,
                    report.device_subclass,
                    report.device_protocol,
                    report.max_packet_bytes0,
                    report.manufacturer_index,
                    report.product_index,
                    report.serial_index};
    words.texts = {report.manufacturer, report.product_name, report.serial};
    for (size_t i = 0; i < report.configurations.size(); ++i) {
        words.configurations.push_back(report.configurations[i].value);
        for (const UsbInterfaceReport &each : report.configurations[i].interfaces) {
            words.interfaces.push_back(i);
            std::ranges::copy(WordsOf(each), std::back_inserter(words.interfaces));
            words.interface_names.push_back(each.name);
        }
    }
    return words;
}

std::optional<UsbDeviceReport> UnpackDeviceReport(const DeviceReportWords &words) {
    constexpr size_t kMaxConfigurations = 255;
    constexpr size_t kMaxInterfaces = kMaxConfigurations * 256;
    if (words.id == 0 || words.device.size() != kNumDeviceWords ||
        words.texts.size() != kNumTexts || words.configurations.size() > kMaxConfigurations ||
        words.interfaces.size() % kInterfaceWords != 0 ||
        words.interfaces.size() / kInterfaceWords > kMaxInterfaces ||
        words.interfaces.size() / kInterfaceWords != words.interface_names.size()) {
        return std::nullopt;
    }
    UsbDeviceReport report;
    report.id = static_cast<DeviceId>(words.id);
    if (!ReadDevice(words, &report)) {
        return std::nullopt;
    }
    if (!std::ranges::all_of(words.texts, IsShort) ||
        !std::ranges::all_of(words.interface_names, IsShort)) {
        return std::nullopt;
    }
    report.manufacturer = words.texts[0];
    report.product_name = words.texts[1];
    report.serial = words.texts[2];
    if (!ReadConfigurations(words, &report) || !ReadInterfaces(words, &report)) {
        return std::nullopt;
    }
    return report;
}

void WriteDeviceReport(MessageWriter &writer, const UsbDeviceReport &report) {
    const DeviceReportWords words = PackDeviceReport(report);
    writer.U64(words.id);
    writer.U64List(words.device);
    writer.TextList(words.texts);
    writer.U64List(words.configurations);
    writer.U64List(words.interfaces);
    writer.TextList(words.interface_names);
}

UsbDeviceReport ReadDeviceReport(MessageReader &reader) {
    DeviceReportWords words;
    words.id = reader.U64();
    words.device = reader.U64List(kNumDeviceWords);
    words.texts = reader.TextList(kNumTexts);
    words.configurations = reader.U64List();
    words.interfaces = reader.U64List();
    words.interface_names = reader.TextList();
    auto report = reader.is_ok() ? UnpackDeviceReport(words) : std::nullopt;
    if (!report) {
        reader.Fail();
        return {};
    }
    return *std::move(report);
}

void WriteInterfaceReport(MessageWriter &writer, const UsbInterfaceReport &report) {
    writer.U64List(WordsOf(report));
    writer.Text(report.name);
}

UsbInterfaceReport ReadInterfaceReport(MessageReader &reader) {
    const std::vector<uint64_t> words = reader.U64List(kInterfaceWords - 1);
    UsbInterfaceReport report;
    report.name = reader.Text();
    WordReader word_reader(words);
    ReadInterface(word_reader, &report);
    if (reader.is_ok() && (!word_reader.is_ok() || !IsShort(report.name))) {
        reader.Fail();
    }
    return report;
}

}  // namespace opendext::channel
