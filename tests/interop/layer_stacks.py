# SPDX-License-Identifier: Apache-2.0
"""layer_stacks.py SEED FOLDER: makes a random stack of layers that is hard to flatten.

FOLDER/layout is the image, FOLDER/tree what extracting it as root gives. When FOLDER/refused is there, the stack's last
member cannot be extracted, and the image must be refused."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import random
import struct
import sys
import tarfile

import naive_extract

CREATED, CREATED_SECONDS = "2024-02-29T12:34:56Z", 1709210096
LONG = "n" * 255
NAMES = ["a", "b", "c", "d", "é", "\udcff\udc80", "sp ace", "new\nline", "-r", "esc\x1b[1m", "back\\slash", ".whisper", LONG]
KINDS = {
    tarfile.CHRTYPE: [(1, 3), (0, 5), (4095, 1048575)],
    tarfile.BLKTYPE: [(8, 300), (250, 70000)],
}


class Member(tarfile.TarInfo):
    """A member with the size that the file has when it is extracted."""

    real_size = 0


class Stack:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.names = NAMES[:4] if self.rng.random() < 0.6 else NAMES
        self.files = ["a"]  # what a hard link may name
        self.layers, self.formats = [], []
        for _ in range(self.rng.randint(1, 5)):
            self.formats.append(self.rng.choice([tarfile.PAX_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
            self.layers.append([self.change() for _ in range(self.rng.randint(1, 14))])

    def path(self):
        depth = self.rng.choice([1, 1, 2, 2, 2, 3, 3, 4, 12])
        return "/".join(self.rng.choice(self.names) for _ in range(depth))

    def xattrs(self, kind):
        names = {"trusted.key": self.rng.randbytes(self.rng.choice([1, 20, 900])), "security.mark": b"\0\xff\n="}
        if kind in (tarfile.REGTYPE, tarfile.DIRTYPE):
            names["user.test"] = self.rng.randbytes(12)
            names["user.same"] = b"the same value for many files"
        if kind == tarfile.REGTYPE:
            names["security.capability"] = struct.pack("<IIIII", 0x02000001, self.rng.getrandbits(20), 0, 0, 0)
        chosen = self.rng.sample(sorted(names), self.rng.randint(1, len(names)))
        return {"SCHILY.xattr." + name: os.fsdecode(names[name]) for name in chosen}

    def member(self, kind, name, link="", segments=(), size=0):
        rng = self.rng
        info = Member(name)
        info.type = kind
        info.linkname = link
        info.real_size = size
        info.mode = rng.choice([0o644, 0o600, 0o755, 0o4755, 0o2750, 0o7777, 0])
        if kind == tarfile.DIRTYPE:
            info.mode = rng.choice([0o755, 0o700, 0o1777, 0o2770, 0])
        info.uid, info.gid = rng.choice([(0, 0), (1000, 1000), (4000000, 12), (2**32 - 2, 2**31)])
        info.mtime = rng.choice([rng.randint(0, 2**32 - 1), rng.randint(0, 2**31), 1709210096, 0, -86400, 2**32 + 5])
        if kind in KINDS:
            info.devmajor, info.devminor = rng.choice(KINDS[kind])
        if self.formats[-1] == tarfile.PAX_FORMAT:
            if rng.random() < 0.1:
                info.mtime += 0.75
            if kind != tarfile.LNKTYPE and rng.random() < 0.3:
                info.pax_headers.update(self.xattrs(kind))
        return info, list(segments)

    def file(self, name):
        self.files.append(name)
        size = self.rng.choice([0, 10, 3000, 131071, 131072, 131073, 300000])
        if self.rng.random() < 0.25:
            return self.sparse(name)
        data = self.rng.randbytes(size) if self.rng.random() < 0.7 else bytes(size)
        return self.member(tarfile.REGTYPE, name, segments=[(0, data)], size=size)

    def sparse(self, name):
        segments, at = [], 0
        for _ in range(self.rng.randint(0, 3)):
            at += 512 * self.rng.randint(0, 700)
            data = self.rng.randbytes(self.rng.choice([512, 4096, 140000]))
            segments.append((at, data))
            at += len(data)
        return self.member(tarfile.REGTYPE, name, segments=segments, size=at + self.rng.choice([0, 1, 400000]))

    def change(self):
        rng, name = self.rng, self.path()
        parent = name.rpartition("/")[0]
        below = parent + "/" if parent else ""
        pick = rng.random()
        if pick < 0.22:
            return self.member(tarfile.DIRTYPE, name)
        if pick < 0.32:
            return self.member(tarfile.REGTYPE, below + ".wh." + rng.choice(self.names)[:250])
        if pick < 0.37:
            return self.member(tarfile.REGTYPE, name + "/.wh..wh..opq")
        if pick < 0.38:
            return self.member(tarfile.REGTYPE, ".wh..wh..opq")
        if pick < 0.39:
            return self.member(tarfile.DIRTYPE, "./")
        if pick < 0.47:
            target = rng.choice(["a", "../b", "/c", "/a/b", "../../../d", "c/../d", "none", "none/at/all", "/", ".."])
            return self.member(tarfile.SYMTYPE, name, target)
        if pick < 0.55:
            target = rng.choice(self.files) if rng.random() < 0.9 else self.path()
            self.files.append(name)
            return self.member(tarfile.LNKTYPE, name, target)
        if pick < 0.60:
            kind = rng.choice([tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
            self.files.append(name)
            return self.member(kind, name)
        return self.file(name)

    def extract(self, root):
        """Leaves out what cannot be extracted, but for the last of all in some stacks. Returns whether one is left."""
        for _ in range(400):
            refused = naive_extract.extract(root, self.layers, CREATED_SECONDS)
            if refused is None:
                return False
            number, index = refused
            if number == len(self.layers) - 1 and self.rng.random() < 0.2:
                del self.layers[number][index + 1:]
                return True
            del self.layers[number][index]
        raise RuntimeError("no stack")


def large_files():
    """Files beyond 8 GiB, which do not fit an octal size, and beyond 4 GiB by one byte."""
    stack = Stack(0)
    stack.formats = [tarfile.PAX_FORMAT] * 2
    size = 8 * 2**30 + 4097
    stack.layers = [
        [
            stack.member(tarfile.REGTYPE, "large", segments=[(0, b"start" * 1000), (5 * 2**30 + 512, b"x" * 200000), (size - 4097, b"e" * 4097)], size=size),
            stack.member(tarfile.REGTYPE, "hole", segments=[], size=2**32 + 1),
        ],
        [stack.member(tarfile.LNKTYPE, "again", "large")],
    ]
    return stack


def add(tar, info, segments, rng):
    """Writes a member; files with holes in one of the two PAX ways."""
    whole = len(segments) == 1 and segments[0][0] == 0 and len(segments[0][1]) == info.real_size
    if info.type != tarfile.REGTYPE or tar.format == tarfile.GNU_FORMAT or whole:
        data = bytearray(info.real_size if info.type == tarfile.REGTYPE else 0)
        for offset, bytes_ in segments:
            data[offset:offset + len(bytes_)] = bytes_
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
        return
    written = tarfile.TarInfo("GNUSparseFile.0/x")
    for field in ("type", "mode", "uid", "gid", "mtime"):
        setattr(written, field, getattr(info, field))
    written.pax_headers = dict(info.pax_headers)
    places = [(offset, len(data)) for offset, data in segments] + [(info.real_size, 0)]
    data = b"".join(bytes_ for _, bytes_ in segments)
    written.pax_headers["GNU.sparse.name"] = info.name
    if rng.random() < 0.5:
        numbers = "".join(f"{number}\n" for number in [len(places)] + [n for place in places for n in place]).encode()
        data = numbers + bytes(-len(numbers) % 512) + data
        written.pax_headers.update({"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(info.real_size)})
    else:
        written.pax_headers.update({"GNU.sparse.size": str(info.real_size), "GNU.sparse.numblocks": str(len(places)),
                                    "GNU.sparse.map": ",".join(str(n) for place in places for n in place)})
    written.size = len(data)
    tar.addfile(written, io.BytesIO(data))


class Layout:
    """An OCI layout in a directory."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory + "/blobs/sha256", exist_ok=True)

    def blob(self, data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{self.directory}/blobs/sha256/{digest}", "wb") as file:
            file.write(data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    def write(self, layers):
        """`layers` are pairs of plain and stored bytes."""
        oci = "application/vnd.oci.image."
        config = {"created": CREATED, "architecture": "amd64", "os": "linux", "config": {"Cmd": ["true"]},
                  "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest() for plain, _ in layers]}}
        manifest = {"schemaVersion": 2, "mediaType": oci + "manifest.v1+json",
                    "config": self.blob(json.dumps(config).encode(), oci + "config.v1+json"),
                    "layers": [self.blob(stored, oci + "layer.v1.tar" + ("+gzip" if stored[:2] == b"\x1f\x8b" else "")) for _, stored in layers]}
        index = {"schemaVersion": 2, "manifests": [self.blob(json.dumps(manifest).encode(), oci + "manifest.v1+json")]}
        index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "x"}
        for name, document in (("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", index)):
            with open(f"{self.directory}/{name}", "w", encoding="ascii") as file:
                json.dump(document, file)


def main():
    what, directory = sys.argv[1:]
    stack = large_files() if what == "large" else Stack(int(what))
    os.makedirs(directory, exist_ok=True)
    if stack.extract(directory + "/tree"):
        with open(directory + "/refused", "w", encoding="ascii"):
            pass
    packers = [bytes, gzip.compress]
    if stack.rng.random() < 0.3:  # umoci knows none of these
        packers += [bz2.compress, lzma.compress]
    layers = []
    for members, form in zip(stack.layers, stack.formats):
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w", format=form) as tar:
            for info, segments in members:
                add(tar, info, segments, stack.rng)
        layers.append((plain.getvalue(), stack.rng.choice(packers)(plain.getvalue())))
    Layout(directory + "/layout").write(layers)


if __name__ == "__main__":
    main()
