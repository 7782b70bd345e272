// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rnp/rnp.h>

#include <sifkit/core/on_demand.h>

/// librnp, which is loaded when a PGP key or signature is looked at. What of it is used here.
namespace sifkit::trust {

inline constinit OnDemandLibrary librnp{"librnp.so.0", "librnp0"};

SIFKIT_ON_DEMAND(librnp, rnp_buffer_clear);
SIFKIT_ON_DEMAND(librnp, rnp_buffer_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_dearmor);
SIFKIT_ON_DEMAND(librnp, rnp_enarmor);
SIFKIT_ON_DEMAND(librnp, rnp_ffi_create);
SIFKIT_ON_DEMAND(librnp, rnp_ffi_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_ffi_set_pass_provider);
SIFKIT_ON_DEMAND(librnp, rnp_get_public_key_count);
SIFKIT_ON_DEMAND(librnp, rnp_identifier_iterator_create);
SIFKIT_ON_DEMAND(librnp, rnp_identifier_iterator_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_identifier_iterator_next);
SIFKIT_ON_DEMAND(librnp, rnp_import_keys);
SIFKIT_ON_DEMAND(librnp, rnp_import_signatures);
SIFKIT_ON_DEMAND(librnp, rnp_input_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_input_from_memory);
SIFKIT_ON_DEMAND(librnp, rnp_key_allows_usage);
SIFKIT_ON_DEMAND(librnp, rnp_key_export);
SIFKIT_ON_DEMAND(librnp, rnp_key_export_revocation);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_alg);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_bits);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_creation);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_curve);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_expiration);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_fprint);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_primary_fprint);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_primary_uid);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_protection_type);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_revocation_reason);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_revocation_signature);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_uid_at);
SIFKIT_ON_DEMAND(librnp, rnp_key_get_uid_count);
SIFKIT_ON_DEMAND(librnp, rnp_key_handle_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_key_have_secret);
SIFKIT_ON_DEMAND(librnp, rnp_key_is_primary);
SIFKIT_ON_DEMAND(librnp, rnp_key_is_protected);
SIFKIT_ON_DEMAND(librnp, rnp_key_is_retired);
SIFKIT_ON_DEMAND(librnp, rnp_key_is_revoked);
SIFKIT_ON_DEMAND(librnp, rnp_key_is_sub);
SIFKIT_ON_DEMAND(librnp, rnp_key_is_superseded);
SIFKIT_ON_DEMAND(librnp, rnp_key_is_valid);
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
SIFKIT_ON_DEMAND(librnp, rnp_op_sign_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_op_verify_create);
SIFKIT_ON_DEMAND(librnp, rnp_op_verify_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_op_verify_execute);
SIFKIT_ON_DEMAND(librnp, rnp_op_verify_get_signature_at);
SIFKIT_ON_DEMAND(librnp, rnp_op_verify_get_signature_count);
SIFKIT_ON_DEMAND(librnp, rnp_op_verify_signature_get_key);
SIFKIT_ON_DEMAND(librnp, rnp_op_verify_signature_get_status);
SIFKIT_ON_DEMAND(librnp, rnp_output_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_output_memory_get_buf);
SIFKIT_ON_DEMAND(librnp, rnp_output_to_memory);
SIFKIT_ON_DEMAND(librnp, rnp_result_to_string);
SIFKIT_ON_DEMAND(librnp, rnp_set_timestamp);
SIFKIT_ON_DEMAND(librnp, rnp_signature_get_creation);
SIFKIT_ON_DEMAND(librnp, rnp_signature_handle_destroy);
SIFKIT_ON_DEMAND(librnp, rnp_version_string);

}  // namespace sifkit::trust
