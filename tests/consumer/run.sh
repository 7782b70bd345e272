#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the package, moves it, and builds a program with it, by find_package and by pkg-config.
#
# run.sh SOURCE BUILD static|shared   shared: BUILD's objects are made again, into a shared library
set -euo pipefail
source=$1 build=$2 kind=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work

if [ "$kind" = shared ]; then
  grep -E '^CMAKE_(BUILD_TYPE|C_COMPILER|CXX_COMPILER|CXX_FLAGS|CXX_FLAGS_DEBUG):|^SIFKIT_DEVELOPER_MODE:' "$build/CMakeCache.txt" |
    sed -E 's/^([^:]*):[^=]*=(.*)$/set(\1 "\2" CACHE STRING "")/' >"$work/cache.cmake"
  cmake -S "$source" -B "$work/build" -G Ninja -C "$work/cache.cmake" -DBUILD_SHARED_LIBS=ON -DSIFKIT_BUILD_TESTS=OFF >/dev/null
  cmake --build "$work/build" >"$work/log" || { tail -20 "$work/log"; exit 1; }
  build=$work/build
fi
cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/usr"
packages=$(dirname "$(find "$work/usr" -name sifkit.pc)")
libraries=$(dirname "$packages")

# What is installed names no place of this machine's.
if grep -rlI -e "$source" -e "$build" -e "$work/first" "$work/usr"; then
  echo "these files name the directory that they were built in"
  exit 1
fi
for file in bin/sifkit share/man/man1/sifkit.1 share/bash-completion/completions/sifkit include/sifkit/version.h; do
  [ -s "$work/usr/$file" ] || { echo "$file was not installed"; exit 1; }
done

# Every header stands alone, with no other library's headers.
if grep -rhoE '#include <[^>]*>' "$work/usr/include" | grep -v '<sifkit/' | grep -vE '<([a-z_]+|stddef.h|stdint.h)>' | sort -u | grep .; then
  echo "public headers include headers of other libraries"
  exit 1
fi
(cd "$work/usr/include" && find sifkit.h sifkit -name '*.h') | while read -r header; do
  echo "#include <$header>" | "${CXX:-c++}" -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I"$work/usr/include" -x c++ - || { echo "$header does not stand alone"; exit 1; }
done

# An image to look at, by the installed program.
mkdir "$work/tree"
"$work/usr/bin/sifkit" build -q "$work/app.sif" "dir:$work/tree"
openssl genpkey -algorithm ed25519 -out "$work/key.pem" 2>/dev/null
openssl pkey -in "$work/key.pem" -pubout -out "$work/key.pub" 2>/dev/null
"$work/usr/bin/sifkit" sign -q --key "$work/key.pem" "$work/app.sif"
export LD_LIBRARY_PATH=$libraries
try() {
  local said
  said=$("$1" "$work/app.sif" "$work/key.pub")
  echo "$2: $(tail -1 <<<"$said")"
  grep -q ': verified$' <<<"$said"
}

cmake -S "$source/tests/consumer" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$work/usr" >/dev/null
cmake --build "$work/consumer" >/dev/null
try "$work/consumer/consumer" find_package

export PKG_CONFIG_PATH=$packages
# Older readers of these files refuse a field that is there twice.
[ "$(cut -d: -f1 "$packages/sifkit.pc" | sort | uniq -d)" = "" ] || { echo "a field of sifkit.pc is there twice"; exit 1; }
# shellcheck disable=SC2046  # the words are what is wanted
"${CXX:-c++}" -std=c++20 "$source/tests/consumer/main.cpp" $(pkg-config --cflags --libs sifkit) -o "$work/by_hand"
try "$work/by_hand" pkg-config

# A static library of C++ says what a project of C alone lacks.
if [ "$kind" = static ]; then
  mkdir "$work/only_c"
  printf '%s\n' 'cmake_minimum_required(VERSION 3.20)' 'project(c LANGUAGES C)' 'find_package(sifkit REQUIRED)' >"$work/only_c/CMakeLists.txt"
  ! cmake -S "$work/only_c" -B "$work/only_c/build" -DCMAKE_PREFIX_PATH="$work/usr" >"$work/only_c/log" 2>&1
  grep -q 'has to enable CXX' "$work/only_c/log" || { cat "$work/only_c/log"; exit 1; }
fi

# A C program, by pkg-config.
language=(-lstdc++ -lm)
[ "$kind" = static ] || language=()
# shellcheck disable=SC2046
"${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror "$source/tests/consumer/main.c" $(pkg-config --cflags --libs sifkit) "${language[@]}" -o "$work/by_c"
try "$work/by_c" "C program"

# A shared library shows our names, and what C++ makes of templates and inline functions of the standard library.
library=$libraries/libsifkit.so
if [ "$kind" = shared ]; then
  others=$(nm -DC --defined-only "$library" | sed -E 's/^[0-9a-f]* . //' | grep -vE '(^|[ (])(sifkit|std|__gnu_cxx)::|^sifkit_[a-z_]*$' || true)
  if [ -n "$others" ]; then
    echo "the shared library shows names that are not ours:"
    head -20 <<<"$others"
    exit 1
  fi
  readelf -d "$library" | grep SONAME
fi
