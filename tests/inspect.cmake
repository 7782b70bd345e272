# SPDX-License-Identifier: Apache-2.0
sifkit_test(inspect SOURCES unit/test_inspect_check.cpp
                            unit/test_inspect_check_loader.cpp
                            unit/test_inspect_check_start.cpp
                            unit/test_inspect_content_digests.cpp
                            unit/test_inspect_diff.cpp
                            unit/test_inspect_programs.cpp
                            unit/test_inspect_report.cpp
                            unit/test_inspect_rpm.cpp
                            unit/test_inspect_sbom.cpp
                            unit/test_inspect_sbom_places.cpp
                            unit/test_inspect_secrets.cpp
                            unit/test_inspect_surface.cpp
                            unit/test_inspect_tree_digest.cpp
            LINK sifkit::sifkit sifkit_inspect PkgConfig::sqlite3 ZLIB::ZLIB)
