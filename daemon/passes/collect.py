"""The collect pass: a steady refill of GETs, the most urgent task first, never more than the budget allows.

Does not decide what an answer means for a task (`policy.answers`) and does not write (`recorder`).
"""

import asyncio
import contextlib
from collections.abc import Sequence

from daemon.dataforseo.catalogue import PLAIN, get_path, read_endpoint
from daemon.dataforseo.client import Fetched as Download
from daemon.dataforseo.codes import Kind
from daemon.dataforseo.errors import Garbled, RemoteError, RequestRefused, TooLarge
from daemon.passes.queue import Queue
from daemon.passes.recorder import WAIT_S, Fetched, Recorder
from daemon.passes.remote import Caller, api_of, kind_of
from daemon.passes.tools import Tools
from daemon.policy.answers import Answer, AnswerKind
from ledger.errors import LedgerError
from ledger.records import Body, Candidate

LEDGER_REST_MS = 30_000
"""After the ledger could not be written, collecting rests: a GET now would only be repeated later."""

KINDS: dict[Kind, AnswerKind] = {
    Kind.OK: AnswerKind.DONE,
    Kind.EMPTY: AnswerKind.EMPTY,
    Kind.PARTIAL: AnswerKind.PARTIAL,
    Kind.PENDING: AnswerKind.PENDING,
    Kind.DEAD: AnswerKind.FAILED,
    Kind.EXPIRED: AnswerKind.EXPIRED,
    Kind.NOT_FOUND: AnswerKind.NOT_FOUND,
    # In the answer about one task it concerns that task (llm_responses are withheld while the balance is
    # negative); a refusal of the whole account comes as an error of the client.
    Kind.ACCOUNT: AnswerKind.REQUEST,
    Kind.THROTTLE: AnswerKind.THROTTLED,
    Kind.RETRY: AnswerKind.RETRY,
    Kind.REQUEST: AnswerKind.REQUEST,
    Kind.UNKNOWN: AnswerKind.UNKNOWN,
}
"""The remote's word for an answer, in policy's words."""

WITH_BODY = frozenset({AnswerKind.DONE, AnswerKind.EMPTY, AnswerKind.PARTIAL})


