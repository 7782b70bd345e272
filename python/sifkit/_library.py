# SPDX-License-Identifier: Apache-2.0
"""The C interface (sifkit.h) by ctypes, and its errors as exceptions."""

import ctypes
import functools
import json
import os
import threading
import weakref
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Type

from ._calls import Calls

C_API = 1

Progress = Callable[[str, int, int], Any]
Message = Callable[[str, str], Any]


class Error(Exception):
    """What went wrong. `kind` is a stable word, `hint` says what to do and may be empty, `context` where it was."""

    kind = ""

    def __init__(self, message: str, hint: str = "", exit_code: int = 70, context: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
        self.context = list(context)
        self.record: Optional[Dict[str, Any]] = None  #: of a verification that failed: what was found


class UsageError(Error):
    kind = "usage"


class NotFound(Error):
    kind = "not_found"


class Exists(Error):
    kind = "exists"


class InputOutput(Error):
    kind = "io"


class NoSpace(Error):
    kind = "no_space"


class Malformed(Error):
    kind = "malformed"


class Integrity(Error):
    kind = "integrity"


class Unsupported(Error):
    kind = "unsupported"


class LimitExceeded(Error):
    kind = "limit"


class Denied(Error):
    kind = "denied"


class NetworkError(Error):
    kind = "network"


class Unsigned(Error):
    kind = "unsigned"


class Untrusted(Error):
    kind = "untrusted"


class Tampered(Error):
    kind = "tampered"


class Internal(Error):
    kind = "internal"


class Cancelled(Error):
    kind = "cancelled"


_KINDS: Dict[str, Type[Error]] = {known.kind: known for known in Error.__subclasses__()}

PROGRESS = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64, ctypes.c_uint64)
MESSAGE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p)
WRITE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

_TEXT = ctypes.c_char_p
_POINTER = ctypes.c_void_p
_OUT = ctypes.POINTER(ctypes.c_void_p)

_FUNCTIONS = {
    "sifkit_version": (_TEXT, []),
    "sifkit_c_api": (ctypes.c_int, []),
    "sifkit_version_record": (ctypes.c_int, [_OUT, _OUT]),
    "sifkit_error_kind": (_TEXT, [_POINTER]),
    "sifkit_error_exit_code": (ctypes.c_int, [_POINTER]),
    "sifkit_error_message": (_TEXT, [_POINTER]),
    "sifkit_error_hint": (_TEXT, [_POINTER]),
    "sifkit_error_json": (_TEXT, [_POINTER]),
    "sifkit_error_free": (None, [_POINTER]),
    "sifkit_free": (None, [_POINTER]),
    "sifkit_options_new": (_POINTER, []),
    "sifkit_options_free": (None, [_POINTER]),
    "sifkit_options_set": (ctypes.c_int, [_POINTER, _TEXT, _TEXT, _OUT]),
    "sifkit_options_on_progress": (None, [_POINTER, PROGRESS, _POINTER]),
    "sifkit_options_on_message": (None, [_POINTER, MESSAGE, _POINTER]),
    "sifkit_build": (ctypes.c_int, [_TEXT, _TEXT, _POINTER, _OUT, _OUT]),
    "sifkit_inspect": (ctypes.c_int, [_TEXT, _POINTER, _OUT, _OUT]),
    "sifkit_digest": (ctypes.c_int, [_TEXT, _POINTER, _OUT, _OUT]),
    "sifkit_sign": (ctypes.c_int, [_TEXT, _POINTER, _OUT, _OUT]),
    "sifkit_verify": (ctypes.c_int, [_TEXT, _POINTER, _OUT, _OUT]),
    "sifkit_copy": (ctypes.c_int, [_TEXT, _TEXT, _POINTER, _OUT, _OUT]),
    "sifkit_pull": (ctypes.c_int, [_TEXT, _TEXT, _POINTER, _OUT, _OUT]),
    "sifkit_push": (ctypes.c_int, [ctypes.POINTER(_TEXT), ctypes.c_size_t, _TEXT, _POINTER, _OUT, _OUT]),
    "sifkit_check": (ctypes.c_int, [_TEXT, _POINTER, _OUT, _OUT]),
    "sifkit_diff": (ctypes.c_int, [_TEXT, _TEXT, _POINTER, _OUT, _OUT]),
    "sifkit_sbom": (ctypes.c_int, [_TEXT, _POINTER, _OUT, _OUT]),
    "sifkit_options_cancel": (None, [_POINTER]),
    "sifkit_image_open": (ctypes.c_int, [_TEXT, _POINTER, _OUT, _OUT]),
    "sifkit_image_close": (None, [_POINTER]),
    "sifkit_image_list": (ctypes.c_int, [_POINTER, _TEXT, ctypes.c_int, _OUT, _OUT]),
    "sifkit_image_stat": (ctypes.c_int, [_POINTER, _TEXT, ctypes.c_int, _OUT, _OUT]),
    "sifkit_image_read": (ctypes.c_int, [_POINTER, _TEXT, WRITE, _POINTER, _OUT]),
    "sifkit_image_read_all": (ctypes.c_int,
                              [_POINTER, _TEXT, ctypes.c_size_t, _OUT, ctypes.POINTER(ctypes.c_size_t), _OUT]),
}


def _load() -> ctypes.CDLL:
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_sifkit.so")
    path = os.environ.get("SIFKIT_PYTHON_LIBRARY") or beside
    library = ctypes.CDLL(path)
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    if library.sifkit_c_api() != C_API:
        raise ImportError("%s has C interface %d, and this module needs %d" % (path, library.sifkit_c_api(), C_API))
    return library


library = _load()


def _text(value: Optional[bytes]) -> str:
    return (value or b"").decode("utf-8", "surrogateescape")


