# SPDX-License-Identifier: Apache-2.0
sifkit_test(sif SOURCES $<TARGET_OBJECTS:test_support> unit/test_sif_editor.cpp unit/test_sif_editor_faults.cpp
                    unit/test_sif_editor_holes.cpp unit/test_sif_image.cpp
            LINK sifkit_sif sifkit_core)
