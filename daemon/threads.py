"""Threads for calls that may hang, as a file system or a name server that is gone: nobody waits for them at the end.

Python joins the threads of its own executors before a process may end, so one that hangs would keep it alive for good.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Unawaited(Executor):
    """A thread a call, which ends with the process if it must."""

    def __init__(self, name: str) -> None:
        """Begin nothing yet; `name` is what its threads are called."""
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


class EventLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, whose own threads (names are looked up there) are not waited for. With none, it starts none.

    As its default executor they would cost each process a thread at its end, which asyncio waits in for the others.
    """

    def __init__(self) -> None:
        """Begin nothing yet."""
        super().__init__()
        self._unawaited = Unawaited("name look-up")

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run a call in the executor, or in a thread of its own."""
        return super().run_in_executor(executor or self._unawaited, func, *args)


def _settle(future: "Future[Any]", call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
