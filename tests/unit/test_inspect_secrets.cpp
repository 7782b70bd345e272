// SPDX-License-Identifier: Apache-2.0
//
// Where `check` looks for secrets, what it takes for one, and what it does not.
#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/json.h>
#include <sifkit/inspect/check.h>

#include "check/secrets.h"

#include "support/catch.h"
#include "support/checked_root.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

using Lines = std::vector<std::string>;

std::string key_of(const std::string& kind) {
  return "-----BEGIN " + kind + "-----\n" + std::string(64, 'b') + "\n" + std::string(64, 'c') + "\n" +
         std::string(64, 'd') + "\n-----END " + kind + "-----\n";
}

Lines with_file(const std::string& path, const std::string& text) {
  return lines_of(report_of(sound_root().file(path, text)));
}

Lines with_environment(const Lines& environment) {
  return lines_of(report_of(sound_root(), Json{{"Cmd", {"/bin/sh"}}, {"Env", environment}}));
}

const std::string kGitHub = "ghp_" + std::string(36, 'a');

}  // namespace

TEST_CASE("files in which programs keep logins are known by their names", "[inspect][check]") {
  struct Case {
    std::string path;
    std::string text;
    std::string what;
  };
  const std::string login = R"({"auths":{"x":{"auth":"eA=="}}})";
  for (const auto& [path, text, what] : std::initializer_list<Case>{
           {"root/.apptainer/docker-config.json", login, "a login of registries"},
           {"root/.singularity/docker-config.json", login, "a login of registries"},
           {"root/.config/containers/auth.json", login, "a login of registries"},
           {"root/.apptainer/remote.yaml", "Remotes:\n  x:\n    Token: eyJabc\n",
            "a login of libraries and registries"},
           {"root/.apptainer/keys/pgp-secret", "\x95\1\2", "a secret key of PGP"},
           {"root/.gnupg/private-keys-v1.d/0123.key", "\1\2\3", "a secret key of PGP"},
           {"etc/munge/munge.key", "\1\2\3", "the key that all nodes of a cluster share"},
           {"etc/krb5.keytab", "\5\2\1", "keys of Kerberos"},
           {"etc/apt/auth.conf.d/x.conf", "machine x login y password z\n", "a password of a package repository"},
           {"etc/apt/sources.list.d/x.list", "deb https://me:hidden@x.org/ y main\n",
            "a password of a package repository"},
           {"root/.cargo/credentials.toml", "[registry]\ntoken = \"x\"\n", "a token of Cargo"},
           {"root/.m2/settings.xml", "<password>x</password>", "a password of Maven"},
           {"root/.condarc", "channels: [https://x.org/t/ab-0123456789/y]\n", "a token of a conda channel"},
           {"root/.config/rclone/rclone.conf", "[x]\npass = y\n", "a login of a cloud"},
           {"root/.s3cfg", "secret_key = x\n", "a key of S3"},
           {"root/.wgetrc", "password = x\n", "a password of servers"},
           {"root/.curlrc", "user = \"me:x\"\n", "a password of servers"},
           {"root/.netrc", "machine x\nlogin y\npassword\nz\n", "passwords of servers"},
           {"root/.docker/config.json", R"({"auths":{"x":{"auth":""},"y":{"auth": "eA=="}}})", "a login of registries"},
           {"root/.npmrc", "; mine\n//x/:_authToken=y\n", "a token of npm"},
           {"root/.aws/credentials", "[x]\n#aws_secret_access_key =\naws_secret_access_key=y\n", "a key of AWS"},
           {"root/.kube/config", "users:\n- user:\n    token: y\n", "a login of Kubernetes"},
           {"root/.my.cnf", "[client]\npassword=\"y\"\n", "a password of MySQL"},
           {"etc/wireguard/wg0.conf", "PrivateKey = x\n", "a key of WireGuard"},
           {"srv/.env", "AWS_SECRET_ACCESS_KEY=abcdefgh\n", "a password, a token or a key"}}) {
    INFO(path);
    CHECK(with_file(path, text) == Lines{"warning secret-file /" + path + ": the file has " + what});
  }
}

TEST_CASE("such files without a login in them are passed over", "[inspect][check]") {
  for (const auto& [path, text] : std::initializer_list<std::pair<std::string, std::string>>{
           {"root/.apptainer/docker-config.json", R"({"auths":{}})"},
           {"root/.apptainer/remote.yaml", "Active: x\n    Token: \"\"\n"},
           {"etc/apt/sources.list.d/x.list", "deb https://x.org/ y main # me@x.org\n"},
           {"root/.condarc", "channels: [https://x.org/t/<TOKEN>/y]\n"},
           {"root/.curlrc", "user-agent = x\n"},
           {"root/.netrc", "# password later\nmachine x login password\n"},
           {"root/.docker/config.json", R"({"auths":{"x":{"auth":""}}})"},
           {"root/.npmrc", "#//x/:_authToken=y\n//x/:_authToken=\n"},
           {"root/.aws/credentials", "[x]\n  #aws_secret_access_key = y\naws_secret_access_key =\n"},
           {"root/.kube/config", "# token: none\n    token: ''\n    token: \"\"\n"},
           {"root/.wgetrc", "#http_password=x\nhttp_password=\r\n"},
           {"root/.m2/settings.xml", "<password></password>"},
           {"root/.my.cnf", "[client]\n;password=x\npassword\n"},
           {"etc/apt/auth.conf.d/x.conf", "# machine x login y password z\n"},
           {"root/.git/config", "url = ssh://git@x.org/y\n"},
           {"srv/.env", "TOKEN=${TOKEN}\nDB_PASSWORD=changeme\nMAX_TOKEN=4096\nA=b\n"}}) {
    INFO(path);
    const auto lines = with_file(path, text);
    CHECK(std::none_of(lines.begin(), lines.end(), [](const auto& line) { return line.starts_with("warning"); }));
  }
}

