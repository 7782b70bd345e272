# SPDX-License-Identifier: Apache-2.0
"""The first inputs of the fuzz target 'packages': each container of rpm with a package in it, and programs that list theirs."""
import os
import sqlite3
import struct
import tempfile
import zlib


def rpm_header(texts):
    index, data = b"", b""
    for tag, text in texts:
        index += struct.pack(">IIII", tag, 6, len(data), 1)
        data += text.encode() + b"\0"
    return struct.pack(">II", len(texts), len(data)) + index + data


def ndb(header):
    blocks = (16 + len(header) + 12 + 15) // 16
    slots = struct.pack("<4s7I", b"RpmP", 0, 1, 1, 0, 0, 0, 0) + struct.pack("<4s3I", b"Slot", 1, 256, blocks)
    slots += struct.pack("<4s3I", b"Slot", 0, 0, 0) * ((4096 - len(slots)) // 16)
    blob = struct.pack("<4s3I", b"BlbS", 1, 1, len(header)) + header
    return slots + blob.ljust(blocks * 16 - 12, b"\0") + struct.pack("<2I4s", 0, len(header), b"BlbE")


def berkeley(header, order):
    size = 512
    meta = bytearray(size)
    struct.pack_into(order + "I", meta, 12, 0x061561)
    struct.pack_into(order + "I", meta, 20, size)
    table = bytearray(size)
    struct.pack_into(order + "H", table, 20, 2)
    table[25] = 13
    struct.pack_into(order + "HH", table, 26, 500, 480)
    struct.pack_into(order + "B3xII", table, 480, 3, 2, len(header))
    pages, parts = b"", [header[i : i + size - 26] for i in range(0, len(header), size - 26)]
    for number, part in enumerate(parts):
        page = bytearray(size)
        struct.pack_into(order + "I", page, 16, number + 3 if number + 1 < len(parts) else 0)
        struct.pack_into(order + "H", page, 22, len(part))
        page[25] = 7
        page[26 : 26 + len(part)] = part
        pages += page
    return bytes(meta + table) + pages


def sqlite(header):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "rpmdb.sqlite")
        database = sqlite3.connect(path)
        database.execute("PRAGMA page_size=512")
        database.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        database.execute("INSERT INTO Packages (blob) VALUES (?)", (header,))
        database.commit()
        database.close()
        return open(path, "rb").read()


def elf(section, body):
    names = b"\0" + section + b"\0.shstrtab\0"
    headers = bytes(64)
    headers += struct.pack("<IIQQQQIIQQ", 1, 1, 0, 0, 64, len(body), 0, 0, 1, 0)
    headers += struct.pack("<IIQQQQIIQQ", 2 + len(section), 3, 0, 0, 64 + len(body), len(names), 0, 0, 1, 0)
    start = struct.pack("<4s5B7xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 0, 2, 62, 1, 0, 0, 64 + len(body) + len(names), 0, 64, 0, 0, 64, 3, 2)
    return start + body + names + headers


def counted(text):
    size, out = len(text), b""
    while size >= 0x80:
        out += bytes([size & 0x7F | 0x80])
        size >>= 7
    return out + bytes([size]) + text


def package_seeds(seed):
    header = rpm_header([(1000, "bash"), (1001, "5.1"), (1002, "2"), (1014, "GPLv3+"), (1022, "x86_64"), (1044, "bash.src.rpm")])
    seed("packages", "header", header)
    seed("packages", "ndb", ndb(header))
    seed("packages", "berkeley-little", berkeley(header, "<"))
    seed("packages", "berkeley-big", berkeley(header, ">"))
    seed("packages", "sqlite", sqlite(header))
    mark = b"0" * 16
    modules = b"path\ta.b/c\nmod\ta.b/c\t(devel)\t\ndep\td.e/f\tv1.2.3\th1:x\n=>\tg.h/f\tv1.2.4\th1:y\nbuild\tvcs.revision=0123\n"
    seed("packages", "go", elf(b".go.buildinfo", b"\xff Go buildinf:\x08\x02" + bytes(16) + counted(b"go1.22.3") + counted(mark + modules + mark)))
    seed("packages", "go-old", elf(b".go.buildinfo", b"\xff Go buildinf:\x08\x00" + bytes(16)))
    seed("packages", "rust", elf(b".dep-v0", zlib.compress(b'{"packages":[{"name":"regex","version":"1.9.1","source":"crates.io"}]}')))
