# SPDX-License-Identifier: Apache-2.0
sifkit_test(sif SOURCES support/file_faults.cpp unit/test_sif_certificates.cpp unit/test_sif_damaged_images.cpp unit/test_sif_editor.cpp unit/test_sif_editor_faults.cpp
                        unit/test_sif_image.cpp unit/test_sif_integrity.cpp unit/test_sif_key_rings.cpp unit/test_sif_key_store.cpp unit/test_sif_layout.cpp unit/test_sif_moments.cpp
                        unit/test_sif_signatures.cpp unit/test_sif_policy_places.cpp unit/test_sif_tamper.cpp unit/test_sif_verify_policy.cpp
            LINK sifkit_sif sifkit_core ${RNP_LIBRARY})
