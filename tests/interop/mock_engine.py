# SPDX-License-Identifier: Apache-2.0
"""mock_engine.py PLACE ARCHIVE [FOLDER]: an Engine API that misbehaves as the image's name says.

PLACE is the path of a unix socket, or PORT-FILE with a FOLDER: then it is a port of the loopback, written to the file,
behind TLS with the directory's server.pem, server-key.pem and, for the client, ca.pem.
"""

import json
import os
import socket
import ssl
import sys
import threading
import time

ARCHIVE = sys.argv[2] if len(sys.argv) > 2 else ""
IMAGE_ID = "sha256:" + "ab" * 32
TAGS = ["one:latest", "two:v2"]
SILENT = 3600


def answer(connection, status, body, kind="application/json", length=None):
    head = f"HTTP/1.1 {status} Reason\r\nContent-Type: {kind}\r\nContent-Length: {len(body) if length is None else length}\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode() + body)


def error(connection, status, message):
    answer(connection, status, json.dumps({"message": message}).encode())


def image_archive():
    with open(ARCHIVE, "rb") as file:
        return file.read()


def save(connection, name):
    archive = image_archive()
    if name == "good":
        answer(connection, 200, archive, "application/x-tar")
    elif name == "closes":  # fewer bytes than said
        answer(connection, 200, archive[:len(archive) // 2], "application/x-tar", len(archive))
    elif name == "chunk-cut":
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + f"{len(archive):x}\r\n".encode() + archive[:5000])
    elif name == "short":  # ends as if it were whole
        answer(connection, 200, archive[:len(archive) // 2], "application/x-tar")
    elif name == "error-after-200":
        error(connection, 200, "the graph driver has \x1b[31mfailed")
    elif name == "empty":
        answer(connection, 200, b"")
    elif name == "hangs-midway":
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(archive)}\r\n\r\n".encode() + archive[:5000])
        time.sleep(SILENT)
    elif name == "other-image":
        answer(connection, 200, archive.replace(b'"os":"linux"', b'"os":"plan9"'), "application/x-tar")
    elif name == "no-room":
        error(connection, 500, "write /var/lib/docker/tmp: no space left on device")
    elif name == "slow":
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(archive)}\r\n\r\n".encode())
        for at in range(0, len(archive), 512):
            connection.sendall(archive[at:at + 512])
            time.sleep(0.2)


def serve(connection):
    with connection:
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
        path = request.split()[1].decode()
        parts = path.strip("/").split("/")
        name = parts[1] if len(parts) > 1 else ""
        if path.endswith("/get"):
            save(connection, name)
        elif name == "absent":
            error(connection, 404, "No such image: absent:latest")
        elif name == "old-api":
            error(connection, 400, "client version 1.12 is too old. Minimum supported API version is 1.24")
        elif name == "not-docker":
            answer(connection, 200, b"<html>It works!</html>", "text/html")
        elif name == "no-http":
            connection.sendall(b"220 mail.example.org ESMTP\r\n")
        elif name == "no-answer":
            pass
        elif name == "forbidden":
            error(connection, 403, "authorization denied by plugin")
        elif name == "hangs":
            time.sleep(SILENT)
        elif name == "endless":
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n[")
            while True:
                connection.sendall(b"1," * 32768)
        elif name == "json":
            answer(connection, 200, json.dumps([{"Id": IMAGE_ID, "RepoTags": TAGS}]).encode())
        else:
            answer(connection, 200, json.dumps({"Id": IMAGE_ID, "RepoTags": TAGS, "Os": "linux", "Architecture": "amd64",
                                                "Created": "2024-01-01T00:00:00Z", "RootFS": {"Layers": []}, "Size": 5}).encode())


def quietly(connection, tls):
    try:
        serve(tls.wrap_socket(connection, server_side=True) if tls else connection)
    except OSError:
        pass  # the client has gone


def listen():
    if len(sys.argv) <= 3:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(sys.argv[1])
        listener.listen(16)
        return listener, None
    directory = sys.argv[3]
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=f"{directory}/ca.pem")
    tls.load_cert_chain(f"{directory}/server.pem", f"{directory}/server-key.pem")
    tls.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))
    with open(sys.argv[1] + ".new", "w", encoding="ascii") as file:
        file.write(str(listener.getsockname()[1]))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    return listener, tls


def main():
    listener, tls = listen()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=quietly, args=(connection, tls), daemon=True).start()


if __name__ == "__main__":
    main()
