// SPDX-License-Identifier: Apache-2.0
//
// Which files of an image say what is installed in it, and what their packages are called.
#include <algorithm>

#include <sifkit/inspect/package_diff.h>
#include <sifkit/inspect/sbom.h>

#include "sbom/findings.h"
#include "support/catch.h"
#include "support/listed_packages.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

using Texts = std::vector<std::string>;

constexpr const char* kMetadata = "Name: requests\nVersion: 2.28.0\n";

std::string manifest(const std::string& fields) {
  return zip({{"META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n" + fields + "\r\n"}});
}

}  // namespace

TEST_CASE("what conda and micromamba keep to install it once more is not installed", "[inspect][sbom]") {
  const std::string metadata = "requests-2.28.0-py/site-packages/requests-2.28.0.dist-info/METADATA";
  CHECK(listed(TarBuilder().file("opt/mamba/pkgs/urls.txt", "x\n").file("opt/mamba/pkgs/" + metadata, kMetadata))
            .purls == Texts{});
  CHECK(listed(TarBuilder()
                   .file("opt/mamba/pkgs/requests-2.28.0-py/info/index.json", "{}")
                   .file("opt/mamba/pkgs/" + metadata, kMetadata))
            .purls == Texts{});
  // A directory of that name alone is none of theirs.
  CHECK(listed(TarBuilder().file("srv/pkgs/" + metadata, kMetadata)).purls == Texts{"pkg:pypi/requests@2.28.0"});
}

TEST_CASE("databases of package managers are found behind links", "[inspect][sbom]") {
  const std::string status = "Package: tar\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n";
  const auto dpkg = listed(TarBuilder()
                               .file("usr/lib/sysimage/dpkg/status", status)
                               .file("usr/lib/sysimage/dpkg/status.d/base",
                                     "Package: base\nVersion: 2\nArchitecture: amd64\n")
                               .symlink("var/lib/dpkg", "../../usr/lib/sysimage/dpkg"));
  CHECK(dpkg.purls == Texts{"pkg:deb/base@2?arch=amd64", "pkg:deb/tar@1?arch=amd64"});
  CHECK(dpkg.inventory.packages[1].locations == Texts{"/usr/lib/sysimage/dpkg/status"});
  CHECK(listed(TarBuilder().file("opt/status", status).symlink("var/lib/dpkg/status", "/opt/status")).purls ==
        Texts{"pkg:deb/tar@1?arch=amd64"});
  // Two links to one database are one.
  const auto rpm = listed(TarBuilder()
                              .file("opt/rpmdb/Packages.db", ndb_database(rpm_headers()))
                              .symlink("var/lib/rpm", "../../opt/rpmdb")
                              .symlink("usr/lib/sysimage/rpm", "../../../opt/rpmdb"));
  REQUIRE(rpm.purls.size() == 1);
  CHECK(rpm.purls[0].starts_with("pkg:rpm/bash@5.1-2.el9?"));
  CHECK(rpm.inventory.packages[0].locations == Texts{"/opt/rpmdb/Packages.db"});
  CHECK(listed(TarBuilder()
                   .file("opt/apk/db/installed", "P:musl\nV:1\nA:x86_64\n\n")
                   .symlink("lib/apk", "../opt/apk"))
            .purls == Texts{"pkg:apk/musl@1?arch=x86_64"});
}

TEST_CASE("Julia's packages are those that a depot holds", "[inspect][sbom]") {
  const auto project = [](const std::string& name, char quote) {
    const auto line = [&](const std::string& key, const std::string& value) {
      return key + " = " + quote + value + quote + "\n";
    };
    return line("name", name) + line("uuid", "u-" + name) + line("version", "1.0");
  };
  const std::string depot = "opt/depot/packages/";
  CHECK(listed(TarBuilder()
                   .file(depot + "A/abcde/Project.toml", project("A", '"'))
                   .file(depot + "A/abcde/lib/ACore/Project.toml", project("ACore", '"'))
                   .file(depot + "B/abcde/JuliaProject.toml", project("B", '"'))
                   .file(depot + "C/abcde/Project.toml", project("C", '\'')))
            .purls == Texts{"pkg:julia/A@1.0?uuid=u-A", "pkg:julia/B@1.0?uuid=u-B", "pkg:julia/C@1.0?uuid=u-C"});
}

TEST_CASE("a Go program has the version that its own variables were given", "[inspect][sbom]") {
  const auto linked = [](const std::string& flags) {
    const auto program = go_program("path\texample.org/p\nmod\texample.org/p\t(devel)\t\nbuild\t-ldflags=\"" + flags +
                                    "\"\nbuild\tvcs.revision=0123abc\n");
    return listed(TarBuilder().file("usr/bin/p", program, 0755)).purls.at(0);
  };
  CHECK(linked("-X github.com/other/dep.version=9.9.9 -X main.Version=1.0.0") == "pkg:golang/example.org/p@v1.0.0");
  CHECK(linked("-X github.com/other/dep.version=9.9.9") == "pkg:golang/example.org/p@0123abc");
  CHECK(linked("-X example.org/plugin.version=9.9.9") == "pkg:golang/example.org/p@0123abc");
  CHECK(linked("-X=example.org/p.version=1.2.3") == "pkg:golang/example.org/p@v1.2.3");
  const auto toolchain = [](const std::string& text) {
    const auto program = go_program("path\texample.org/p\nmod\texample.org/p\tv1.0.0\t\n", text);
    return listed(TarBuilder().file("usr/bin/p", program, 0755)).purls;
  };
  CHECK(toolchain("devel go1.23-0123abc Mon Jan 1") ==
        Texts{"pkg:golang/example.org/p@v1.0.0", "pkg:golang/stdlib@1.23-0123abc"});
  CHECK(toolchain("devel +0123abc") == Texts{"pkg:golang/example.org/p@v1.0.0", "pkg:golang/stdlib"});
}

