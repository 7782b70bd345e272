#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# templates.sh SOURCE PROGRAM: runs the Makefile; has the others read by what reads them, where that is there.
set -euo pipefail
source=$1 program=$2
templates=$source/templates
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work

# The Makefile: makes, does nothing where nothing has changed, makes again, signs.
mkdir -p "$work/layer/etc" "$work/layer/bin"
image() { # image TEXT
  echo "$1" >"$work/layer/etc/motd"
  rm -rf "$work/image"
  mkdir "$work/image"
  tar -C "$work/layer" --owner=0 --group=0 --mtime=@0 --sort=name -cf "$work/image/layer.tar" bin etc
  printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$(sha256sum "$work/image/layer.tar" | cut -d' ' -f1)" >"$work/image/config.json"
  echo '[{"Config":"config.json","RepoTags":["app:1"],"Layers":["layer.tar"]}]' >"$work/image/manifest.json"
  tar -C "$work/image" -cf "$work/app.tar" manifest.json config.json layer.tar
}
make_image() { make -C "$work" -f "$templates/Makefile" SIFKIT="$program" "$@" app.sif; }
motd() { "$program" cat "$work/app.sif" /etc/motd; }
image one
make_image >/dev/null
[ "$(motd)" = one ]
[[ $(make_image) == *"'app.sif' is up to date"* ]]
image two
touch -d '-1 minute' "$work/app.sif"
openssl genpkey -algorithm ed25519 -out "$work/key.pem" 2>/dev/null
openssl pkey -in "$work/key.pem" -pubout -out "$work/key.pub"
make_image KEY="$work/key.pem" >/dev/null
[ "$(motd)" = two ]
"$program" verify --quiet --key "$work/key.pub" "$work/app.sif"

# Python's grammar is that of Spack's and EasyBuild's files; what they name is asked for by the source.
python3 - "$templates" "$source" <<'END'
import ast, pathlib, re, sys
templates, source = map(pathlib.Path, sys.argv[1:])
version = re.search(r"project\(sifkit VERSION ([0-9.]+)", (source / "CMakeLists.txt").read_text()).group(1)
spack = ast.parse((templates / "spack/package.py").read_text())
versions = [call.args[0].value for call in ast.walk(spack) if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "version"]
assert versions == [version], versions
[easybuild] = (templates / "easybuild").iterdir()
names = {t.id: s.value for s in ast.parse(easybuild.read_text()).body if isinstance(s, ast.Assign) for t in s.targets}
spack_names = {call.args[0].value.split("@")[0] for call in ast.walk(spack) if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "depends_on"}
easybuild_names = easybuild.read_text()
for word, of_spack, of_easybuild in (("libtomlplusplus-dev", "tomlplusplus", "libtomlplusplus-dev"), ("libyaml-dev", "libyaml", "'libyaml'")):
    assert word in (source / "scripts/setup").read_text(), word
    assert of_spack in spack_names and of_easybuild in easybuild_names, word
assert names["version"].value == version and easybuild.name.startswith("sifkit-%s-" % version)
END

# Pipelines are YAML; each line for a shell is one that it can parse, and each verb and option is one that there is.
python3 - "$templates" <<'END' >"$work/lines"
import pathlib, re, sys
for name in ("github-workflow.yml", "gitlab-ci.yml", "Jenkinsfile"):
    text = (pathlib.Path(sys.argv[1]) / name).read_text()
    if name.endswith(".yml"):
        try:
            import yaml
        except ImportError:
            pass
        else:
            assert isinstance(yaml.safe_load(text), dict), name
    assert "pip install sifkit" not in text and "#sha256=" in text, name
    assert not re.search(r"--creds|--password|PASSWORD\b.*sifkit", text), name
    lines = re.findall(r"^ *- (?:run: )?((?:pip|docker|sifkit) .*)$|^ *sh '(.*)'$", text, re.M)
    assert len(lines) >= 3, name
    print("\n".join(a or b for a, b in lines))
END
bash -n "$work/lines"
grep -oE 'sifkit (build|check) .*' "$work/lines" | while read -r _ verb rest; do
  help=$("$program" "$verb" --help)
  for option in $(grep -oE -- '--[a-z-]+' <<<"$rest"); do
    grep -q -- "$option" <<<"$help" || { echo "no option $option of $verb"; exit 1; }
  done
done

# The module: what it does, told by functions in the place of Lmod's.
for lua in lua lua5.4 lua5.3 lua5.1 luajit; do command -v "$lua" >/dev/null && break || lua=; done
if [ -n "$lua" ]; then
  cat >"$work/lmod.lua" <<'END'
function myModuleVersion() return "9.9" end
function pathJoin(...) return table.concat({...}, "/") end
function whatis(text) print("whatis " .. text) end
function help() end
function prepend_path(name, value) print(name .. "=" .. value) end
END
  said=$("$lua" -e "dofile('$work/lmod.lua'); dofile('$templates/modulefiles/sifkit/template.lua')")
  grep -qx 'PATH=/opt/apps/sifkit/9.9/bin' <<<"$said"
  grep -qx 'MANPATH=/opt/apps/sifkit/9.9/share/man' <<<"$said"
fi
echo "the templates: all as expected"
