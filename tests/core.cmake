# SPDX-License-Identifier: Apache-2.0
sifkit_test(core SOURCES unit/test_core_atomic_file.cpp
                         unit/test_core_cgroup.cpp
                         unit/test_core_civil_time.cpp
                         unit/test_core_compress.cpp
                         unit/test_core_crypto.cpp
                         unit/test_core_decompress.cpp
                         unit/test_core_elf_file.cpp
                         unit/test_core_file.cpp
                         unit/test_core_json.cpp
                         unit/test_core_on_demand.cpp
                         unit/test_core_skip.cpp
                         unit/test_core_tar_reader.cpp
                         unit/test_core_threads.cpp
            LINK sifkit_core THREADS threads file decompress)
