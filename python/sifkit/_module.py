# SPDX-License-Identifier: Apache-2.0
"""What the module offers, over the C interface."""

import ctypes
import os
from typing import Any, BinaryIO, Dict, List, Optional, Sequence, Union

from ._library import WRITE, Message, Options, Progress, library

Path = Union[str, "os.PathLike[str]"]
Record = Dict[str, Any]


def _bytes(path: Path) -> bytes:
    return os.fsencode(os.fspath(path))


def _joined(pairs: Optional[Dict[str, str]], more: Any) -> List[Any]:
    """What a dictionary and an option of the same meaning give together."""
    listed = ["%s=%s" % pair for pair in (pairs or {}).items()]
    return listed + (list(more) if isinstance(more, (list, tuple)) else [] if more is None else [more])


def version() -> str:
    return library.sifkit_version().decode()


def versions() -> Dict[str, Optional[str]]:
    """The versions of the libraries in use; None for one that is not installed."""
    return Options({}, None, None).record(library.sifkit_version_record)["libraries"]


def build(target: Path, source: Path, *, labels: Optional[Dict[str, str]] = None, env: Optional[Dict[str, str]] = None,
          progress: Optional[Progress] = None, message: Optional[Message] = None, **options: Any) -> Record:
    """Converts the image that `source` names into `target`, which appears whole or not at all.

    `progress(stage, done, total)` is called on the way; what it raises stops the build, and is raised.
    """
    chosen = Options(dict(options, label=_joined(labels, options.get("label")), env=env), progress, message)
    return chosen.record(library.sifkit_build, _bytes(target), _bytes(source), chosen.pointer)


def inspect(source: Path, **options: Any) -> Record:
    """What an image is and says of itself: 'summary', 'attributes', 'oci_config'."""
    chosen = Options(options, None, None)
    return chosen.record(library.sifkit_inspect, _bytes(source), chosen.pointer)


def digest(source: Path, **options: Any) -> Record:
    """Digests of an image as it is stored; with `tree=True`, of the files in it."""
    chosen = Options(options, None, None)
    return chosen.record(library.sifkit_digest, _bytes(source), chosen.pointer)


def sign(file: Path, *, progress: Optional[Progress] = None, **options: Any) -> Record:
    """Signs a SIF file in place, with `key` (a file or several) or the user's own."""
    chosen = Options(options, progress, None)
    return chosen.record(library.sifkit_sign, _bytes(file), chosen.pointer)


def verify(file: Path, *, progress: Optional[Progress] = None, **options: Any) -> Record:
    """Verifies a SIF file. Returns what was found only if all of it is signed by keys that are trusted."""
    chosen = Options(options, progress, None)
    return chosen.record(library.sifkit_verify, _bytes(file), chosen.pointer)


def copy(source: Path, target: str, *, progress: Optional[Progress] = None, **options: Any) -> Record:
    """Writes an image to "docker://NAME", "docker-daemon:NAME", "oci:DIR", "oci-archive:FILE" or "docker-archive:FILE"."""
    chosen = Options(options, progress, None)
    return chosen.record(library.sifkit_copy, _bytes(source), _bytes(target), chosen.pointer)


def pull(uri: str, target: Optional[Path] = None, *, progress: Optional[Progress] = None, **options: Any) -> Record:
    """Fetches "docker://NAME", "oras://NAME" or a URL as a SIF file; without `target`, of the name that the image gives it."""
    chosen = Options(options, progress, None)
    return chosen.record(library.sifkit_pull, None if target is None else _bytes(target), _bytes(uri), chosen.pointer)


def push(files: Union[Path, Sequence[Path]], uri: str, *, annotations: Optional[Dict[str, str]] = None,
         progress: Optional[Progress] = None, **options: Any) -> Record:
    """Puts SIF files, each of an architecture of its own, into a registry as "oras://NAME"."""
    listed = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    names = (ctypes.c_char_p * len(listed))(*[_bytes(file) for file in listed])
    chosen = Options(dict(options, annotation=_joined(annotations, options.get("annotation"))), progress, None)
    return chosen.record(library.sifkit_push, names, len(listed), _bytes(uri), chosen.pointer)


def check(source: Path, **options: Any) -> Record:
    """Whether an image will run on a cluster: 'errors', 'warnings', 'notes', 'findings', 'facts'. `for_` is the machine."""
    if "for_" in options:
        options["for"] = options.pop("for_")
    chosen = Options(options, None, None)
    return chosen.record(library.sifkit_check, _bytes(source), chosen.pointer)


def diff(first: Path, second: Path, **options: Any) -> Record:
    """What makes the second image of the first: 'equal', 'files', 'configuration', 'packages'."""
    chosen = Options(options, None, None)
    return chosen.record(library.sifkit_diff, _bytes(first), _bytes(second), chosen.pointer)


def sbom(source: Path, **options: Any) -> Record:
    """The packages in an image: SPDX, or CycloneDX with `format="cyclonedx"`."""
    chosen = Options(options, None, None)
    return chosen.record(library.sifkit_sbom, _bytes(source), chosen.pointer)


class Image:
    """An image of any source, open to be looked into. Nothing of it is unpacked, mounted or run."""

    def __init__(self, source: Path, **options: Any) -> None:
        self._options = Options(options, None, None)
        self._pointer = ctypes.c_void_p()
        self._options.call(library.sifkit_image_open, _bytes(source), self._options.pointer, ctypes.byref(self._pointer))

    def __enter__(self) -> "Image":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_pointer"):
            self.close()

    def close(self) -> None:
        library.sifkit_image_close(self._pointer)
        self._pointer = ctypes.c_void_p()

    def files(self, path: str = "/", *, recursive: bool = False) -> List[Record]:
        """The files in a directory; of another file that one."""
        return self._options.record(library.sifkit_image_list, self._pointer, _bytes(path), int(recursive))["files"]

    def stat(self, path: str, *, follow: bool = True) -> Record:
        return self._options.record(library.sifkit_image_stat, self._pointer, _bytes(path), int(follow))["files"][0]

    def read(self, path: str) -> bytes:
        """The bytes of a file."""
        parts: List[bytes] = []
        self._read(path, parts.append)
        return b"".join(parts)

    def copy(self, path: str, to: BinaryIO) -> None:
        """Writes the bytes of a file to another, a piece at a time."""
        self._read(path, to.write)

    def _read(self, path: str, take: Any) -> None:
        write = WRITE(self._options._guard(lambda _, start, size: take(ctypes.string_at(start, size))))
        self._options.call(library.sifkit_image_read, self._pointer, _bytes(path), write, None)


def open(source: Path, **options: Any) -> Image:  # noqa: A001
    """Opens an image of any source; `with sifkit.open(…) as image`."""
    return Image(source, **options)
