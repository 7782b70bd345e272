# SPDX-License-Identifier: Apache-2.0
sifkit_test(
  convert
  SOURCES unit/test_convert_base.cpp
          unit/test_convert_base_borders.cpp unit/test_convert_base_layers.cpp
          unit/test_convert_capabilities.cpp
          unit/test_convert_changes.cpp
          unit/test_convert_file_system.cpp
          unit/test_convert_image_path.cpp
          unit/test_convert_manifest_format.cpp
          unit/test_convert_metadata.cpp
          unit/test_convert_packed.cpp
          unit/test_convert_runtime_check.cpp
          unit/test_convert_runtime_files.cpp
          unit/test_convert_runtime_needs.cpp
          unit/test_convert_scripts.cpp
          unit/test_convert_sources.cpp
          unit/test_convert_stretches.cpp
          unit/test_convert_warning_codes.cpp
  LINK sifkit::sifkit sifkit_convert THREADS sources)