TEST_CASE("tokens and keys are found in every text that no package has brought", "[inspect][check]") {
  for (const std::string path : {"srv/run.py", "opt/notes/a.ipynb", "srv/a.R", "Dockerfile", "srv/script",
                                 "usr/src/app/index.js", "usr/local/bin/start"}) {
    INFO(path);
    CHECK(with_file(path, "x = '" + kGitHub + "'\n") ==
          Lines{"warning token /" + path + ": in the file is a token of GitHub, ghp_aaaa…"});
  }
  for (const std::string path : {"usr/lib/python3/x.py", "usr/share/x/x.py", "opt/conda/lib/python3.11/ssl.py",
                                 "usr/local/lib/python3.11/site-packages/x.py", "srv/x_test.go",
                                 "srv/tests/x.py", "srv/x.png"}) {
    INFO(path);
    CHECK(with_file(path, "x = '" + kGitHub + "'\n") == Lines{});
  }
  CHECK(with_file("srv/deploy_key", key_of("RSA PRIVATE KEY")) ==
        Lines{"warning private-key /srv/deploy_key: the file has a whole key (RSA PRIVATE KEY)"});
  CHECK(with_file("srv/key.asc", key_of("PGP PRIVATE KEY BLOCK")) ==
        Lines{"warning private-key /srv/key.asc: the file has a whole key (PGP PRIVATE KEY BLOCK)"});
  // A service account of Google is JSON, where line ends are escaped.
  CHECK(with_file("srv/account.json", Json{{"private_key", key_of("PRIVATE KEY")}}.dump()) ==
        Lines{"warning private-key /srv/account.json: the file has a whole key (PRIVATE KEY)"});
}

TEST_CASE("a key has no other's first line in it", "[inspect][check][hostile]") {
  const auto key = key_of("PRIVATE KEY");
  const std::string begin = "-----BEGIN PRIVATE KEY-----\n";
  const auto lines = key.substr(begin.size(), 3 * 65);
  CHECK(with_file("srv/a", begin + lines + begin + "-----END PRIVATE KEY-----\n") == Lines{});
  CHECK(with_file("srv/a", begin + lines + "-----BEGIN CERTIFICATE-----\n" + lines + "-----END PRIVATE KEY-----\n") ==
        Lines{});
  // The last of many is whole.
  std::string many;
  while (many.size() < 900000) many += begin;
  CHECK(with_file("srv/a", many + key) ==
        Lines{"warning private-key /srv/a: the file has a whole key (PRIVATE KEY)"});
}

TEST_CASE("all that is read for secrets has a bound", "[inspect][check][hostile]") {
  constexpr std::uint64_t kFile = 1u << 20;
  const auto chosen = [](check::SecretFiles& files, const std::string& path) {
    std::uint64_t bytes = 0;
    while (files.wants(path, kFile) && bytes <= check::SecretFiles::kMaxNamed) bytes += kFile;
    return bytes;
  };
  check::SecretFiles files;
  CHECK(chosen(files, "srv/plain") == check::SecretFiles::kMaxOthers);
  CHECK(chosen(files, "srv/key.pem") == check::SecretFiles::kMaxNamed);
  CHECK(chosen(files, "root/plain") == 0);
  CHECK(check::SecretFiles().wants("root/.netrc", kFile));
}

TEST_CASE("a token stands by itself", "[inspect][check]") {
  CHECK(with_file("srv/a", "x" + kGitHub) == Lines{});
  CHECK(with_file("srv/a", kGitHub + "b") == Lines{});
  CHECK(with_file("srv/a", "ghp_short " + kGitHub).size() == 1);
  CHECK(with_file("srv/a", "hf_" + std::string(34, 'b') + ":" + kGitHub).size() == 2);
}

TEST_CASE("variables of the configuration are judged by their names", "[inspect][check]") {
  CHECK(with_environment({"AWS_SECRET_ACCESS_KEY=abcdefgh", "DB_PASSWORD=hunter22", "GITHUB_TOKEN=0123abcd"}) ==
        Lines{"warning token : in the configuration the variable 'AWS_SECRET_ACCESS_KEY' has a value",
              "warning token : in the configuration the variable 'DB_PASSWORD' has a value",
              "warning token : in the configuration the variable 'GITHUB_TOKEN' has a value"});
  // What says itself what it is, is told as that, and once.
  CHECK(with_environment({"GITHUB_TOKEN=" + kGitHub}) ==
        Lines{"warning token : in the configuration is a token of GitHub, ghp_aaaa…"});
  CHECK(with_environment({"PATH=/bin", "GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568", "DB_PASSWORD=",
                          "DB_PASSWORD=${X}", "DB_PASSWORD=changeme", "DB_PASSWORD_FILE=/run/secrets/x",
                          "API_KEY=/run/secrets/x", "MAX_TOKEN=4096", "TOKENIZERS_PARALLELISM=false"}) == Lines{});
}

TEST_CASE("histories of other programs than shells", "[inspect][check]") {
  for (const std::string path :
       {"root/.Rhistory", "root/.node_repl_history", "root/.local/share/fish/fish_history"}) {
    INFO(path);
    CHECK(with_file(path, "ls\n") == Lines{"note history /" + path + ": 3 bytes of commands"});
  }
}
