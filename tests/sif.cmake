# SPDX-License-Identifier: Apache-2.0
sifkit_test(sif SOURCES unit/test_sif_image.cpp unit/test_sif_integrity.cpp unit/test_sif_signatures.cpp unit/test_sif_tamper.cpp
           LINK sifkit_sif sifkit_core)
