# SPDX-License-Identifier: Apache-2.0
#
# Against other people's tools. Exit code 77: what the test needs is not there.
foreach(
  name
  certificates copy differential docker_story engine_faults engine_tls example full_disk gpg_signatures guide key_terminal keys_gpg keyserver oci_sif push registry same_bytes sbom sbom_syft sif_edits
  sif_full_disk sif_goldens sif_signatures siftool_edits skopeo_podman)
  add_test(NAME interop_${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/interop/${name}.sh)
  set_tests_properties(
    interop_${name}
    PROPERTIES SKIP_RETURN_CODE 77
               LABELS interop
               TIMEOUT 600
               ENVIRONMENT "SIFKIT=$<TARGET_FILE:sifkit_cli>;EXAMPLES=$<TARGET_FILE_DIR:add_sbom>")
endforeach()
