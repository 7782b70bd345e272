# SPDX-License-Identifier: Apache-2.0
"""How calls end, what they take, and which threads they use."""

import contextlib
import io
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest
from unittest import mock

import sifkit
from sifkit import _calls
from test_module import add

BIG = 5 << 20  # several pieces, and more than is read at once


class CallTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.archive = self.directory / "root.tar"
        self.big = os.urandom(BIG)
        with tarfile.open(str(self.archive), "w") as archive:
            for name in ("bin", "etc", "usr"):
                add(archive, name, kind=tarfile.DIRTYPE)
            add(archive, "etc/motd", b"hello\n")
            add(archive, "big", self.big)
        self.image = self.directory / "app.sif"
        # Whoever runs the tests may ignore Ctrl-C.
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))

    def build(self, **options):
        return sifkit.build(self.image, self.archive, **options)

    @contextlib.contextmanager
    def opened(self):
        """The image as a SIF file and as an archive, whose files are read in another way."""
        self.build(force=True)
        with sifkit.open(self.image) as packed, sifkit.open(self.archive) as layered:
            yield packed, layered


class Collector:
    """A file that does something of its own with what is written, and takes all of it."""

    def __init__(self, then=lambda: None):
        self.data = b""
        self.then = then

    def write(self, data):
        self.data += data
        self.then()
        return len(data)


class InterruptTest(CallTest):
    def test_ctrl_c_stops_a_call_that_waits(self):
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            stopped = threading.Event()
            in_time = []

            def hang():
                with server.accept()[0]:
                    os.kill(os.getpid(), signal.SIGINT)
                    in_time.append(stopped.wait(30))

            thread = threading.Thread(target=hang)
            thread.start()
            with self.assertRaises(KeyboardInterrupt):
                sifkit.pull("http://127.0.0.1:%d/app.sif" % server.getsockname()[1], self.image, retries=0)
            stopped.set()
            thread.join()
        self.assertEqual(in_time, [True])
        self.assertEqual(os.listdir(str(self.directory)), ["root.tar"])

    def test_handlers_of_signals_run_while_a_call_waits(self):
        pipe = self.directory / "pipe"
        os.mkfifo(str(pipe))
        handled = threading.Event()
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.signal(signal.SIGUSR1, lambda *_: handled.set()))
        in_time = []

        def feed():
            with open(str(pipe), "wb"):
                os.kill(os.getpid(), signal.SIGUSR1)
                in_time.append(handled.wait(30))

        thread = threading.Thread(target=feed)
        thread.start()
        with self.assertRaises(sifkit.Error):  # an archive without a byte
            sifkit.build(self.image, pipe)
        thread.join()
        self.assertEqual(in_time, [True])

    def test_ctrl_c_stops_a_read_and_leaves_the_image(self):
        with self.opened() as images:
            for image in images:
                to = Collector(lambda: os.kill(os.getpid(), signal.SIGINT))
                with self.assertRaises(KeyboardInterrupt):
                    image.copy("/big", to)
                self.assertLess(len(to.data), BIG)
                self.assertEqual(image.read("/big"), self.big)
                self.assertEqual(image.read("/etc/motd"), b"hello\n")

    def test_functions_run_on_the_thread_of_the_call(self):
        seen = set()

        def note(*_):
            seen.add(threading.current_thread())

        self.build(progress=note, message=note)
        with sifkit.open(self.image, progress=note, message=note) as image:
            image.copy("/big", Collector(note))
        self.assertEqual(seen, {threading.main_thread()})
        thread = threading.Thread(target=self.build, kwargs={"force": True, "progress": note})
        seen.clear()
        thread.start()
        thread.join()
        self.assertEqual(seen, {thread})

    def test_calls_within_functions(self):
        self.build()
        found = []

        def look(*_):
            if not found:
                found.append(sifkit.inspect(self.image)["summary"]["kind"])

        sifkit.build(self.directory / "other.sif", self.archive, progress=look)
        self.assertEqual(found, ["SIF"])
        with self.opened() as images:
            for image in images:
                inner = []

                def read(image=image, inner=inner):
                    inner.append(image.read("/etc/motd") + image.read("/big"))

                to = Collector(read)
                image.copy("/big", to)
                self.assertEqual(to.data, self.big)
                self.assertEqual(set(inner), {b"hello\n" + self.big})

    def test_what_a_call_within_a_function_raises(self):
        with self.opened() as images:
            for image in images:
                with self.assertRaises(sifkit.NotFound):
                    image.copy("/big", Collector(lambda image=image: image.read("/none")))
                self.assertEqual(image.read("/etc/motd"), b"hello\n")

    def test_what_a_message_function_raises_stops_the_build(self):
        def refuse(*_):
            raise ZeroDivisionError

        with self.assertRaises(ZeroDivisionError):
            self.build(message=refuse)
        self.assertFalse(self.image.exists())

    def test_without_a_thread_to_be_had(self):
        seen = []
        with mock.patch.object(_calls._thread, "start_new_thread", side_effect=RuntimeError("can't start new thread")):
            self.build(progress=lambda *_: seen.append(threading.current_thread()))
        self.assertEqual(set(seen), {threading.main_thread()})
        self.assertTrue(self.image.exists())


