#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What examples/ shows works: EXAMPLES names the directory of the programs.
. "$(dirname "$0")/lib.sh"
need openssl

cd "$work"
openssl genpkey -algorithm ed25519 -out key.pem 2>/dev/null
openssl pkey -in key.pem -pubout -out key.pub
echo '{"spdxVersion": "SPDX-2.3"}' >sbom.json
"$SIFKIT" sif new x.sif
echo definition | "$SIFKIT" sif add x.sif - --datatype 1 --groupid 1
if "$EXAMPLES/add_sbom" x.sif key.pub sbom.json 2>error; then exit 1; else [ $? -eq 13 ]; fi
"$SIFKIT" sign -q --key key.pem x.sif
"$EXAMPLES/add_sbom" x.sif key.pub sbom.json | tee out
grep -q 'added object 3 in group 2' out
"$SIFKIT" verify -q --key key.pub -g 1 x.sif
"$SIFKIT" sif dump 3 x.sif | cmp - sbom.json

mkdir root
echo text >root/file
tar -C root -cf root.tar .
"$EXAMPLES/convert_image" tar:root.tar new.sif | tee out
grep -q "^sha256:$(sha256sum new.sif | cut -d' ' -f1) new.sif\$" out
[ "$("$SIFKIT" cat new.sif file)" = text ]
if "$EXAMPLES/convert_image" tar:root.tar new.sif 2>error; then exit 1; fi
grep -q 'new.sif' error
