# SPDX-License-Identifier: Apache-2.0
#
# The .deb: 'cpack -G DEB' in a build directory. The same build, SOURCE_DATE_EPOCH and umask give the same bytes.

set(CPACK_PACKAGE_NAME sifkit)
set(CPACK_PACKAGE_CONTACT "The sifkit developers <sifkit@localhost.localdomain>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Converts OCI and Docker images to SIF files without root, namespaces or a container runtime, looks into images of any source, signs and verifies them. With the library, its headers for C and C++, manual page and completions.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/PackageModes.cmake")
set(CPACK_THREADS 1) # or the number of processors would be in the bytes
# What the program is linked with is found by dpkg-shlibdeps; what it loads on demand (core/on_demand.h) nothing finds.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libarchive13, libcurl4, librnp0")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, libsqlite3-0, libyaml-0-2")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS
    "libssl-dev, libzstd-dev, libdeflate-dev, libisal-dev, libsquashfs-dev, zlib1g-dev, libbz2-dev, liblzma-dev, libfmt-dev")
include(CPack)
