// SPDX-License-Identifier: Apache-2.0
//
// What each kind of package database and document says, as package URLs; and the texts made of it.
#include <algorithm>

#include <zlib.h>

#include <sifkit/inspect/sbom.h>

#include "sbom/catalogers.h"
#include "sbom/license.h"
#include "sbom/purl.h"
#include "support/catch.h"
#include "support/errors.h"
#include "support/listed_packages.h"
#include "support/rpm_databases.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

using Texts = std::vector<std::string>;

constexpr const char* kOsRelease =
    "NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='Debian GNU/Linux 12'\n";

}  // namespace

TEST_CASE("dpkg's packages are those whose files are there", "[inspect][sbom]") {
  const auto found = listed(
      TarBuilder()
          .file("usr/lib/os-release", kOsRelease)
          .symlink("etc/os-release", "../usr/lib/os-release")
          .file(
              "var/lib/dpkg/status",
              "Package: libstdc++6\nStatus: install ok installed\nArchitecture: amd64\nSource: gcc-12\nVersion: 12.2.0-14+deb12u1\nDescription: x\n long\n .\n more\n\n"
              "Package: tar\nstatus: deinstall ok installed\nVersion: 1:1.34+dfsg-1.2\nArchitecture: amd64\nMaintainer: Ada L <ada@example.org>\n\n"
              "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n\n"
              "Package: half\nStatus: install reinstreq half-installed\nVersion: 2\nArchitecture: all\nSource: whole (3)\n\n"
              "Package: never\nStatus: install ok not-installed\nArchitecture: all\n\n"
              "Package: stateless\nVersion: 1\nArchitecture: all\n")
          .file("var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n")
          .file("var/lib/dpkg/status.d/base.md5sums", "Package: no\nVersion: 1\n"));
  CHECK(found.purls ==
        Texts{"pkg:deb/debian/base-files@12.4?arch=amd64&distro=debian-12",
              "pkg:deb/debian/half@2?arch=all&distro=debian-12&upstream=whole%403",
              "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12&upstream=gcc-12",
              "pkg:deb/debian/tar@1:1.34%2Bdfsg-1.2?arch=amd64&distro=debian-12"});
  CHECK(found.inventory.packages[3].supplier == "Person: Ada L (ada@example.org)");
  CHECK(found.inventory.packages[3].locations == Texts{"/var/lib/dpkg/status"});
  CHECK(found.inventory.distribution.name == "Debian GNU/Linux 12");
  CHECK(found.warnings.empty());
}

TEST_CASE("package managers of other distributions", "[inspect][sbom]") {
  const auto found = listed(
      TarBuilder()
          .file("etc/os-release", "ID=alpine\nVERSION_ID=3.19.1\n")
          .file(
              "lib/apk/db/installed",
              "P:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\nm:A <a@x>\nF:lib\nR:ld-musl\nP:no\n\nP:.build-deps\nV:0\n\nP:libssl3\nV:3.1.4-r5\nA:x86_64\nL:Apache-2.0\no:openssl\n\n")
          .file("var/lib/pacman/local/pacman-6.0.1-1/desc",
                "%NAME%\npacman\n\n%VERSION%\n1:6.0.1-1\n\n%ARCH%\nx86_64\n\n%LICENSE%\nGPL OR BSD\nMIT\n\n")
          .file("var/db/pkg/app-misc/foo-bar-1.2-r1/PF", "foo-bar-1.2-r1\n")
          .file(
              "var/lib/opkg/status",
              "Package: busybox\nVersion: 1.36\nStatus: install user installed\nArchitecture: mips\nLicense: GPL-2.0\n\n")
          .file("usr/lib/sysimage/rpm/Packages.db", ndb_database(rpm_headers()))
          .file("usr/lib/sysimage/rpm/Packages", "left behind")
          .file("var/lib/rpmmanifest/container-manifest-2",
                "tdnf\t3.1-2.cm2\t1\t2\tMicrosoft\t(none)\t9\tx86_64\t0\ttdnf-3.1-2.cm2.src.rpm\n"));
  CHECK(found.warnings == Texts{});
  CHECK(found.inventory.packages.at(0).license == "(GPL OR BSD) AND MIT");
  CHECK(found.purls ==
        Texts{"pkg:alpm/alpine/pacman@1:6.0.1-1?arch=x86_64&distro=alpine-3.19.1",
              "pkg:apk/alpine/libssl3@3.1.4-r5?arch=x86_64&distro=alpine-3.19.1&upstream=openssl",
              "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.19.1", "pkg:ebuild/app-misc/foo-bar@1.2-r1",
              "pkg:opkg/busybox@1.36?arch=mips",
              "pkg:rpm/alpine/bash@5.1-2.el9?arch=x86_64&distro=alpine-3.19.1&epoch=1&upstream=bash-5.1-2.el9.src.rpm",
              "pkg:rpm/alpine/tdnf@3.1-2.cm2?arch=x86_64&distro=alpine-3.19.1&upstream=tdnf-3.1-2.cm2.src.rpm"});
}

