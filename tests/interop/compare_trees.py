# SPDX-License-Identifier: Apache-2.0
"""compare_trees.py [OPTIONS] EXPECTED FOUND: compares two trees, as root, in everything.

Names, types, modes, owners, times (in seconds), attributes, device numbers, hard links, sizes and contents. What a
container adds to an image may be found without being expected. Prints what differs; exit code 1."""

import argparse
import errno
import os
import stat
import sys

ADDED = {b".singularity.d", b"singularity", b"environment", b".test", b".run", b".exec", b".shell", b"dev", b"proc", b"root",
         b"var", b"var/tmp", b"tmp", b"etc", b"etc/hosts", b"etc/resolv.conf", b"sys", b"home"}
STORED_CAPABILITIES = {"security.capability": "user.sifkit.cap"}
PIECE = 1 << 22


def walk(root, ignored):
    """Path → lstat."""
    found = {}
    directories = [b""]
    while directories:
        directory = directories.pop()
        for name in os.listdir(os.path.join(root, directory)):
            path = os.path.join(directory, name)
            if path in ignored:
                continue
            status = os.lstat(os.path.join(root, path))
            found[path] = status
            if stat.S_ISDIR(status.st_mode):
                directories.append(path)
    found[b""] = os.lstat(root)
    return found


def groups(tree):
    """Path → the paths that are the same file."""
    names = {}
    for path, status in tree.items():
        if not stat.S_ISDIR(status.st_mode):
            names.setdefault(status.st_ino, set()).add(path)
    return {path: frozenset(same) for same in names.values() for path in same}


def data_ranges(fd, size):
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return
        at = min(os.lseek(fd, start, os.SEEK_HOLE), size)
        yield start, at


def same_contents(one, two, size):
    """Reads where either file has data."""
    with open(one, "rb") as first, open(two, "rb") as second:
        if size <= PIECE:
            return first.read() == second.read()
        ranges = [r for file in (first, second) for r in data_ranges(file.fileno(), size)]
        # A file system that knows no holes calls everything data; zeros are quick to compare.
        for start, end in ranges:
            for at in range(start, end, PIECE):
                count = min(PIECE, end - at)
                if os.pread(first.fileno(), count, at) != os.pread(second.fileno(), count, at):
                    return False
    return True


def attributes(path, prefix, renamed=None):
    """`renamed`: name → the name that it has in the other tree."""
    renamed = renamed or {}
    try:
        names = [name for name in os.listxattr(path, follow_symlinks=False) if renamed.get(name, name).startswith(prefix)]
    except OSError as error:
        if error.errno != errno.ENOTSUP:  # a squashfs without any
            raise
        names = []
    return {renamed.get(name, name): os.getxattr(path, name, follow_symlinks=False) for name in names}


def differences(one, two, options):
    ignored = tuple(os.fsencode(path) for path in options.ignore)
    expected, found = walk(one, ignored), walk(two, ignored)
    same_one, same_two = groups(expected), groups(found)
    loose = {os.fsencode(path.strip('.')) for path in options.loose_time}
    for path in sorted(expected.keys() | found.keys()):
        if path not in found:
            yield path, "is absent"
            continue
        if path not in expected:
            if path not in ADDED and not path.startswith(b".singularity.d/"):
                yield path, "should not be there"
            continue
        a, b = expected[path], found[path]
        directory = stat.S_ISDIR(a.st_mode) and stat.S_ISDIR(b.st_mode)
        if options.extractor and directory:
            # Tools differ in what a directory gets that no layer names, and in the time of one that others are made in. What is
            # made in a setgid directory is given its group and bit by the system, which Docker and umoci leave in part.
            if (b.st_uid, b.st_gid, b.st_mode & 0o7777) == (0, 0, 0o755):
                continue
            if (a.st_uid, a.st_gid, a.st_mode & 0o7777, b.st_uid, b.st_mode & 0o7777) == (0, 0, 0o755, 0, 0o2755):
                continue
        for field in ("mode", "uid", "gid", "rdev", "size", "mtime"):
            if directory and (field == "size" or (field == "mtime" and (options.extractor or path in loose))):
                continue
            left, right = getattr(a, "st_" + field), getattr(b, "st_" + field)
            if field == "mtime":
                left, right = int(left // 1), int(right // 1)
                if options.extractor:
                    right = min(max(right, 0), 2**32 - 1)
            if left != right:
                show = oct if field == "mode" else str
                yield path, f"{field} {show(right)} instead of {show(left)}"
        here, there = os.path.join(one, path), os.path.join(two, path)
        stored = STORED_CAPABILITIES if options.stored_capabilities and stat.S_ISREG(a.st_mode) else None
        left, right = attributes(here, options.attributes, stored), attributes(there, options.attributes)
        if left != right:
            yield path, f"attributes {right} instead of {left}"
        if same_one.get(path) != same_two.get(path):
            yield path, f"the same as {same_two.get(path)} instead of {same_one.get(path)}"
        if stat.S_ISLNK(a.st_mode) and stat.S_ISLNK(b.st_mode) and os.readlink(here) != os.readlink(there):
            yield path, f"leads to {os.readlink(there)} instead of {os.readlink(here)}"
        if stat.S_ISREG(a.st_mode) and stat.S_ISREG(b.st_mode) and a.st_size == b.st_size and not same_contents(here, there, a.st_size):
            yield path, "other contents"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--extractor", action="store_true", help="FOUND is by another tool: directories that no layer names may differ, times that squashfs cannot hold, and times of directories")
    parser.add_argument("--loose-time", action="append", default=[], metavar="FOLDER", help="a directory whose time may differ")
    parser.add_argument("--ignore", action="append", default=[], metavar="PATH", help="leave it out, and what is below")
    parser.add_argument("--attributes", default="", metavar="PREFIX", help="compare those only whose name starts with it")
    parser.add_argument("--stored-capabilities", action="store_true", help="FOUND has the capabilities of EXPECTED's files in the form that hinders nobody")
    parser.add_argument("expected", type=os.fsencode)
    parser.add_argument("found", type=os.fsencode)
    options = parser.parse_args()
    count = 0
    for path, what in differences(options.expected, options.found, options):
        count += 1
        if count <= 30:
            print(f"  {path!r}: {what}")
    if count > 30:
        print(f"  … {count} differences")
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    main()
