# SPDX-License-Identifier: Apache-2.0
"""Container images to SIF files, and what is in them.

    import sifkit
    sifkit.build("app.sif", "docker-archive:app.tar", labels={"team": "physics"})
    with sifkit.open("app.sif") as image:
        for file in image.files("/etc"):
            print(file["path"], file["size"])
        motd = image.read("/etc/motd")
    sifkit.verify("app.sif", key="ada.pub")

Options have the names of the program's, with '_' for '-' ("no_https"); where one may be given again, it takes a list or
another iterable, for NAME=VALUE a dictionary. Records are the dictionaries that the program prints with --json. An
error is a subclass of `Error` that is named for its kind.

Every function takes `progress(stage, done, total)` and `message(level, text)`, which are called on the way; what they
raise stops the call, and is raised. On the main thread, which Ctrl-C interrupts, a call works on a thread of its own,
but the functions that it is given run on the main thread. A call on another thread runs `progress` there, and `message`
on any. `cancel=` takes a `Cancellation`, which stops a call from another thread.
"""

from ._library import (
    Cancellation,
    Cancelled,
    Denied,
    Error,
    Exists,
    Integrity,
    Internal,
    InputOutput,
    LimitExceeded,
    Malformed,
    NetworkError,
    NoSpace,
    NotFound,
    Tampered,
    Unsigned,
    Unsupported,
    Untrusted,
    UsageError,
)
from ._module import (  # noqa: A004
    Image,
    build,
    check,
    copy,
    diff,
    digest,
    inspect,
    open,
    pull,
    push,
    sbom,
    sign,
    verify,
    version,
    versions,
)

__version__ = version()

__all__ = [
    "Cancellation", "Cancelled", "Denied", "Error", "Exists", "Image", "InputOutput", "Integrity", "Internal",
    "LimitExceeded", "Malformed", "NetworkError", "NoSpace", "NotFound", "Tampered", "Unsigned", "Unsupported", "Untrusted",
    "UsageError", "build", "check", "copy", "diff", "digest", "inspect", "open", "pull", "push", "sbom", "sign", "verify", "version", "versions",
]
