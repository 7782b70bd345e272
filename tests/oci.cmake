# SPDX-License-Identifier: Apache-2.0
sifkit_test(oci SOURCES unit/test_oci_archive_cases.cpp unit/test_oci_choice.cpp unit/test_oci_config_cases.cpp unit/test_oci_directory.cpp unit/test_oci_engine.cpp unit/test_oci_layout_cases.cpp unit/test_oci_layout_neighbours.cpp unit/test_oci_links.cpp unit/test_oci_neighbours.cpp unit/test_oci_reference.cpp LINK sifkit::sifkit sifkit_oci THREADS engine)
