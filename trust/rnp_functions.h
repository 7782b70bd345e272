// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rnp/rnp.h>

#include <sifkit/core/on_demand.h>

/// The functions of librnp that make and unlock OpenPGP keys; it is loaded when one is made or unlocked.
namespace sifkit::trust {

inline constinit OnDemandLibrary librnp{"librnp.so.0", "librnp0"};

SIFKIT_ON_DEMAND(librnp, rnp_buffer_clear);
SIFKIT_ON_DEMAND(librnp, rnp_ffi_create);
SIFKIT_ON_DEMAND(librnp, rnp_ffi_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_ffi_set_pass_provider);
SIFKIT_ON_DEMAND(librnp, rnp_import_keys);
SIFKIT_ON_DEMAND(librnp, rnp_input_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_input_from_memory);
SIFKIT_ON_DEMAND(librnp, rnp_key_export);
SIFKIT_ON_DEMAND(librnp, rnp_key_export_revocation);
SIFKIT_ON_DEMAND(librnp, rnp_key_handle_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_key_is_protected);
SIFKIT_ON_DEMAND(librnp, rnp_key_unprotect);
SIFKIT_ON_DEMAND(librnp, rnp_locate_key);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_add_pref_hash);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_add_usage);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_create);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_execute);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_get_key);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_set_bits);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_set_expiration);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_set_hash);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_set_protection_cipher);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_set_protection_hash);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_set_protection_password);
SIFKIT_ON_DEMAND(librnp, rnp_op_generate_set_userid);
SIFKIT_ON_DEMAND(librnp, rnp_output_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_output_memory_get_buf);
SIFKIT_ON_DEMAND(librnp, rnp_output_to_memory);
SIFKIT_ON_DEMAND(librnp, rnp_result_to_string);
SIFKIT_ON_DEMAND(librnp, rnp_version_string);

}  // namespace sifkit::trust
