# SPDX-License-Identifier: Apache-2.0
"""What the module offers, over the C interface."""

import ctypes
import errno
import io
import os
import threading
from typing import Any, BinaryIO, Callable, Dict, Iterable, List, Optional, Union

from ._library import WRITE, LimitExceeded, Message, Options, Progress, encode, library

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Record = Dict[str, Any]


# Of a SIF file as much is read by one call on the thread of the caller: a thread for it takes longer than that.
_READ_AT_ONCE = 1 << 20

# The seconds that a read has to stop when it is to, before that stops the image for good.
_PATIENCE = 1.0


def _bytes(path: Path) -> bytes:
    return encode(os.fspath(path))


def version() -> str:
    return library.sifkit_version().decode()


def versions() -> Dict[str, Optional[str]]:
    """The versions of the libraries in use; None for one that is not installed."""
    return Options({}, None, None).record(library.sifkit_version_record)["libraries"]


def build(target: Path, source: Path, *, labels: Optional[Dict[str, str]] = None, env: Optional[Dict[str, str]] = None,
          progress: Optional[Progress] = None, message: Optional[Message] = None, **options: Any) -> Record:
    """Converts the image that `source` names into `target`, which appears whole or not at all.

    `labels` and `env` are dictionaries.
    """
    chosen = Options(dict(options, label=[labels, options.get("label")], env=env), progress, message)
    return chosen.record(library.sifkit_build, _bytes(target), _bytes(source), chosen.pointer)


def inspect(source: Path, *, progress: Optional[Progress] = None, message: Optional[Message] = None,
            **options: Any) -> Record:
    """What an image is and says of itself: 'summary', 'attributes', 'oci_config'."""
    chosen = Options(options, progress, message)
    return chosen.record(library.sifkit_inspect, _bytes(source), chosen.pointer)


def digest(source: Path, *, progress: Optional[Progress] = None, message: Optional[Message] = None,
           **options: Any) -> Record:
    """Digests of an image as it is stored; with `tree=True`, of the files in it."""
    chosen = Options(options, progress, message)
    return chosen.record(library.sifkit_digest, _bytes(source), chosen.pointer)


def sign(file: Path, *, progress: Optional[Progress] = None, message: Optional[Message] = None,
         **options: Any) -> Record:
    """Signs a SIF file in place, with `key` (a file or several) or the user's own."""
    chosen = Options(options, progress, message)
    return chosen.record(library.sifkit_sign, _bytes(file), chosen.pointer)


def verify(file: Path, *, progress: Optional[Progress] = None, message: Optional[Message] = None,
           **options: Any) -> Record:
    """Verifies a SIF file. Returns what was found only if all of it is signed by keys that are trusted."""
    chosen = Options(options, progress, message)
    return chosen.record(library.sifkit_verify, _bytes(file), chosen.pointer)


def copy(source: Path, target: Path, *, progress: Optional[Progress] = None, message: Optional[Message] = None,
         **options: Any) -> Record:
    """Writes an image to "docker://NAME", "docker-daemon:NAME", "oci:DIR", "oci-archive:FILE" or "docker-archive:FILE"."""
    chosen = Options(options, progress, message)
    return chosen.record(library.sifkit_copy, _bytes(source), _bytes(target), chosen.pointer)


def pull(uri: str, target: Optional[Path] = None, *, progress: Optional[Progress] = None,
         message: Optional[Message] = None, **options: Any) -> Record:
    """Fetches "docker://NAME", "oras://NAME" or a URL as a SIF file; without `target`, of the name that the image gives it."""
    chosen = Options(options, progress, message)
    return chosen.record(library.sifkit_pull, None if target is None else _bytes(target), _bytes(uri), chosen.pointer)


def push(files: Union[Path, Iterable[Path]], uri: str, *, annotations: Optional[Dict[str, str]] = None,
         progress: Optional[Progress] = None, message: Optional[Message] = None, **options: Any) -> Record:
    """Puts SIF files, each of an architecture of its own, into a registry as "oras://NAME"."""
    listed = [files] if isinstance(files, (str, bytes, os.PathLike)) else list(files)
    names = (ctypes.c_char_p * len(listed))(*[_bytes(file) for file in listed])
    chosen = Options(dict(options, annotation=[annotations, options.get("annotation")]), progress, message)
    return chosen.record(library.sifkit_push, names, len(listed), _bytes(uri), chosen.pointer)


def check(source: Path, *, progress: Optional[Progress] = None, message: Optional[Message] = None,
          **options: Any) -> Record:
    """Whether an image will run on a cluster: 'errors', 'warnings', 'notes', 'findings', 'facts'. `for_` is the machine."""
    if "for_" in options:
        options["for"] = options.pop("for_")
    chosen = Options(options, progress, message)
    return chosen.record(library.sifkit_check, _bytes(source), chosen.pointer)


def diff(first: Path, second: Path, *, progress: Optional[Progress] = None, message: Optional[Message] = None,
         **options: Any) -> Record:
    """What makes the second image of the first: 'equal', 'files', 'configuration', 'packages'."""
    chosen = Options(options, progress, message)
    return chosen.record(library.sifkit_diff, _bytes(first), _bytes(second), chosen.pointer)


