# SPDX-License-Identifier: Apache-2.0
"""Calls that Ctrl-C ends. Python acts on signals in the main thread, between two steps of a Python function, and a call
of the library is one step. So it gets a thread of its own: the main one waits, and runs the functions of the caller."""

import _thread
import threading
from typing import Any, Callable, List, Optional


class _Call:
    def __init__(self, server: Optional[int], patience: float) -> None:
        self.server = server  #: the thread that runs the functions; None stands for whichever the library calls them on
        self.patience = patience  #: seconds for its own functions to stop it, before its options are cancelled
        self.raised: List[BaseException] = []
        self.code = 0
        self.over = False
        self.claim = _thread.allocate_lock()  #: an interrupted start is made again, and one of the two does the work


class _Request:
    """A function that waits to be run by the thread of the call."""

    def __init__(self, run: Callable[[], int]) -> None:
        self.run = run
        self.taker: Optional[_Call] = None
        self.answer = 1
        self.answered = _thread.allocate_lock()
        self.answered.acquire()


def _release(lock: Any) -> None:
    try:
        lock.release()
    except RuntimeError:  # it is free
        pass


class Calls:
    """The calls with the same options: one at a time, but for those that the functions of a call make."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._running: List[_Call] = []  # the innermost last
        self._requests: List[_Request] = []
        self._news = _thread.allocate_lock()  # free where the thread of the call has something to look at
        self._news.acquire()

    def guard(self, function: Callable[..., Any], here: bool = False) -> Callable[..., int]:
        """A function for the library to call, which runs on the thread of the call, or `here`, where it is called. What
        it raises stops the call, and comes out of `run`: no exception passes through C."""

        def attempt(call: _Call, arguments: Any) -> int:
            if call.raised:  # it is to stop, and its functions have had their say
                return 1
            try:
                function(*arguments)
                return 0
            except BaseException as raised:  # Ctrl-C, too
                call.raised.append(raised)
                if call.patience <= 0:  # at once: the library may ignore what this returns
                    self._stop()
                return 1

        def guarded(*arguments: Any) -> int:
            call = self._running[-1] if self._running else _Call(None, 0)
            if here or call.server is None or call.server == _thread.get_ident():
                return attempt(call, arguments)
            request = _Request(lambda: attempt(call, arguments))
            self._requests.append(request)
            _release(self._news)
            request.answered.acquire()
            return request.answer

        return guarded

    def run(self, function: Callable[..., int], arguments: Any, beside: bool, patience: float) -> int:
        """Calls a function, `beside` the main thread if that is the caller's, and raises what its functions raised."""
        beside = beside and _thread.get_ident() == threading.main_thread().ident
        outer = self._running[-1].server if self._running else None
        call = _Call(_thread.get_ident() if beside else outer, patience)
        self._running.append(call)
        try:
            if beside:
                self._wait(call, function, arguments)
            else:
                call.code = function(*arguments)
        finally:
            self._running.remove(call)
            _release(self._news)  # what came for an outer call
        if call.raised:
            raise call.raised.pop(0)
        return call.code

    def _wait(self, call: _Call, function: Callable[..., int], arguments: Any) -> None:
        def work() -> None:
            if not call.claim.acquire(False):
                return
            try:
                call.code = function(*arguments)
            except BaseException as raised:
                call.raised.append(raised)
            finally:
                call.over = True
                _release(self._news)

        started = stopped = False
        while True:
            try:
                if not started:
                    started = self._start(call, work)
                while not call.over:
                    if call.raised and not stopped and call.patience <= 0:
                        self._stop()
                        stopped = True
                    # First what there is: a signal may have come between the news and that.
                    self._serve(call)
                    waits = call.patience if call.raised and not stopped else -1
                    if not call.over and not self._news.acquire(True, waits):
                        call.patience = 0
                return
            except BaseException as raised:  # Ctrl-C, or what the handler of another signal raises
                call.raised.append(raised)

    @staticmethod
    def _start(call: _Call, work: Callable[[], None]) -> bool:
        try:
            _thread.start_new_thread(work, ())
        except RuntimeError:  # no more threads, or the interpreter ends
            call.server = None  # nobody waits to run its functions: they run where the library calls them
            work()
        return True

    def _serve(self, call: _Call) -> None:
        for request in self._requests[:]:
            if request.taker is None:
                request.taker = call
                request.answer = request.run()
            elif request.taker is not call:  # an outer call is about it
                continue
            # One that a signal came between is answered, too: what waits for it would wait forever.
            _release(request.answered)
            self._requests.remove(request)