class Collector:
    """Keeps up to `lanes` GETs under way. `refresh` tells it that there may be something new."""

    def __init__(self, tools: Tools, *, lanes: int) -> None:
        """Prepare; nothing is fetched before `run` or `drain`."""
        self._tools = tools
        self._lanes = lanes
        self._queue = Queue(tools)
        self._recorder = Recorder(tools)
        self._held: set[str] = set()  # ids under way or not durable yet
        self._running: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._flush_timer: asyncio.TimerHandle | None = None
        self._rest_until = 0  # monotonic ms
        self._ledger_fails = False

    def wake(self) -> None:
        """Look again now: a slot may be free, or it is time to stop."""
        self._woken.set()

    def refresh(self, ids: Sequence[str] = ()) -> None:
        """Order the queue anew: the ledger has news, of these tasks too, although it does not tell."""
        self._queue.refresh(ids)
        self._woken.set()

    def recheck(self) -> None:
        """Read all outstanding tasks anew: somebody has set the clock."""
        self._queue.recheck()
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Fetch until `stop`; then wait for what is under way and make it durable."""
        while not stop.is_set():
            self._woken.clear()
            pause = self._start_next()
            if pause and not stop.is_set():
                await self._rest(min(pause, self._queue.tidy(self._held)))
            self._tools.bugs.worked("collect")
        await self._settle_down()

    async def drain(self, stop: asyncio.Event) -> None:
        """Fetch until nothing is worth a GET now, or until `stop` (for `run --once`)."""
        self._queue.refresh()
        while not stop.is_set():
            self._woken.clear()
            pause = self._start_next(until_empty=True)
            if pause is None:
                break
            if pause:
                await self._rest(min(pause, self._queue.tidy(self._held)))
        await self._settle_down()

    async def abandon(self) -> int:
        """Give up what is under way, for a stop that cannot wait; return how many GETs that were.

        Their tasks are still outstanding in the ledger, and are fetched again by id.
        """
        running = list(self._running)
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        return len(running)

    def flush(self) -> None:
        """Make everything in hand durable now."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        # Durable or not, they are no longer in hand: what could not be written is still outstanding in the ledger,
        # and is fetched again by id.
        in_hand = self._recorder.ids()
        try:
            self._recorder.flush()
        except LedgerError as error:
            self._rest_until = self._tools.ticks() + LEDGER_REST_MS
            self._ledger_fails = True
            self._queue.refresh()
            self._tools.ledger_failed(error, "collect")
        else:
            self._ledger_fails = False
        self._held.difference_update(in_hand)

    def _start_next(self, *, until_empty: bool = False) -> int | None:
        """Start one GET if one may start; return ms to rest before looking again (None: all is done)."""
        tools, ticks = self._tools, self._tools.ticks()
        pause = max(tools.remote.pause_ms(ticks, Caller.RESULTS), self._rest_until - ticks, 0)
        if pause and until_empty and not self._running:
            return None
        # While the remote or the ledger is in trouble, one call at a time finds out whether it is back.
        lanes = 1 if tools.remote.failures or self._ledger_fails else self._lanes
        if not pause and len(self._running) >= lanes:
            pause = 60_000  # a finished GET wakes us
        pause = pause or tools.general.wait_ms(ticks)
        if pause:
            return pause
        task = self._queue.pop(self._held, tools.general.rate_per_ms(ticks, self._lanes))
        if task is None:
            if until_empty and not self._running and not self._queue.has_news(self._held):
                return None
            return self._queue.rest_ms(self._held)
        tools.general.begin(ticks)
        self._start(task)
        return 0

    def _start(self, task: Candidate) -> None:
        self._held.add(task.id)
        self._tools.remote.probed(api_of(task.function), self._tools.ticks())
        running = asyncio.create_task(self._timed(task), name=task.id)
        self._running.add(running)
        running.add_done_callback(self._finished)

    def _finished(self, running: asyncio.Task[None]) -> None:
        self._running.discard(running)
        self._woken.set()
        if not running.cancelled() and (error := running.exception()) is not None:
            self._held.discard(running.get_name())
            self._tools.log.error("collect.bug", task=running.get_name(), exc_info=error)

    async def _rest(self, pause_ms: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_ms / 1000):
                await self._woken.wait()

    async def _settle_down(self) -> None:
        if self._running:
            await asyncio.wait(self._running)
        self.flush()

    async def _timed(self, task: Candidate) -> None:
        """Fetch, and tell the budget how long that took: it counts calls until their answers are here."""
        began, answered = self._tools.ticks(), False
        try:
            answered = await self._fetch(task)
        except Exception as error:
            # A bug costs this task its turn; asked again at once, it would cost the remote a storm of calls.
            self._tools.log.exception("collect.bug", task=task.id)
            problem = f"a bug in readyd ({type(error).__name__})"
            self._keep(Fetched(task, Answer(AnswerKind.GARBLED, None, problem), None))
        finally:
            now = self._tools.ticks()
            self._tools.general.end(now, now - began if answered else None)

    async def _fetch(self, task: Candidate) -> bool:
        """Fetch one task and keep what came of it; say whether the remote gave an answer about it."""
        asked_at = self._tools.now()
        path, variant = self._path_of(task)
        if path is None:
            message = f"no task_get path is known for function {task.function}"
            self._keep(Fetched(task, Answer(AnswerKind.REQUEST, None, message), None))
            return False
        try:
            download = await self._tools.client.fetch(path, task.id)
        except (Garbled, TooLarge) as error:
            self._keep(Fetched(task, Answer(AnswerKind.GARBLED, error.code, str(error)), None))
        except RequestRefused as error:
            self._keep(Fetched(task, Answer(AnswerKind.REQUEST, error.code, str(error)), None))
        except RemoteError as error:
            self._troubled(task, error)
        else:
            self._answered(task)
            self._keep(self._read(task, variant, download, asked_at))
            return True
        return False

    def _answered(self, task: Candidate) -> None:
        self._tools.answered(api_of(task.function))
        self._tools.remote.failing.pop(task.id, None)

    def _path_of(self, task: Candidate) -> tuple[str | None, str]:
        """Choose the path, the catalogue's or, when that is unknown, the listed row's own; name the form it fetches.

        Where the last try brought nothing, the row's own takes turns with it, if it fetches the same form.
        """
        variant = self._tools.variant_of(task)
        path = get_path(task.function, variant, task.id)
        listed = read_endpoint(task.endpoint) if task.endpoint is not None else None
        if listed is None:
            return path, variant
        form = variant if listed.variant == PLAIN else listed.variant
        if path is None or (task.attempts % 2 == 1 and form == variant):
            return listed.path, form
        return path, variant

    def _read(self, task: Candidate, variant: str, download: Download, asked_at: int) -> Fetched:
        answer = download.answer
        kind = KINDS[answer.kind]
        body = None
        if kind in WITH_BODY:
            code = answer.code or 0
            body = Body(task.id, variant, download.gzip, download.size, code, self._tools.now())
        return Fetched(task, Answer(kind, answer.code, answer.message), body, asked_at)

    def _troubled(self, task: Candidate, error: RemoteError) -> None:
        tools, kind = self._tools, kind_of(error)
        if kind is AnswerKind.UNREACHABLE and tools.remote.is_own_fault(task.id):
            self._keep(Fetched(task, Answer(AnswerKind.RETRY, error.code, str(error)), None))
            return
        before = tools.remote.failures
        api = api_of(task.function)
        now, ticks = tools.now(), tools.ticks()
        tools.remote.troubled(error, api, now=now, ticks=ticks, rules=tools.rules, caller=Caller.RESULTS)
        if kind is AnswerKind.THROTTLED:
            tools.general.tighten(tools.ticks())
        if before == 0:
            tools.log.warning("remote.trouble", kind=str(kind), problem=str(error))
        self._keep(Fetched(task, Answer(kind, error.code, str(error)), None))

    def _keep(self, fetched: Fetched) -> None:
        self._recorder.add(fetched)
        if self._recorder.is_full:
            self.flush()
        elif self._flush_timer is None:
            self._flush_timer = asyncio.get_running_loop().call_later(WAIT_S, self.flush)