def encode(value: Any) -> bytes:
    """The bytes of a text or a path. One with a null byte is refused: C would take what is before it."""
    encoded = os.fsencode(value)
    if b"\0" in encoded:
        raise ValueError("embedded null byte in %r" % (value,))
    return encoded


def _value(name: str, value: Any) -> bytes:
    """A value of an option as the library takes it."""
    if isinstance(value, (str, bytes, os.PathLike)):
        return encode(value)
    if isinstance(value, float):
        return ("%.9f" % value).encode()
    if isinstance(value, int) or hasattr(value, "__index__"):
        return str(value).encode()
    raise TypeError("option '%s': expected str, bytes, os.PathLike, a number, or several of them, not %s"
                    % (name, type(value).__name__))


def _pair(name: str, key: Any, value: Any) -> bytes:
    key = encode(key)
    if b"=" in key:
        raise ValueError("option '%s': expected a name without '=', got %r" % (name, os.fsdecode(key)))
    return key + b"=" + _value(name, value)


def take_record(pointer: ctypes.c_void_p) -> Optional[Dict[str, Any]]:
    """The record behind a pointer that a function set, which is freed."""
    if not pointer.value:
        return None
    try:
        return json.loads(ctypes.string_at(pointer.value).decode("utf-8"))
    finally:
        library.sifkit_free(pointer)


def _context(record: Optional[bytes]) -> Iterable[str]:
    try:
        return json.loads((record or b"{}").decode("utf-8")).get("context") or ()
    except ValueError:  # an error that came of too little memory has no record
        return ()


def raise_error(pointer: ctypes.c_void_p) -> None:
    """Raises the error behind a pointer that a function set, which is freed."""
    try:
        kind = _KINDS.get(_text(library.sifkit_error_kind(pointer)), Error)
        raise kind(_text(library.sifkit_error_message(pointer)), _text(library.sifkit_error_hint(pointer)),
                   library.sifkit_error_exit_code(pointer), _context(library.sifkit_error_json(pointer)))
    finally:
        library.sifkit_error_free(pointer)


class Cancellation:
    """Given as `cancel=` to calls, stops them from any thread: those that run, and those that come later."""

    def __init__(self) -> None:
        # One thread may take it twice: while it is held, the collector may let options go.
        self._lock = threading.RLock()
        self._cancelled = False
        self._options: "weakref.WeakSet[Options]" = weakref.WeakSet()

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            for options in list(self._options):
                if options.pointer:
                    library.sifkit_options_cancel(options.pointer)

    def _add(self, options: "Options") -> None:
        with self._lock:
            self._options.add(options)
            if self._cancelled:
                library.sifkit_options_cancel(options.pointer)
            options.cancellation = self

    def _take(self, options: "Options") -> Any:
        """The pointer of options that are to be freed, which nothing here uses any more."""
        with self._lock:
            self._options.discard(options)
            pointer, options.pointer = options.pointer, None
            return pointer


class Options:
    """Options of one call or one image; keeps its functions alive."""

    def __init__(self, values: Mapping[str, Any], progress: Optional[Progress], message: Optional[Message]) -> None:
        self.cancellation: Optional[Cancellation] = None
        self.pointer = library.sifkit_options_new()
        if not self.pointer:
            raise MemoryError
        self.calls = Calls(functools.partial(library.sifkit_options_cancel, self.pointer))
        self._functions: List[Any] = []
        for name, value in values.items():
            if name == "cancel" and value is not None:
                value._add(self)
                continue
            self._set(name.replace("_", "-"), value)
        if progress is not None:
            guarded = self.calls.guard(lambda _, stage, done, total: progress(_text(stage), done, total))
            self._functions.append(PROGRESS(guarded))
            library.sifkit_options_on_progress(self.pointer, self._functions[-1], None)
        if message is not None:
            guarded = self.calls.guard(lambda _, level, text: message(_text(level), _text(text)))
            self._functions.append(MESSAGE(guarded))
            library.sifkit_options_on_message(self.pointer, self._functions[-1], None)

    def __del__(self) -> None:
        # A weak reference still gives what is being deleted, so another thread may have it from a cancellation.
        if not getattr(self, "pointer", None):
            return
        if self.cancellation is not None:
            pointer = self.cancellation._take(self)
        else:
            pointer, self.pointer = self.pointer, None
        library.sifkit_options_free(pointer)

    def _set(self, name: str, value: Any) -> None:
        if value is None:
            return
        if isinstance(value, Mapping):
            for pair in value.items():
                self._set(name, _pair(name, *pair))
            return
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes, os.PathLike)):
            for one in value:
                self._set(name, one)
            return
        text = str(value).lower().encode() if isinstance(value, bool) else _value(name, value)
        error = ctypes.c_void_p()
        if library.sifkit_options_set(self.pointer, encode(name), text, ctypes.byref(error)) != 0:
            raise_error(error)

    def call(self, function: Callable[..., int], *arguments: Any, beside: bool = True, patience: float = 0) -> None:
        """Calls a function of the interface, and raises what it tells, or what one of the functions raised."""
        error = ctypes.c_void_p()
        try:
            failed = self.calls.run(function, arguments + (ctypes.byref(error),), beside, patience) != 0
        except BaseException:
            library.sifkit_error_free(error)
            raise
        if failed:
            raise_error(error)

    def record(self, function: Callable[..., int], *arguments: Any, beside: bool = True,
               patience: float = 0) -> Dict[str, Any]:
        """The same for a function that gives a record."""
        record = ctypes.c_void_p()
        try:
            self.call(function, *arguments, ctypes.byref(record), beside=beside, patience=patience)
        except BaseException as raised:
            found = take_record(record)
            if isinstance(raised, Error):
                raised.record = found
            raise
        return take_record(record) or {}
