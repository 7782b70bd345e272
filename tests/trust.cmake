# SPDX-License-Identifier: Apache-2.0
sifkit_test(trust SOURCES unit/test_trust_certificates.cpp
                          unit/test_trust_damaged_images.cpp
                          unit/test_trust_integrity.cpp
                          unit/test_trust_key_formats.cpp
                          unit/test_trust_key_revocations.cpp
                          unit/test_trust_key_rings.cpp
                          unit/test_trust_key_standing.cpp
                          unit/test_trust_key_store.cpp
                          unit/test_trust_key_updates.cpp
                          unit/test_trust_layout.cpp
                          unit/test_trust_pem.cpp
                          unit/test_trust_policy_paths.cpp
                          unit/test_trust_signatures.cpp
                          unit/test_trust_stale_signatures.cpp
                          unit/test_trust_tamper.cpp
                          unit/test_trust_validation_time.cpp
                          unit/test_trust_verify_policy.cpp
             LINK sifkit_trust sifkit_sif sifkit_net sifkit_core ${RNP_LIBRARY} THREADS integrity)
