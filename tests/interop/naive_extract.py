# SPDX-License-Identifier: Apache-2.0
"""Extracts layers the plain way, as root: one after the other into one directory, with the kernel following the links.

What flattening must agree with. It works inside a chroot, so that links of the image lead nowhere else."""

import errno
import os
import shutil
import stat
import tarfile

WHITEOUT, OPAQUE = b".wh.", b".wh..wh..opq"


class Refused(Exception):
    pass


class Extractor:
    """In the current root directory. `default_time` is that of directories which no layer names."""

    def __init__(self, default_time):
        self.default_time = default_time
        self.upper = set()  # paths that the current layer has put there
        self.named = set()  # of these, what has an entry of its own
        os.chdir("/")
        os.utime("/", (default_time, default_time))

    def begin_layer(self):
        self.upper = set()
        self.named = set()

    def apply(self, info, segments):
        """One member; `segments` are the (offset, bytes) of a file."""
        path = os.fsencode(info.name).strip(b"/")
        parts = [part for part in path.split(b"/") if part not in (b"", b".")]
        if not parts:
            self.set_metadata(b"/", info)
            return
        parent, name = b"/".join(parts[:-1]), parts[-1]
        if name.startswith(WHITEOUT):
            self.whiteout(parent, name)
        elif info.type == tarfile.LNKTYPE:
            self.hard_link(parent, name, os.fsencode(info.linkname))
        else:
            self.create(parent, name, info, segments)

    def whiteout(self, parent, name):
        if name == OPAQUE:
            if self.go(parent):
                self.remove_lower(os.getcwdb())
            return
        if not self.go(parent):
            return
        victim = os.path.join(os.getcwdb(), name[len(WHITEOUT):])
        if not os.path.lexists(victim):
            return
        if victim not in self.upper:
            self.remove(victim)
        elif is_directory(victim):
            self.renew(victim)
            self.remove_lower(victim)

    def hard_link(self, parent, name, target):
        directory, _, last = target.strip(b"/").rpartition(b"/")
        if not self.go(directory):
            raise Refused("no target")
        source = os.path.join(os.getcwdb(), last)
        if not os.path.lexists(source) or is_directory(source):
            raise Refused("no target")
        held = b"/held"
        with KeptTime(b"/"):
            os.link(source, held, follow_symlinks=False)
        self.enter(parent)
        here = os.path.join(os.getcwdb(), name)
        if os.path.lexists(here) and os.path.samestat(os.lstat(here), os.lstat(held)):
            if here == source:
                raise Refused("to itself")
        else:
            self.remove(here)
            if os.lstat(held).st_nlink == 1:
                raise Refused("the target was in the way")
            with KeptTime(os.path.dirname(here)):
                os.link(held, here, follow_symlinks=False)
        with KeptTime(b"/"):
            os.unlink(held)
        self.upper.add(here)

    def create(self, parent, name, info, segments):
        self.enter(parent)
        here = os.path.join(os.getcwdb(), name)
        if not (info.isdir() and is_directory(here)):
            self.remove(here)
            with KeptTime(os.path.dirname(here)):
                make_node(here, info, segments)
        self.set_metadata(here, info)
        self.upper.add(here)
        self.named.add(here)

    def go(self, path):
        """Goes to a directory that must be there."""
        os.chdir("/")
        try:
            os.chdir(path or b"/")
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Refused(str(error)) from error
            return False
        return True

    def enter(self, path):
        """Goes to a directory, making it and what stands in its way one."""
        os.chdir("/")
        self.walk(path)
        here = os.getcwdb()
        while here != b"/":
            self.upper.add(here)
            here = os.path.dirname(here)

    def walk(self, path):
        if path.startswith(b"/"):
            os.chdir("/")
        for part in path.split(b"/"):
            if part in (b"", b"."):
                continue
            try:
                os.chdir(part)
                continue
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                    raise Refused(str(error)) from error
            if os.path.islink(part):
                self.walk(os.readlink(part))
                continue
            self.remove(os.path.join(os.getcwdb(), part))
            with KeptTime(b"."):
                os.mkdir(part)
            os.chown(part, 0, 0)  # not the group of a setgid directory above
            os.chmod(part, 0o755)
            self.upper.add(os.path.join(os.getcwdb(), part))
            os.utime(part, (self.default_time, self.default_time))
            os.chdir(part)

    def remove(self, path):
        if not os.path.lexists(path):
            return
        with KeptTime(os.path.dirname(path)):
            if is_directory(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        for known in (self.upper, self.named):
            known -= {name for name in known if name == path or name.startswith(path + b"/")}

    def remove_lower(self, directory):
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            if path not in self.upper:
                self.remove(path)
            elif is_directory(path):
                self.renew(path)
                self.remove_lower(path)

    def renew(self, directory):
        """One that is hidden, and that the layer has not named, is one that no layer names."""
        if directory in self.named:
            return
        os.chown(directory, 0, 0)
        for name in os.listxattr(directory):
            os.removexattr(directory, name)
        os.chmod(directory, 0o755)
        os.utime(directory, (self.default_time, self.default_time))

    def set_metadata(self, path, info):
        os.chown(path, info.uid, info.gid, follow_symlinks=False)
        for name in os.listxattr(path, follow_symlinks=False):
            os.removexattr(path, name, follow_symlinks=False)
        for key, value in info.pax_headers.items():
            if key.startswith("SCHILY.xattr."):
                os.setxattr(path, key[len("SCHILY.xattr."):], os.fsencode(value), follow_symlinks=False)
        if not info.issym():
            os.chmod(path, info.mode)
        time = min(max(int(info.mtime // 1), 0), 2**32 - 1)  # what squashfs can hold
        os.utime(path, (time, time), follow_symlinks=False)


class KeptTime:
    """Puts things into a directory, or takes them out, without a trace in its time."""

    def __init__(self, directory):
        self.directory = directory or b"/"

    def __enter__(self):
        self.time = os.stat(self.directory).st_mtime_ns

    def __exit__(self, *_):
        os.utime(self.directory, ns=(self.time, self.time))


def is_directory(path):
    return os.path.isdir(path) and not os.path.islink(path)


def make_node(path, info, segments):
    if info.isdir():
        os.mkdir(path)
    elif info.issym():
        os.symlink(os.fsencode(info.linkname), path)
    elif info.ischr() or info.isblk():
        os.mknod(path, stat.S_IFCHR if info.ischr() else stat.S_IFBLK, os.makedev(info.devmajor, info.devminor))
    elif info.isfifo():
        os.mkfifo(path)
    else:
        with open(path, "wb") as file:
            for offset, data in segments:
                file.seek(offset)
                file.write(data)
            file.truncate(info.real_size)


def extract(root, layers, default_time):
    """Extracts `layers` (lists of (info, segments)) into `root`, a new directory. Returns the (layer, member) that is
    refused, or None."""
    shutil.rmtree(root, ignore_errors=True)
    os.mkdir(root)
    os.chmod(root, 0o755)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        result = b"died"
        try:
            os.umask(0)
            os.chroot(root)
            extractor = Extractor(default_time)
            result = b""
            for number, layer in enumerate(layers):
                extractor.begin_layer()
                for index, (info, segments) in enumerate(layer):
                    try:
                        extractor.apply(info, segments)
                    except Refused:
                        result = f"{number} {index}".encode()
                        break
                if result:
                    break
        except BaseException as error:  # to the parent
            result = repr(error).encode()
        os.write(writer, result)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        result = pipe.read().decode()
    os.waitpid(child, 0)
    if not result:
        return None
    try:
        number, index = map(int, result.split())
    except ValueError:
        raise RuntimeError(f"extraction: {result}") from None
    return number, index
