// SPDX-License-Identifier: Apache-2.0
/// @file client.h
/// The application's side of a test: services, connections and their calls, on the IOKit functions. get() gives the name
/// that an IOKit function of the test's own takes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <IOKit/IOKitLib.h>

namespace opendext::test {

/// What a call takes along, and what it has room for.
struct CallInput {
    std::vector<uint64_t> scalars;
    std::vector<std::byte> structure;
    uint32_t num_scalars_out = 0;      ///< The driver's scalarOutputCount.
    uint64_t structure_out_bytes = 0;  ///< Room for its structure.
};

/// What a call gave back. Without success there is nothing but the status.
struct CallResult {
    kern_return_t status = kIOReturnNotAttached;
    std::vector<uint64_t> scalars;
    std::vector<std::byte> structure;

    [[nodiscard]] bool ok() const { return status == kIOReturnSuccess; }

    /// The structure as a `T`; zeros where the driver gave fewer bytes.
    template <typename T>
    [[nodiscard]] T As() const {
        static_assert(std::is_trivially_copyable_v<T>);
        T value{};
        std::memcpy(&value, structure.data(), std::min(sizeof(T), structure.size()));
        return value;
    }
};

/// The bytes of a value, for CallInput::structure.
template <typename T>
[[nodiscard]] std::vector<std::byte> BytesOf(const T &value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto bytes = std::as_bytes(std::span(&value, 1));
    return {bytes.begin(), bytes.end()};
}

/// One answer to an asynchronous call.
struct Completion {
    kern_return_t status = kIOReturnSuccess;
    std::vector<uint64_t> words;
};

/// An asynchronous call and its answers, which arrive while the thread that made it waits. Answers after its end are
/// dropped.
class AsyncCall {
public:
    ~AsyncCall();
    AsyncCall(const AsyncCall &) = delete;
    AsyncCall &operator=(const AsyncCall &) = delete;

    /// What the call itself gave back. Not kIOReturnSuccess: there are no answers.
    [[nodiscard]] const CallResult &result() const { return result_; }

    /// Waits until `count` answers have come, on the thread that made the call. False: they have not within the hang guard
    /// of 30 s.
    [[nodiscard]] bool Wait(size_t count = 1);

    /// Those that have come, in their order. Takes in what has arrived, without waiting.
    [[nodiscard]] const std::vector<Completion> &completions();

private:
    friend class Client;
    AsyncCall();

    static void OnCompletion(void *self, IOReturn status, void **words, uint32_t num_words);

    const IONotificationPortRef port_;
    CallResult result_;
    std::vector<Completion> completions_;
};

/// Memory that a driver shares with the application; unmapped with this object, which ends before its Client.
class MappedMemory {
public:
    MappedMemory() = default;
    ~MappedMemory() { Unmap(); }
    MappedMemory(MappedMemory &&other) noexcept { *this = std::move(other); }
    MappedMemory &operator=(MappedMemory &&other) noexcept {
        std::swap(connect_, other.connect_);
        std::swap(type_, other.type_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }

    explicit operator bool() const { return bytes_.data() != nullptr; }
    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

    /// The memory as a `T`. It must be large enough.
    template <typename T>
    [[nodiscard]] T *As() const {
        return bytes_.size() >= sizeof(T) ? reinterpret_cast<T *>(bytes_.data()) : nullptr;
    }

    void Unmap();

private:
    friend class Client;
    MappedMemory(io_connect_t connect, uint32_t type, std::span<std::byte> bytes)
        : connect_(connect), type_(type), bytes_(bytes) {}

    io_connect_t connect_ = IO_OBJECT_NULL;
    uint32_t type_ = 0;
    std::span<std::byte> bytes_;
};

/// An open connection to a driver, closed with this object. Any thread may call.
class Client {
public:
    /// No connection: every call gives kIOReturnNotAttached.
    Client() = default;
    explicit Client(io_connect_t connect) : connect_(connect) {}
    ~Client() { Close(); }
    Client(Client &&other) noexcept : connect_(std::exchange(other.connect_, IO_OBJECT_NULL)) {}
    Client &operator=(Client &&other) noexcept {
        std::swap(connect_, other.connect_);
        return *this;
    }

    [[nodiscard]] io_connect_t get() const { return connect_; }
    explicit operator bool() const { return connect_ != IO_OBJECT_NULL; }

    /// IOConnectCallMethod.
    CallResult Call(uint32_t selector, const CallInput &input = {}) const;

    /// Scalars in, one scalar out; an error is the call's.
    [[nodiscard]] std::expected<uint64_t, kern_return_t> CallScalar(
        uint32_t selector, std::vector<uint64_t> scalars = {}) const;

    /// A structure in, a structure out; an error is the call's.
    template <typename Out, typename In>
    [[nodiscard]] std::expected<Out, kern_return_t> CallStruct(uint32_t selector,
                                                               const In &input) const {
        const CallResult result =
            Call(selector, {.structure = BytesOf(input), .structure_out_bytes = sizeof(Out)});
        if (!result.ok()) {
            return std::unexpected(result.status);
        }
        return result.As<Out>();
    }

    /// IOConnectCallAsyncMethod. Never NULL.
    [[nodiscard]] std::unique_ptr<AsyncCall> CallAsync(uint32_t selector,
                                                       const CallInput &input = {}) const;

    /// IOConnectMapMemory64. `options` as there; an error is its result.
    [[nodiscard]] std::expected<MappedMemory, kern_return_t> Map(
        uint32_t type, uint32_t options = kIOMapAnywhere) const;

    void Close();

private:
    io_connect_t connect_ = IO_OBJECT_NULL;
};

/// Messages about a service: kIOMessageServiceIsTerminated and what its driver sends.
class ServiceMessages {
public:
    ~ServiceMessages();
    ServiceMessages(const ServiceMessages &) = delete;
    ServiceMessages &operator=(const ServiceMessages &) = delete;

    /// Waits for a message of that type, on the thread that made this object. False: none within the hang guard of 30 s.
    [[nodiscard]] bool WaitFor(uint32_t message_type);

private:
    friend class Service;
    explicit ServiceMessages(io_service_t service);

    static void OnMessage(void *self, io_service_t service, uint32_t message_type, void *argument);
    [[nodiscard]] bool Has(uint32_t message_type) const;

    const IONotificationPortRef port_;
    io_object_t watch_ = IO_OBJECT_NULL;
    std::vector<uint32_t> messages_;
};

/// A service of the registry.
class Service {
public:
    /// No service.
    Service() = default;
    /// Takes the reference over.
    explicit Service(io_service_t service) : service_(service) {}
    ~Service();
    Service(Service &&other) noexcept : service_(std::exchange(other.service_, IO_OBJECT_NULL)) {}
    Service &operator=(Service &&other) noexcept {
        std::swap(service_, other.service_);
        return *this;
    }

    [[nodiscard]] io_service_t get() const { return service_; }
    explicit operator bool() const { return service_ != IO_OBJECT_NULL; }

    /// IOServiceOpen; an error is its result.
    [[nodiscard]] std::expected<Client, kern_return_t> Open(uint32_t type = 0) const;

    [[nodiscard]] std::optional<uint64_t> NumberProperty(const std::string &key) const;
    [[nodiscard]] std::optional<std::string> StringProperty(const std::string &key) const;

    /// From now on its messages are kept. Never NULL.
    [[nodiscard]] std::unique_ptr<ServiceMessages> Watch() const;

private:
    io_service_t service_ = IO_OBJECT_NULL;
};

}  // namespace opendext::test
