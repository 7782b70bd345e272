# SPDX-License-Identifier: Apache-2.0
"""Writes a random stack of layers as tar files and prints their names: random_layers.py SEED FOLDER."""

import io
import random
import sys
import tarfile

seed, folder = int(sys.argv[1]), sys.argv[2]
rng = random.Random(seed)
NAMES = ["a", "b", "c", "d"]


def path(depth=3):
    return "/".join(rng.choice(NAMES) for _ in range(rng.randint(1, depth)))


def member(kind, name, link="", data=b""):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    info.size = len(data)
    info.mode = rng.choice([0o644, 0o600, 0o755, 0o4755, 0o2750, 0])
    if kind == tarfile.DIRTYPE:
        info.mode = rng.choice([0o755, 0o700, 0o1777])
    info.uid, info.gid = rng.choice([(0, 0), (1000, 1000), (4000000, 12)])
    info.mtime = rng.randint(0, 2**31)
    if kind in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        info.devmajor, info.devminor = rng.choice([(1, 3), (8, 300), (250, 70000)])
    if kind == tarfile.REGTYPE and rng.random() < 0.3:
        info.pax_headers = {"SCHILY.xattr.user.test": str(rng.random())}
    return info, data


def parent_of(name):
    return name.rsplit("/", 1)[0] + "/" if "/" in name else ""


files = []  # what a hard link may name


def change():
    name = path()
    pick = rng.random()
    if pick < 0.20:
        return member(tarfile.DIRTYPE, name)
    if pick < 0.30:
        return member(tarfile.REGTYPE, parent_of(name) + ".wh." + rng.choice(NAMES))
    if pick < 0.36:
        return member(tarfile.REGTYPE, name + "/.wh..wh..opq")
    if pick < 0.42:
        return member(tarfile.SYMTYPE, name, rng.choice(["a", "../b", "/c", "/a/b", "../../../d", "c/d", "none"]))
    if pick < 0.50:
        return member(tarfile.LNKTYPE, name, rng.choice(files) if files and rng.random() < 0.9 else path())
    if pick < 0.54:
        return member(rng.choice([tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]), name)
    size = rng.choice([0, 10, 3000, 131072, 300000])
    files.append(name)
    return member(tarfile.REGTYPE, name, data=rng.randbytes(size))


for number in range(rng.randint(1, 4)):
    file = f"{folder}/layer-{number}.tar"
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        for _ in range(rng.randint(1, 7)):
            info, data = change()
            tar.addfile(info, io.BytesIO(data))
    print(file)