def sbom(source: Path, *, progress: Optional[Progress] = None, message: Optional[Message] = None,
         **options: Any) -> Record:
    """The packages in an image: SPDX, or CycloneDX with `format="cyclonedx"`."""
    chosen = Options(options, progress, message)
    return chosen.record(library.sifkit_sbom, _bytes(source), chosen.pointer)


def _write(to: BinaryIO, data: bytes) -> None:
    """Writes all of some bytes: a file without a buffer, and none else, may take a part of them."""
    if not isinstance(to, io.RawIOBase):
        to.write(data)
        return
    rest: Any = data
    while len(rest):
        taken = to.write(rest)
        if taken is None:
            raise BlockingIOError(errno.EAGAIN, "the file would block", len(data) - len(rest))
        if taken == 0:
            raise OSError(errno.EIO, "the file takes no bytes")
        rest = memoryview(data)[len(data) - len(rest) + taken:]


class Image:
    """An image of any source, open to be looked into. Nothing of it is unpacked, mounted or run.

    Threads may share it, and wait for each other.
    """

    def __init__(self, source: Path, *, progress: Optional[Progress] = None, message: Optional[Message] = None,
                 **options: Any) -> None:
        # The library takes an image for one thread at a time. The functions of a call may use it in turn.
        self._lock = threading.RLock()
        self._calls = 0
        self._open = False
        self._packed: Optional[bool] = None  # whether it is a SIF file or a squashfs, once that is known
        self._pointer = ctypes.c_void_p()
        self._options = Options(options, progress, message)
        self._options.call(library.sifkit_image_open, _bytes(source), self._options.pointer, ctypes.byref(self._pointer))
        self._open = True

    def __enter__(self) -> "Image":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_pointer"):
            self.close()

    def close(self) -> None:
        """Waits for the calls of other threads. In a function that a call was given, closes when that is over."""
        with self._lock:
            self._open = False
            self._close_if_done()

    def _close_if_done(self) -> None:
        if not self._open and self._calls == 0:
            pointer, self._pointer = self._pointer, ctypes.c_void_p()
            library.sifkit_image_close(pointer)

    def _use(self, call: Callable[[ctypes.c_void_p], Any]) -> Any:
        with self._lock:
            self._calls += 1
            try:
                return call(self._pointer if self._open else ctypes.c_void_p())
            finally:
                self._calls -= 1
                self._close_if_done()

    def files(self, path: Path = "/", *, recursive: bool = False) -> List[Record]:
        """The files in a directory; of another file that one."""
        name = _bytes(path)
        return self._use(lambda image: self._options.record(library.sifkit_image_list, image, name, int(recursive),
                                                            beside=False, patience=_PATIENCE))["files"]

    def stat(self, path: Path, *, follow: bool = True) -> Record:
        name = _bytes(path)
        return self._use(lambda image: self._options.record(library.sifkit_image_stat, image, name, int(follow),
                                                            beside=False, patience=_PATIENCE))["files"][0]

    def read(self, path: Path) -> bytes:
        """The bytes of a file."""
        with self._lock:
            if self._reads_at_once(path):
                try:
                    return self._use(lambda image: self._read_at_once(image, _bytes(path)))
                except LimitExceeded:
                    pass  # a piece at a time, so that it can be stopped
            parts: List[bytes] = []
            self._read(path, parts.append, here=True)
            return b"".join(parts)

    def copy(self, path: Path, to: BinaryIO) -> None:
        """Writes the bytes of a file to another, a piece at a time."""
        self._read(path, lambda data: _write(to, data))

    def _reads_at_once(self, path: Path) -> bool:
        """Whether a file that is not large takes no time: of an image in layers these are read up to it."""
        if self._packed is None:
            file = self.stat(path)
            if file["type"] != "regular" or not file["size"]:
                return False
            self._packed = file.get("layer", 0) is None
        return self._packed

    def _read_at_once(self, image: ctypes.c_void_p, name: bytes) -> bytes:
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        try:
            self._options.call(library.sifkit_image_read_all, image, name, _READ_AT_ONCE, ctypes.byref(data),
                               ctypes.byref(size), beside=False, patience=_PATIENCE)
            return ctypes.string_at(data, size.value)
        finally:
            library.sifkit_free(data)

    def _read(self, path: Path, take: Callable[[bytes], Any], here: bool = False) -> None:
        name = _bytes(path)
        write = WRITE(self._options.calls.guard(lambda _, start, size: take(ctypes.string_at(start, size)), here))
        self._use(lambda image: self._options.call(library.sifkit_image_read, image, name, write, None,
                                                   patience=_PATIENCE))


def open(source: Path, *, progress: Optional[Progress] = None, message: Optional[Message] = None,  # noqa: A001
         **options: Any) -> Image:
    """Opens an image of any source; `with sifkit.open(…) as image`."""
    return Image(source, progress=progress, message=message, **options)
