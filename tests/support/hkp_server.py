#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small keyserver (HKP) on the loopback interface, for tests.

hkp_server.py FOLDER [CERTIFICATE KEY]

Keys are the files FOLDER/FINGERPRINT.asc; what is published goes to FOLDER/added.asc, requests to FOLDER/log. The port
is written to FOLDER/port. FOLDER/mode, when it is there, says how to misbehave.
"""
import http.server
import pathlib
import ssl
import sys
import urllib.parse

directory = pathlib.Path(sys.argv[1])


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, text, *args):
        with open(directory / "log", "a") as log:
            log.write(self.requestline + "\n")

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = {name: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
        mode = (directory / "mode").read_text().strip() if (directory / "mode").exists() else ""
        if mode.startswith("status "):
            return self.answer(int(mode.split()[1]), b"no \x1b[31mthanks\nmore\n")
        if mode == "loop":
            return self.answer(302, b"", Location=self.path)
        if mode.startswith("redirect ") and "redirected" not in query:
            return self.answer(302, b"", Location=mode.split()[1] + self.path + "&redirected=1")
        if mode == "endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                return
        if mode == "trailer":
            self.protocol_version = "HTTP/1.1"
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                self.wfile.write(b"1\r\nx\r\n0\r\n")
                while True:
                    self.wfile.write(b"X: y\r\n" * 10000)
            except OSError:
                return
        if mode == "short":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            return self.wfile.write(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
        if mode.startswith("file "):
            return self.answer(200, pathlib.Path(mode.split()[1]).read_bytes())
        if url.path != "/pks/lookup" or query.get("options") != "mr":
            return self.answer(400, b"bad request")
        wanted = query["search"]
        if query.get("op") == "index":
            if not (directory / "index").exists() or wanted not in (directory / "index").read_text():
                return self.answer(404, b"not found")
            return self.answer(200, (directory / "index").read_bytes())
        key = directory / (wanted.removeprefix("0x") + ".asc")
        return self.answer(200, key.read_bytes()) if key.exists() else self.answer(404, b"not found")

    def do_POST(self):
        if (directory / "mode").exists():
            return self.answer(307, b"", Location="/elsewhere")
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        (directory / "added.asc").write_text(urllib.parse.parse_qs(body)["keytext"][0])
        self.answer(200, b"")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
(directory / "port.new").write_text(str(server.server_port))
(directory / "port.new").rename(directory / "port")
server.serve_forever()
