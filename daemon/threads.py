"""Threads for calls that may hang, as a file system or a name server that is gone: nobody waits for them at the end.

Python joins the threads of its own executors before a process may end, so one that hangs would keep it alive for good.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Unawaited(ThreadPoolExecutor):
    """A thread a call, which ends with the process if it must. asyncio takes no other base for its default executor."""

    def __init__(self, name: str) -> None:
        """Begin nothing yet; `name` is what its threads are called."""
        super().__init__()
        self._name = name

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin a call in a thread of its own."""
        future: Future[T] = Future()

        def work() -> None:
            _settle(future, lambda: fn(*args, **kwargs))

        threading.Thread(target=work, name=self._name, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for nobody: what hangs would not hear of it."""


def _settle(future: "Future[Any]", call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