TEST_CASE("packages of languages", "[inspect][sbom]") {
  const std::string site = "usr/lib/python3/dist-packages/";
  const auto found = listed(
      TarBuilder()
          .file(site + "Jinja2_x-3.1.dist-info/METADATA",
                "Metadata-Version: 2.1\nName: Jinja2_x.y\nVersion: 3.1\nLicense: BSD-3-Clause\n\nName: body\n")
          .file("opt/" + site + "Jinja2_x-3.1.dist-info/METADATA", "Name: Jinja2_x.y\nVersion: 3.1\n")
          .file(site + "six.egg-info/PKG-INFO", "Name: six\nVersion: 1.16.0\n")
          .file(site + "sympy-1.egg-info", "Name: sympy\nVersion: 1.11\n")
          .file(site + "~umpy-1.dist-info/METADATA", "Name: numpy\nVersion: 1\n")
          .file(site + "setuptools/_vendor/wheel-1.dist-info/METADATA", "Name: wheel\nVersion: 1\n")
          .file(site + "bad.dist-info/METADATA", "nothing\n")
          .file(
              "opt/conda/conda-meta/numpy-1.26.json",
              R"({"name":"numpy","version":"1.26.4","build":"py311h_0","channel":"https://conda.anaconda.org/conda-forge/linux-64","subdir":"linux-64","fn":"numpy-1.26.4-py311h_0.conda","license":"BSD-3-Clause"})")
          .file("opt/conda/pkgs/numpy/site-packages/numpy.dist-info/METADATA", "Name: cached\nVersion: 1\n")
          .file("app/node_modules/@angular/core/package.json",
                R"({"name":"@angular/core","version":"17.0.1","license":"MIT","author":"Team <t@x>"})")
          .file("app/node_modules/@angular/core/esm/package.json", R"({"name":"inner","version":"1"})")
          .file("app/node_modules/left-pad/package.json",
                "\xef\xbb\xbf"
                R"({"name":"left-pad","version":"1.3.0","licenses":[{"type":"WTFPL"},{"type":"MIT"}]})")
          .file("app/node_modules/odd/package.json", "{")
          .file("usr/lib/R/library/A3/DESCRIPTION",
                "Package: A3\nVersion: 1.0.0\nLicense: GPL (>= 2)\nBuilt: R 4.2.2\n")
          .file("src/A4/DESCRIPTION", "Package: A4\nVersion: 1.0.0\n")
          .file("root/.julia/packages/JSON/abcd/Project.toml",
                "name = \"JSON\"\nuuid = \"682c06a0\"\nversion = \"0.21.4\"\n[deps]\nname = \"x\"\n")
          .file(
              "usr/bin/tool",
              go_program(
                  "path\texample.org/tool\nmod\texample.org/Tool\t(devel)\t\ndep\tgithub.com/a/b/v3\tv3.2.0\th1:x\n=>\tgithub.com/c/b\tv3.2.1\th1:y\ndep\tlocal\tv0.0.0\n=>\t./local\t\nbuild\tvcs.revision=0123abc\n"),
              0755)
          .file(
              "usr/bin/rg",
              rust_program(
                  R"({"packages":[{"name":"regex","version":"1.9.1","source":"crates.io"},{"name":"cc","version":"1","source":"crates.io","kind":"build"},{"name":"ripgrep","version":"14","source":"local","root":true}]})"),
              0755));
  CHECK(found.purls == Texts{"pkg:cargo/regex@1.9.1", "pkg:cargo/ripgrep@14",
                             "pkg:conda/numpy@1.26.4?build=py311h_0&channel=conda-forge&subdir=linux-64&type=conda",
                             "pkg:cran/A3@1.0.0", "pkg:golang/example.org/Tool@0123abc",
                             "pkg:golang/github.com/c/b@v3.2.1", "pkg:golang/local@v0.0.0", "pkg:golang/stdlib@1.22.3",
                             "pkg:julia/JSON@0.21.4?uuid=682c06a0", "pkg:npm/%40angular/core@17.0.1",
                             "pkg:npm/left-pad@1.3.0", "pkg:pypi/jinja2-x-y@3.1", "pkg:pypi/six@1.16.0",
                             "pkg:pypi/sympy@1.11"});
  const auto& jinja = found.inventory.packages[11];
  CHECK(jinja.name == "Jinja2_x.y");
  CHECK(jinja.locations ==
        Texts{"/opt/" + site + "Jinja2_x-3.1.dist-info/METADATA", "/" + site + "Jinja2_x-3.1.dist-info/METADATA"});
  CHECK(jinja.license == "BSD-3-Clause");
  CHECK(found.inventory.packages[10].license == "WTFPL OR MIT");
  CHECK(found.warnings == Texts{"'/app/node_modules/odd/package.json': expected a JSON document",
                                "'/" + site + "bad.dist-info/METADATA': expected the fields Name and Version"});
}

TEST_CASE("Java archives say what is in them, and in archives inside", "[inspect][sbom]") {
  const auto inner = zip(
      {{"META-INF/MANIFEST.MF",
        "Manifest-Version: 1.0\r\nImplementation-Vendor-Id: org.in\r\n ner\r\nImplementation-Version: 9\r\n\r\nName: x\r\n"}});
  const auto jar =
      zip({{"META-INF/maven/com.example/app/pom.properties", "#x\nversion=1.2\ngroupId=com.example\nartifactId=app\n"},
           {"META-INF/maven/org.shaded/lib/pom.properties", "groupId=org.shaded\nartifactId=lib\nversion=3\n"},
           {"BOOT-INF/lib/inner-2.0.jar", inner},
           {"BOOT-INF/lib/bad.jar", "PK"}});
  const auto found = listed(TarBuilder()
                                .file("opt/app.jar", jar)
                                .file("opt/start.war", "#!/bin/sh\nexit\n" + jar)
                                .file("opt/none.jar", "text"));
  CHECK(found.purls ==
        Texts{"pkg:maven/com.example/app@1.2", "pkg:maven/org.inner/inner@2.0", "pkg:maven/org.shaded/lib@3"});
  CHECK(found.inventory.packages[0].locations == Texts{"/opt/app.jar", "/opt/start.war"});
  CHECK(found.inventory.packages[1].properties ==
        std::vector<std::pair<std::string, std::string>>{{"java:inside", "/opt/app.jar!/BOOT-INF/lib/inner-2.0.jar"}});
  REQUIRE(found.warnings.size() == 3);
  CHECK(found.warnings[0].starts_with("'/opt/app.jar': 'opt/app.jar!/BOOT-INF/lib/bad.jar': expected a zip archive: "));
}

TEST_CASE("one bad member of a Java archive costs the others nothing", "[inspect][sbom]") {
  const auto properties = [](const std::string& name) {
    return std::pair<std::string, std::string>{"META-INF/maven/org.x/" + name + "/pom.properties", "groupId=org.x\nartifactId=" + name + "\nversion=1\n"};
  };
  const auto jar = zip({{"lib/bad.jar", "PK"}, properties("app"), {"META-INF/MANIFEST.MF", std::string(2u << 20, '\n')}, properties("lib")});
  auto torn = zip({properties("before"), properties("behind")});
  torn.replace(torn.find("PK\3\4", 4), 4, "none");
  const auto found = listed(TarBuilder().file("opt/app.jar", jar).file("opt/torn.jar", torn));
  CHECK(found.purls == Texts{"pkg:maven/org.x/app@1", "pkg:maven/org.x/before@1", "pkg:maven/org.x/lib@1"});
  REQUIRE(found.warnings.size() == 2);
  CHECK(found.warnings[0].starts_with("'/opt/app.jar': 'opt/app.jar!/lib/bad.jar': expected a zip archive: "));
  CHECK(found.warnings[1].starts_with("'/opt/torn.jar': expected a zip archive: "));
}

TEST_CASE("what an archive and a program are themselves is told where its own documents do not say it", "[inspect][sbom]") {
  const auto shaded = zip({{"META-INF/MANIFEST.MF", "Main-Class: x.Y\r\n\r\n"},
                           {"META-INF/maven/org.shaded/lib/pom.properties", "groupId=org.shaded\nartifactId=lib\nversion=3\n"}});
  const auto linked = [](const std::string& flags) {
    return go_program("path\texample.org/t\nmod\texample.org/t\t(devel)\t\nbuild\t-ldflags=\"" + flags + "\"\nbuild\tvcs.revision=0123abc\n");
  };
  const auto found = listed(TarBuilder()
                                .file("opt/tool-1.0.5-jar-with-dependencies.jar", shaded)
                                .file("opt/app.jar", shaded)
                                .file("usr/bin/a", linked("-s -X main.gitCommit=9.9.9 -X main.version=1.18.1 -X main.x=1"), 0755)
                                .file("usr/bin/b", linked("-w -X 'example.org/t/v.Version=v2.0.0-rc1'"), 0755)
                                .file("usr/bin/c", linked("-X main.version=latest"), 0755));
  CHECK(found.purls == Texts{"pkg:generic/tool@1.0.5", "pkg:golang/example.org/t@0123abc",
                             "pkg:golang/example.org/t@v1.18.1", "pkg:golang/example.org/t@v2.0.0-rc1",
                             "pkg:golang/stdlib@1.22.3",
                             "pkg:maven/org.shaded/lib@3"});
}

TEST_CASE("a file of several names is parsed once, and what it says is found at each", "[inspect][sbom]") {
  WarningList warnings;
  sbom::Findings found(warnings);
  unsigned parsed = 0;
  found.read_once("python", {"b/METADATA", "a/METADATA"}, [&] {
    ++parsed;
    found.add({.purl = {"pypi", {}, "x", "1", {}}});
    found.warn("odd");
    throw Error(ErrorKind::malformed, "cut short");
  });
  CHECK(parsed == 1);
  CHECK(warnings.total() == 4);
  const auto packages = found.packages();
  REQUIRE(packages.size() == 1);
  CHECK(packages[0].locations == Texts{"/a/METADATA", "/b/METADATA"});

  const auto jar = zip({{"META-INF/MANIFEST.MF", "Main-Class: x.Y\r\n\r\n"}, {"lib/bad.jar", "PK"}});
  const std::string metadata = "usr/lib/python3/x-1.dist-info/METADATA";
  const auto linked = listed(TarBuilder()
                                 .file("opt/app-1.0.jar", jar)
                                 .hard_link("opt/other-2.0.jar", "opt/app-1.0.jar")
                                 .file(metadata, "Name: x\nVersion: 1\n")
                                 .hard_link("opt/x-1.dist-info/METADATA", metadata)
                                 .file("usr/bin/tool", go_program("path\texample.org/t\nmod\texample.org/t\tv1\t\n"), 0755)
                                 .hard_link("usr/bin/twin", "usr/bin/tool"));
  CHECK(linked.purls == Texts{"pkg:generic/app@1.0", "pkg:generic/other@2.0", "pkg:golang/example.org/t@v1",
                              "pkg:golang/stdlib@1.22.3", "pkg:pypi/x@1"});
  CHECK(linked.inventory.packages[2].locations == Texts{"/usr/bin/tool", "/usr/bin/twin"});
  CHECK(linked.inventory.packages[4].locations == Texts{"/opt/x-1.dist-info/METADATA", "/" + metadata});
  REQUIRE(linked.warnings.size() == 2);
  CHECK(linked.warnings[0].starts_with("'/opt/app-1.0.jar': 'opt/app-1.0.jar!/lib/bad.jar': expected a zip archive: "));
  CHECK(linked.warnings[1].starts_with("'/opt/other-2.0.jar': 'opt/other-2.0.jar!/lib/bad.jar': expected a zip archive: "));
}

TEST_CASE("all Java archives of an image together have a bound on what is inflated", "[inspect][sbom]") {
  const auto jar = zip({{"META-INF/MANIFEST.MF", std::string(60, '\n')}});
  std::uint64_t left = 100;
  const auto warning = [&] {
    WarningList warnings;
    sbom::Findings found(warnings);
    const auto archive = sbom::read_java(as_bytes(jar), left);
    found.read("java", "a-1.jar", [&] { archive("a-1.jar", found); });
    CHECK(found.packages().size() == 1);
    return warnings.total() == 0 ? std::string() : warnings.listed().begin()->text;
  };
  CHECK(warning().empty());
  CHECK(left == 40);
  const std::string where = "'/a-1.jar': 'a-1.jar!/META-INF/MANIFEST.MF': ";
  CHECK(warning() == where + "'META-INF/MANIFEST.MF' in it has more than 40 bytes");
  CHECK(left == 0);
  CHECK(warning() == where + "the Java archives of the image have more than is inflated of all");
}

TEST_CASE("software of clusters", "[inspect][sbom]") {
  const auto found = listed(
      TarBuilder()
          .file(
              "opt/view/.spack/spec.json",
              R"({"spec":{"_meta":{"version":4},"nodes":[{"name":"hdf5","version":"1.14.3","hash":"abc","namespace":"builtin","arch":{"platform":"linux","platform_os":"rocky9","target":{"name":"zen3"}}},{"name":"zlib","version":"1"}]}})")
          .file("opt/old/.spack/spec.json", R"({"spec":[{"mpich":{"version":"3.4"}}]})")
          .file("opt/software/GROMACS/2024-foss/easybuild/GROMACS.eb",
                "name = 'GROMACS'\nversion = \"2024.1\"\nversionsuffix = '-x'\n"));
  CHECK(found.purls ==
        Texts{"pkg:generic/GROMACS@2024.1?easybuild_installation=2024-foss", "pkg:generic/hdf5@1.14.3?spack_hash=abc", "pkg:generic/mpich@3.4"});
  CHECK(found.inventory.packages[1].properties ==
        std::vector<std::pair<std::string, std::string>>{{"spack:hash", "abc"},
                                                         {"spack:namespace", "builtin"},
                                                         {"spack:os", "rocky9"},
                                                         {"spack:platform", "linux"},
                                                         {"spack:target", "zen3"}});
  CHECK(found.warnings.empty());
}

TEST_CASE("licence expressions are those of SPDX, in its case, or none at all", "[inspect][sbom]") {
  CHECK(sbom::license_expression("mit") == "MIT");
  CHECK(sbom::license_expression("(GPL-2.0-only WITH classpath-exception-2.0) OR apache-2.0") ==
        "(GPL-2.0-only WITH Classpath-exception-2.0) OR Apache-2.0");
  CHECK(sbom::license_expression("AGPL-3.0+") == "AGPL-3.0+");
  for (const char* text : {"", "GPLv2+", "MIT BSD", "MIT AND", "MIT and Zlib", "(MIT", "MIT)", "BSD", "GPL (>= 2)",
                           "MIT WITH Zlib", "LicenseRef-x", "WITH", "MIT OR OR Zlib"}) {
    INFO(text);
    CHECK(sbom::license_expression(text) == std::nullopt);
  }
}

TEST_CASE("package URLs are encoded as their type asks for", "[inspect][sbom]") {
  CHECK(sbom::Purl{"npm", "@Scope", "Name", "1.0", {}}.text() == "pkg:npm/%40scope/name@1.0");
  CHECK(sbom::Purl{"rpm", "Fedora", "Hello", "1.2~rc1^2", {{"epoch", ""}, {"arch", "x"}}}.text() ==
        "pkg:rpm/fedora/Hello@1.2~rc1%5E2?arch=x");
  CHECK(sbom::Purl{"generic", "", "a/b\xff", "", {}}.text() == "pkg:generic/a%2Fb%FF");
}