class SharedImageTest(CallTest):
    def in_threads(self, *functions):
        failed = []

        def attempt(function):
            try:
                function()
            except BaseException as raised:
                failed.append(raised)

        threads = [threading.Thread(target=attempt, args=(function,)) for function in functions]
        for thread in threads:
            thread.start()
        return threads, failed

    def test_threads_share_an_image(self):
        with self.opened() as images:
            for image in images:
                def use(image=image):
                    for _ in range(10):
                        self.assertEqual(image.read("/etc/motd"), b"hello\n")
                        to = Collector(lambda: time.sleep(0))  # another thread's turn
                        image.copy("/big", to)
                        self.assertEqual(to.data, self.big)
                        self.assertEqual(image.stat("/big")["size"], BIG)

                def fail(image=image):
                    for _ in range(10):
                        with self.assertRaises(ZeroDivisionError):
                            image.copy("/big", Collector(lambda: 1 // 0))

                threads, failed = self.in_threads(use, fail, use)
                use()
                for thread in threads:
                    thread.join()
                self.assertEqual(failed, [])

    def test_close_within_a_call(self):
        self.build()
        for source in (self.image, self.archive):
            image = sifkit.open(source)
            to = Collector(image.close)
            image.copy("/big", to)
            self.assertEqual(to.data, self.big)
            with self.assertRaises(sifkit.UsageError):
                image.read("/etc/motd")
            image.close()

    def test_close_waits_for_a_read(self):
        self.build()
        for source in (self.image, self.archive):
            image = sifkit.open(source)
            threads = []

            def close(image=image, threads=threads):
                if not threads:
                    threads.extend(self.in_threads(image.close)[0])
                    threads[0].join(0.02)
                self.assertTrue(threads[0].is_alive())

            to = Collector(close)
            image.copy("/big", to)
            threads[0].join()
            self.assertEqual(to.data, self.big)
            with self.assertRaises(sifkit.UsageError):
                image.stat("/etc/motd")


class FileTest(CallTest):
    def test_a_file_that_takes_a_part(self):
        class Slow(io.RawIOBase):
            data = b""

            def write(self, data):
                self.data += bytes(data[:100000])
                return min(len(data), 100000)

        class Full(io.RawIOBase):
            def write(self, data):
                return None

        class Silent:
            data = b""

            def write(self, data):
                self.data += data

        with self.opened() as images:
            for image in images:
                for to in (Slow(), Silent()):
                    image.copy("/big", to)
                    self.assertEqual(to.data, self.big)
                with self.assertRaises(BlockingIOError):
                    image.copy("/big", Full())


class ArgumentTest(CallTest):
    def test_the_library_of_names_is_not_the_modules(self):
        environment = dict(os.environ, SIFKIT_LIBRARY="https://library.example.org")
        subprocess.run([sys.executable, "-B", "-c", "import sifkit"], env=environment, check=True)

    def test_null_bytes(self):
        with self.assertRaises(ValueError):
            sifkit.build(str(self.image) + "\0evil", self.archive)
        with self.assertRaises(ValueError):
            self.build(label="a=b\0c")
        with self.assertRaises(ValueError):
            self.build(env={"A": "b\0c"})
        self.assertFalse(self.image.exists())
        self.build()
        with sifkit.open(self.image) as image, self.assertRaises(ValueError):
            image.read("/etc/motd\0x")

    def test_values_that_are_several(self):
        for several in ({"etc"}, (name for name in ["etc"]), {"etc": 0}.keys(), b"etc", pathlib.Path("etc"), ["etc"]):
            self.build(force=True, exclude=several)
            with sifkit.open(self.image) as image:
                self.assertNotIn("/etc/motd", [file["path"] for file in image.files(recursive=True)])
        self.build(force=True, labels={"a": "b"}, label=(text for text in ["c=d"]))
        labels = sifkit.inspect(self.image)["summary"]["labels"]
        self.assertEqual((labels["a"], labels["c"]), ("b", "d"))

    def test_values_that_are_none(self):
        for options in ({"env": {"B": None}}, {"labels": {"B": [1]}}, {"exclude": object()}, {"threads": 1j}):
            with self.assertRaises(TypeError):
                self.build(**options)
        with self.assertRaises(ValueError):
            self.build(labels={"a=b": "c"})
        self.assertFalse(self.image.exists())

    def test_paths_of_bytes(self):
        self.build()
        with sifkit.open(os.fsencode(str(self.image))) as image:
            self.assertEqual(image.read(b"/etc/motd"), b"hello\n")
        for files in (os.fsencode(str(self.image)), iter([self.image])):
            with self.assertRaises(sifkit.UsageError) as caught:
                sifkit.push(files, "docker://x")
            self.assertEqual(str(caught.exception), "'docker://x': expected oras://NAME")

    def test_every_function_takes_progress_and_message(self):
        functions = {"progress": lambda *_: None, "message": lambda *_: None}
        self.build(**functions)
        for function in (sifkit.inspect, sifkit.digest, sifkit.check, sifkit.sbom):
            function(self.image, **functions)
        sifkit.diff(self.image, self.archive, **functions)
        sifkit.copy(self.image, "oci:%s" % (self.directory / "layout"), **functions)
        with sifkit.open(self.image, **functions) as image:
            self.assertEqual(image.read("/etc/motd"), b"hello\n")
        for attempt in (lambda: sifkit.pull("docker-archive:x", self.image, **functions),
                        lambda: sifkit.push(self.image, "docker://x", **functions),
                        lambda: sifkit.sign(self.archive, key=self.archive, **functions),
                        lambda: sifkit.verify(self.archive, **functions)):
            with self.assertRaises(sifkit.Error) as caught:
                attempt()
            self.assertNotIn("unknown option", str(caught.exception))

    def test_context_of_an_error(self):
        with tarfile.open(str(self.archive), "w") as archive:
            add(archive, "etc", kind=tarfile.DIRTYPE)
            add(archive, "bin", kind=tarfile.DIRTYPE)
            add(archive, "etc/hard", kind=tarfile.LNKTYPE, link="etc/none")
        with self.assertRaises(sifkit.Malformed) as caught:
            self.build()
        self.assertNotEqual(caught.exception.context, [])
        self.assertTrue(str(caught.exception).startswith(caught.exception.context[0]))
        with self.assertRaises(sifkit.NotFound) as caught:
            sifkit.inspect(self.directory / "none.sif")
        self.assertEqual(caught.exception.context, [])


if __name__ == "__main__":
    unittest.main()
