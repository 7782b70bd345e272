// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <rnp/rnp.h>
#include <rnp/rnp_err.h>

#include <sifkit/sif/image_editor.h>
#include <sifkit/sif/image_writer.h>
#include <sifkit/trust/sign.h>
#include <sifkit/trust/verify.h>

#include "support/catch.h"
#include "support/run_process.h"
#include "support/temp_dir.h"

namespace sifkit::testing {

/// When an OpenPGP key is made and ends, in seconds since 1970; zeros: now, never.
struct PgpDates {
  std::uint64_t made = 0;
  std::uint32_t lifetime = 0;          ///< seconds
  std::uint64_t revoked = 0;           ///< NAME.revoked
  const char* reason = "compromised";  ///< librnp's word
};

/// A directory with keys and a small unsigned image, image.sif: a partition and a definition file in group 1, JSON in group 2.
struct SignFixture {
  TempDir directory;

  std::string at(const std::string& name) const { return (directory / name).string(); }

  void shell(const std::string& command) const {
    const auto result = run_process({"sh", "-c", "cd '" + directory.path().string() + "' && { " + command + "; } 2>/dev/null"}, {"PATH=/usr/bin:/bin", "HOME=" + directory.path().string()});
    INFO(command);
    REQUIRE(result.code == 0);
  }

  SignFixture() {
    shell("openssl genpkey -algorithm ed25519 -out ed25519.pem && openssl pkey -in ed25519.pem -pubout -out ed25519.pub");
    shell("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ecdsa.pem && openssl pkey -in ecdsa.pem -pubout -out ecdsa.pub");
    write_file(directory / "image.sif", "");
    File file = File::open_read_write(directory / "image.sif");
    sif::ImageWriter writer(file, {.launch_script = std::string(sif::kLaunchScript)});
    Region& region = writer.begin({.type = sif::DataType::partition});
    region.write_at(0, as_bytes(std::string(1000, 'p')));
    writer.end(1000, encode_extra(sif::Partition{sif::FsType::squashfs, sif::PartitionType::primary_system, "amd64"}));
    writer.add_before({.type = sif::DataType::deffile}, as_bytes("bootstrap: x\n"));
    writer.add({.type = sif::DataType::generic_json, .group = 2, .name = "other.json"}, as_bytes("{}"));
    writer.finish();
  }

  /// Makes an OpenPGP key without a passphrase: NAME.asc holds its secret, NAME.pub its public part,
  /// NAME.revoked the same, revoked. `algorithm` is librnp's word; `bits` are for RSA and `curve` for ECDSA.
  void make_pgp(const std::string& name, const std::string& algorithm = "EDDSA", unsigned bits = 0, const char* curve = nullptr, const PgpDates& dates = {}) const {
    rnp_ffi_t ffi = nullptr;
    rnp_op_generate_t op = nullptr;
    rnp_key_handle_t key = nullptr;
    REQUIRE(rnp_ffi_create(&ffi, "GPG", "GPG") == RNP_SUCCESS);
    REQUIRE(rnp_set_timestamp(ffi, dates.made) == RNP_SUCCESS);
    REQUIRE(rnp_op_generate_create(&op, ffi, algorithm.c_str()) == RNP_SUCCESS);
    REQUIRE(rnp_op_generate_set_expiration(op, dates.lifetime) == RNP_SUCCESS);
    if (bits != 0) REQUIRE(rnp_op_generate_set_bits(op, bits) == RNP_SUCCESS);
    if (curve != nullptr) REQUIRE(rnp_op_generate_set_curve(op, curve) == RNP_SUCCESS);
    REQUIRE(rnp_op_generate_set_userid(op, (name + " <" + name + "@example.org>").c_str()) == RNP_SUCCESS);
    REQUIRE(rnp_op_generate_execute(op) == RNP_SUCCESS);
    REQUIRE(rnp_op_generate_get_key(op, &key) == RNP_SUCCESS);
    save(key, name + ".asc", RNP_KEY_EXPORT_SECRET);
    save(key, name + ".pub", RNP_KEY_EXPORT_PUBLIC);
    REQUIRE(rnp_set_timestamp(ffi, dates.revoked) == RNP_SUCCESS);
    REQUIRE(rnp_key_revoke(key, 0, "SHA256", dates.reason, "in a letter") == RNP_SUCCESS);
    save(key, name + ".revoked", RNP_KEY_EXPORT_PUBLIC);
    rnp_key_handle_destroy(key);
    rnp_op_generate_destroy(op);
    rnp_ffi_destroy(ffi);
  }

  trust::SigningKey key(const std::string& name, const std::string& passphrase = "") const {
    return {read_file(directory / name), name, "", {}, [passphrase](std::string_view) { return passphrase; }};
  }

  void sign(const trust::SigningKey& key, const trust::SignOptions& options = {}) const { trust::sign(directory / "image.sif", {&key, 1}, options); }

  /// Changes the image by `what`, which is given a sif::ImageEditor.
  void edit(const std::function<void(sif::ImageEditor&)>& what) const {
    sif::ImageEditor editor(directory / "image.sif");
    what(editor);
    editor.commit();
  }

  void add(const std::string& data, const sif::ObjectSpec& object) const {
    MemorySource source(as_bytes(data));
    edit([&](sif::ImageEditor& editor) { editor.add(object, source); });
  }

  /// ada.crt for ecdsa.pem, certified by between.crt (ECDSA P-384), which root.crt (RSA 2048) has certified.
  void make_chain() const {
    write_file(directory / "extensions", "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n[leaf]\nkeyUsage=digitalSignature\nextendedKeyUsage=codeSigning\n");
    shell("openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -subj /CN=root -addext keyUsage=critical,keyCertSign -out root.crt");
    shell("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout between.key -subj /CN=between -out between.csr");
    shell("openssl x509 -req -in between.csr -CA root.crt -CAkey root.key -set_serial 1 -extfile extensions -extensions ca -out between.crt");
    shell("openssl req -new -key ecdsa.pem -subj /CN=ada -out ada.csr");
    shell("openssl x509 -req -in ada.csr -CA between.crt -CAkey between.key -set_serial 2 -extfile extensions -extensions leaf -out ada.crt");
  }

  trust::TrustedKeys trusted(const std::vector<std::string>& names, std::optional<std::int64_t> at = std::nullopt) const {
    trust::TrustedKeys keys(at);
    for (const auto& name : names) keys.add_file(directory / name);
    return keys;
  }

  trust::VerifyReport verified(const std::vector<std::string>& names, const trust::VerifyOptions& options = {}, std::optional<std::int64_t> at = std::nullopt) const {
    return verify(sif::Image::open(directory / "image.sif"), trusted(names, at), options);
  }

 private:
  void save(rnp_key_handle_t key, const std::string& name, unsigned part) const {
    rnp_output_t output = nullptr;
    REQUIRE(rnp_output_to_path(&output, at(name).c_str()) == RNP_SUCCESS);
    REQUIRE(rnp_key_export(key, output, part | RNP_KEY_EXPORT_ARMORED) == RNP_SUCCESS);
    rnp_output_destroy(output);
  }
};

}  // namespace sifkit::testing
