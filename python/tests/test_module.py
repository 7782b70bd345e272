# SPDX-License-Identifier: Apache-2.0
"""The module as a user has it, on images that are made here."""

import functools
import hashlib
import http.server
import io
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile
import threading
import unittest

import sifkit
from sifkit import _library


def add(archive: tarfile.TarFile, name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.type = kind
    member.linkname = link
    member.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    archive.addfile(member, io.BytesIO(data))


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class ModuleTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.archive = self.directory / "root.tar"
        with tarfile.open(self.archive, "w") as archive:
            for name in ("bin", "etc", "usr"):
                add(archive, name, kind=tarfile.DIRTYPE)
            add(archive, "etc/motd", b"hello\n")
            add(archive, "big", os.urandom(3 << 20))
            add(archive, "bin/tool", kind=tarfile.SYMTYPE, link="../etc/motd")
        self.image = self.directory / "app.sif"

    def build(self, **options):
        return sifkit.build(self.image, self.archive, **options)

    def test_version(self):
        self.assertRegex(sifkit.version(), r"^\d+\.\d+\.\d+$")
        self.assertEqual(sifkit.__version__, sifkit.version())
        self.assertRegex(sifkit.versions()["zstd"], r"^1\.")

    def test_build_and_inspect(self):
        record = self.build(labels={"colour": "blue", "shape": "round"}, label=["size=9"], env={"A": "b=c"}, threads=1)
        self.assertEqual(record["schema"], "sifkit/build/v1")
        self.assertEqual(record["bytes"], self.image.stat().st_size)
        self.assertEqual(sifkit.digest(self.image)["file"], record["digest"])
        found = sifkit.inspect(self.image)
        self.assertEqual(found["summary"]["kind"], "SIF")
        self.assertEqual([found["summary"]["labels"][name] for name in ("colour", "shape", "size")], ["blue", "round", "9"])
        self.assertEqual(sifkit.digest(self.image, tree=True, without_singularity=True)["tree"]["digest"],
                         sifkit.digest(self.archive, tree=True, without_singularity=True)["tree"]["digest"])

    def test_inspect_of_a_damaged_configuration(self):
        self.build()
        whole = bytearray(self.image.read_bytes())
        descriptor = whole.index(b"oci-config.json") - 73
        offset = int.from_bytes(whole[descriptor + 17:descriptor + 25], "little")
        self.assertEqual(whole[offset:offset + 1], b"{")
        whole[offset:offset + 1] = b"["
        self.image.write_bytes(whole)
        found = sifkit.inspect(self.image)
        self.assertIsNone(found["oci_config"])
        self.assertEqual(found["summary"]["kind"], "SIF")

    def test_same_bytes(self):
        first = self.build(threads=1)["digest"]
        self.assertEqual(self.build(threads=4, force=True)["digest"], first)

    def test_errors_by_kind(self):
        self.build()
        with self.assertRaises(sifkit.Exists) as caught:
            self.build()
        self.assertEqual(caught.exception.message, "'%s' exists" % self.image)
        self.assertEqual((caught.exception.kind, caught.exception.exit_code), ("exists", 4))
        self.assertNotEqual(caught.exception.hint, "")
        with self.assertRaises(sifkit.NotFound):
            sifkit.inspect(self.directory / "no-such.sif")
        with self.assertRaises(sifkit.UsageError) as caught:
            self.build(no_such=1)
        self.assertEqual(str(caught.exception), "unknown option 'no-such'")
        with self.assertRaises(sifkit.UsageError) as caught:
            self.build(label=["=x"])
        self.assertEqual(str(caught.exception), "option 'label': expected NAME=VALUE, got '=x'")

    def test_progress(self):
        seen = []
        self.build(progress=lambda stage, done, total: seen.append((stage, done, total)))
        self.assertGreater(len(seen), 1)
        self.assertTrue(all(stage and (total == 0 or done <= total) for stage, done, total in seen))

    def test_what_a_callback_raises_stops_the_build(self):
        for raised in (KeyboardInterrupt, ZeroDivisionError):
            def stop(stage, done, total, raised=raised):
                raise raised

            with self.assertRaises(raised):
                self.build(progress=stop)
            self.assertFalse(self.image.exists())

    def test_cancel_from_another_thread(self):
        pipe = self.directory / "pipe"
        os.mkfifo(pipe)
        stop = sifkit.Cancellation()
        ended = []

        def work():
            try:
                sifkit.build(self.image, pipe, cancel=stop)
            except sifkit.Error as error:
                ended.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        with open(pipe, "wb"):  # opens when the build reads, and gives it nothing
            stop.cancel()
        thread.join()
        self.assertEqual([(type(error), str(error)) for error in ended], [(sifkit.Cancelled, "stopped on request")])
        with self.assertRaises(sifkit.Cancelled):
            self.build(cancel=stop)
        self.assertFalse(self.image.exists())

    def test_options_that_are_freed_are_not_cancelled(self):
        stop = sifkit.Cancellation()
        options = _library.Options({"cancel": stop}, None, None)
        held = list(stop._options)  # as a thread has it that is about to cancel
        self.assertEqual(held, [options])
        options.__del__()
        self.assertIsNone(options.pointer)
        self.assertEqual(list(stop._options), [])
        stop._options.add(options)
        stop.cancel()  # would use what is freed
        stop._options.discard(options)

    def test_machine_to_check_for(self):
        self.build()
        with self.assertRaises(sifkit.UsageError) as caught:
            sifkit.check(self.image, for_="windows/amd64")
        self.assertEqual(str(caught.exception), "option 'for': containers run on linux, not on 'windows'")
        config = {"architecture": "arm", "variant": "v7", "os": "linux", "config": {},
                  "rootfs": {"type": "layers", "diff_ids": [digest_of(self.archive.read_bytes())]}}
        text = json.dumps(config).encode()
        archive = self.directory / "arm.tar"
        with tarfile.open(archive, "w") as made:
            add(made, "layer.tar", self.archive.read_bytes())
            add(made, "config.json", text)
            add(made, "manifest.json", json.dumps([{"Config": "config.json", "RepoTags": None, "Layers": ["layer.tar"]}]).encode())
        source = "docker-archive:%s" % archive
        texts = [finding["text"] for finding in sifkit.check(source, platform="linux/arm/v7", for_="linux/arm/v6")["findings"]
                 if finding["code"] == "architecture"]
        self.assertEqual(texts, ["the image is for arm/v7, the machine is arm/v6"])

    def test_copy_and_compare(self):
        self.build()
        archive = "oci-archive:%s" % (self.directory / "app.oci.tar")
        self.assertEqual(sifkit.copy(self.image, archive)["layers"], 1)
        with self.assertRaises(sifkit.Exists):
            sifkit.copy(self.image, archive)
        self.assertTrue(sifkit.diff(self.archive, self.image)["equal"])
        self.assertEqual(sifkit.check(self.image, for_="linux/amd64", deep=True)["schema"], "sifkit/check/v1")
        self.assertEqual(sifkit.sbom(self.image)["spdxVersion"], "SPDX-2.3")
        self.assertEqual(sifkit.sbom(self.image, format="cyclonedx")["bomFormat"], "CycloneDX")

    def test_pull(self):
        self.build()
        handler = functools.partial(QuietHandler, directory=str(self.directory))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                url = "http://127.0.0.1:%d/app.sif" % server.server_port
                record = sifkit.pull(url, self.directory / "pulled.sif")
                self.assertEqual((self.directory / "pulled.sif").read_bytes(), self.image.read_bytes())
                with self.assertRaises(sifkit.Integrity):
                    sifkit.pull(url, self.directory / "other.sif", digest="sha256:" + 64 * "0")
                # Whoever names a key or a policy wants it asked.
                policy = self.directory / "policy.json"
                rules = [{"path": str(self.directory.resolve()), "threshold": 1}]
                policy.write_text(json.dumps({"schema": "sifkit/verify-policy/v1", "rules": rules}))
                for trust in ({"verify": True}, {"policy": policy}):
                    with self.assertRaises(sifkit.Error):
                        sifkit.pull(url, self.directory / "untrusted.sif", **trust)
                    self.assertFalse((self.directory / "untrusted.sif").exists())
                self.assertEqual(sifkit.pull(url, self.directory / "other.sif", digest=record["digest"])["bytes"], record["bytes"])
            finally:
                server.shutdown()
                thread.join()
        with self.assertRaises(sifkit.UsageError) as caught:
            sifkit.push([self.image], "docker://x")
        self.assertEqual(str(caught.exception), "'docker://x': expected oras://NAME")

    def test_messages(self):
        with tarfile.open(self.archive, "w") as archive:
            add(archive, "etc", kind=tarfile.DIRTYPE)
            add(archive, "bin", kind=tarfile.DIRTYPE)
        seen = []
        self.build(message=lambda level, text: seen.append((level, text)))
        self.assertIn(("debug", "layer 1 of 1: 10240 bytes stored, 10240 uncompressed"), seen)

    def test_warnings_of_a_call_that_fails(self):
        with tarfile.open(self.archive, "w") as archive:
            add(archive, "etc", kind=tarfile.DIRTYPE)
            add(archive, "bin", kind=tarfile.DIRTYPE)
            add(archive, "etc/.wh.x", b"")
            add(archive, "etc/hard", kind=tarfile.LNKTYPE, link="etc/none")
        seen = []
        with self.assertRaises(sifkit.Malformed):
            self.build(message=lambda level, text: seen.append((level, text)))
        self.assertIn(("warning", "'etc/.wh.x' has the name of a whiteout in its path; it is kept"), seen)

    def test_files(self):
        self.build()
        for source in (self.image, self.archive):
            with sifkit.open(source) as image:
                self.assertIn("/etc/motd", [file["path"] for file in image.files("/etc")])
                self.assertIn("/bin/tool", [file["path"] for file in image.files(recursive=True)])
                self.assertEqual(image.read("/bin/tool"), b"hello\n")
                self.assertEqual(image.stat("/bin/tool")["type"], "regular")
                self.assertEqual(image.stat("/bin/tool", follow=False)["target"], "../etc/motd")
                self.assertEqual(len(image.read("/big")), 3 << 20)
                copy = io.BytesIO()
                image.copy("/etc/motd", copy)
                self.assertEqual(copy.getvalue(), b"hello\n")
                with self.assertRaises(sifkit.UsageError) as caught:
                    image.read("/etc")
                self.assertEqual(str(caught.exception), "'/etc' is a directory, not a regular file")
                with self.assertRaises(sifkit.NotFound):
                    image.files("/no/such")
        with self.assertRaises(sifkit.UsageError):  # closed
            image.read("/etc/motd")

    def test_sign_and_verify(self):
        keys = {}
        for name in ("key", "other"):
            keys[name] = self.directory / (name + ".pem")
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", keys[name]], check=True, stderr=subprocess.DEVNULL)
            subprocess.run(["openssl", "pkey", "-in", keys[name], "-pubout", "-out", str(keys[name]) + ".pub"], check=True)
        self.build()
        public, other = (str(keys[name]) + ".pub" for name in ("key", "other"))
        with self.assertRaises(sifkit.Unsigned) as caught:
            sifkit.verify(self.image, key=public)
        self.assertFalse(caught.exception.record["images"][0]["verified"])
        self.assertEqual(sifkit.sign(self.image, key=keys["key"])["signed"], [str(self.image)])
        self.assertTrue(sifkit.verify(self.image, key=public)["images"][0]["verified"])
        with self.assertRaises(sifkit.Untrusted):
            sifkit.verify(self.image, key=other)
        data = bytearray(self.image.read_bytes())
        data[70000] ^= 1
        self.image.write_bytes(data)
        with self.assertRaises(sifkit.Tampered):
            sifkit.verify(self.image, key=[public, other])


if __name__ == "__main__":
    unittest.main()
