# SPDX-License-Identifier: Apache-2.0
from spack.package import *


class Sifkit(CMakePackage):
    """OCI and SIF container images, natively: converts, inspects, signs and verifies."""

    # Set `url` to where the release's sifkit-VERSION.tar.gz is, and the hash to the one in its SHA256SUMS.
    url = "file:///sources/sifkit-0.2.0.tar.gz"
    license("Apache-2.0")

    version("0.2.0", sha256="0" * 64)

    depends_on("cmake@3.25:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("cli11", type="build")
    depends_on("nlohmann-json", type="build")
    depends_on("openssl@3:")
    depends_on("zlib-api")
    depends_on("bzip2")
    depends_on("xz")
    depends_on("zstd@1.5:")
    depends_on("libdeflate")
    depends_on("isa-l")
    depends_on("squashfs-tools-ng@1.2:")
    depends_on("fmt@9:")
    depends_on("tomlplusplus")
    depends_on("curl")
    depends_on("libarchive@3.6:")
    depends_on("libyaml")
    depends_on("sqlite@3.36:")
    depends_on("rnp")

    def cmake_args(self):
        return [self.define("SIFKIT_BUILD_TESTS", False)]
