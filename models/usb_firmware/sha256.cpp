// SPDX-License-Identifier: Apache-2.0
#include "models/usb_firmware/sha256.h"

#include <openssl/evp.h>

#include <new>

namespace opendext::models::usb_firmware {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
    if (context_ == nullptr) {
        throw std::bad_alloc();
    }
    Reset();
}

Sha256::~Sha256() {
    EVP_MD_CTX_free(context_);
}

void Sha256::Reset() {
    EVP_DigestInit_ex(context_, EVP_sha256(), nullptr);
}

void Sha256::Update(std::span<const std::byte> bytes) {
    EVP_DigestUpdate(context_, bytes.data(), bytes.size());
}

Sha256Digest Sha256::Finish() {
    Sha256Digest digest{};
    EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char *>(digest.data()), nullptr);
    return digest;
}

}  // namespace opendext::models::usb_firmware
