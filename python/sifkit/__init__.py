# SPDX-License-Identifier: Apache-2.0
"""Container images to SIF files, and what is in them.

    import sifkit
    sifkit.build("app.sif", "docker-archive:app.tar", labels={"team": "physics"})
    with sifkit.open("app.sif") as image:
        for file in image.files("/etc"):
            print(file["path"], file["size"])
        motd = image.read("/etc/motd")
    sifkit.verify("app.sif", key="ada.pub")

Options have the names of the program's, with '_' for '-' ("no_https"); where one may be given again, it takes a list. Records
are the dictionaries that the program prints with --json. An error is a subclass of `Error` that is named for its kind.
"""

from ._library import (
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
from ._module import Image, build, digest, inspect, open, sign, verify, version, versions  # noqa: A004

__version__ = version()

__all__ = [
    "Cancelled", "Denied", "Error", "Exists", "Image", "InputOutput", "Integrity", "Internal", "LimitExceeded", "Malformed",
    "NetworkError", "NoSpace", "NotFound", "Tampered", "Unsigned", "Unsupported", "Untrusted", "UsageError", "build",
    "digest", "inspect", "open", "sign", "verify", "version", "versions",
]