TEST_CASE("the manifest's version cuts an archive's name, and no group is none of Maven's", "[inspect][sbom]") {
  const auto purl = [](const std::string& name, const std::string& fields) {
    return listed(TarBuilder().file("opt/j/" + name, manifest(fields))).purls.at(0);
  };
  CHECK(purl("log4j-1.2-api-2.17.1.jar", "Implementation-Version: 2.17.1\r\n") == "pkg:generic/log4j-1.2-api@2.17.1");
  CHECK(purl("guava-31.1-jre.jar", "Bundle-SymbolicName: com.google.guava\r\nBundle-Version: 31.1.0.jre\r\n") ==
        "pkg:maven/com.google/guava@31.1-jre");
  CHECK(purl("epoll-4.1.100.Final-linux-x86_64.jar", "") == "pkg:generic/epoll@4.1.100.Final?classifier=linux-x86_64");
  CHECK(purl("x-1.0-beta-2.jar", "") == "pkg:generic/x@1.0-beta-2");
  CHECK(purl("x-1.2.jar", "Specification-Version: 1\r\n") == "pkg:generic/x@1.2");
}

TEST_CASE("an empty Java archive is no damaged one", "[inspect][sbom]") {
  const auto found = listed(TarBuilder().file("opt/j/empty-1.0.jar", zip({})));
  CHECK(found.warnings == Texts{});
  CHECK(found.purls == Texts{"pkg:generic/empty@1.0"});
}

TEST_CASE("a Java runtime is one with modules, or before them with an archive of its classes", "[inspect][sbom]") {
  const std::string release = "JAVA_VERSION=\"1.8.0_392\"\n";
  for (const std::string classes : {"lib/modules", "lib/rt.jar", "jre/lib/rt.jar"}) {
    INFO(classes);
    const auto found = listed(TarBuilder().file("opt/jdk/release", release).file("opt/jdk/" + classes, ""));
    CHECK(found.purls == Texts{"pkg:generic/java-runtime@1.8.0_392"});
  }
  CHECK(listed(TarBuilder().file("opt/jdk/release", release)).purls == Texts{});
}

TEST_CASE("installations of EasyBuild and packages of Bioconductor keep what tells them apart", "[inspect][sbom]") {
  const std::string recipe = "name = 'GROMACS'\nversion = '2023.1'\n";
  CHECK(listed(TarBuilder()
                   .file("apps/software/GROMACS/2023.1-foss-2022a/easybuild/a.eb", recipe)
                   .file("apps/software/GROMACS/2023.1-foss-2022b/easybuild/b.eb", recipe))
            .purls == Texts{"pkg:generic/GROMACS@2023.1?easybuild_installation=2023.1-foss-2022a",
                            "pkg:generic/GROMACS@2023.1?easybuild_installation=2023.1-foss-2022b"});
  CHECK(listed(TarBuilder().file("usr/lib/R/library/DESeq2/DESCRIPTION",
                                 "Package: DESeq2\nVersion: 1.40.2\nbiocViews: Seq\nBuilt: R 4.3.1\n"))
            .purls == Texts{"pkg:bioconductor/DESeq2@1.40.2"});
}

TEST_CASE("nobody is no supplier", "[inspect][sbom]") {
  CHECK(sbom::person("<>").empty());
  CHECK(sbom::person(" \"\" < >").empty());
  CHECK(sbom::person("Ada <>") == "Person: Ada");
  CHECK(sbom::person("<a@x>") == "Person: a@x");
}

TEST_CASE("packages that one image has for several machines are compared for each", "[inspect][sbom]") {
  const auto inventory = [](const Texts& architectures) {
    sbom::Inventory out;
    for (const auto& architecture : architectures) {
      sbom::Package package;
      package.kind = "rpm";
      package.name = "multi";
      package.version = "1-1";
      package.purl = "pkg:rpm/x/multi@1-1?arch=" + architecture + "&epoch=2";
      out.packages.push_back(package);
    }
    return out;
  };
  const auto removed = inspect::package_diff(inventory({"i686", "x86_64"}), inventory({"x86_64"}));
  REQUIRE(removed.size() == 1);
  CHECK(removed[0].name == "multi (i686)");
  CHECK(removed[0].before == Texts{"1-1"});
  CHECK(removed[0].after.empty());
  // Images for two machines have the same packages.
  CHECK(inspect::package_diff(inventory({"x86_64"}), inventory({"aarch64"})).empty());
}
