# SPDX-License-Identifier: Apache-2.0
sifkit_test(layers SOURCES unit/test_layers_archive_cases.cpp
                           unit/test_layers_cases.cpp
                           unit/test_layers_flattener.cpp
                           unit/test_layers_glob.cpp
                           unit/test_layers_links.cpp
                           unit/test_layers_squashfs.cpp
                           unit/test_layers_squashfs_hostile.cpp
                           unit/test_layers_squashfs_lookup.cpp
                           unit/test_layers_stacks.cpp
                           unit/test_layers_stretches.cpp
                           unit/test_layers_tar_tree.cpp
                           unit/test_layers_walk.cpp
                           unit/test_layers_write_behind.cpp
            LINK sifkit_layers sifkit_core THREADS squashfs layers)
