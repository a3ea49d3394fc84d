"""What is fuzzed with a real ledger behind it: requests to the receiver, and damaged ledgers. Else as `targets`."""

import asyncio
import atexit
import gzip
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from daemon import logs
from daemon.cli.showing import inflate
from daemon.composition import build_tools
from daemon.settings import Secret, Settings
from daemon.settings_webhook import Webhook
from daemon.web import secrets
from daemon.web.limits import Limits
from daemon.web.server import Front
from ledger import Ledger, LedgerError
from ledger.reader import Reader, TaskFilter
from ledger.records import Body, Reason, Settlement, State
from tests.fuzz.targets import sentence

T0 = 1_795_000_000_000
PATH = ["v3", "serp", "google", "organic", "task_post"]
SCRATCH = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)


def name_of(number: int) -> str:
    return f"11231402-1535-0066-0000-{number:012x}"


def stocked(path: Path, tasks: int, home: int) -> Ledger:
    """A ledger with some tasks, and some of their results."""
    book = Ledger.open(path)
    entries = [{"id": name_of(one), "status_code": 20100, "path": PATH, "data": {}} for one in range(tasks)]
    book.record_posted({"status_code": 20000, "tasks": entries}, T0, now=T0)
    ids = [name_of(one) for one in range(home)]
    packed = {
        one: gzip.compress(json.dumps({"of": one, "items": [*range(40)]}).encode(), mtime=0) for one in ids
    }
    book.save_bodies([Body(one, "advanced", packed[one], 200, 20000, T0) for one in ids])
    book.settle(
        [Settlement(one, State.POSTED, State.COLLECTED, Reason.FETCHED, 20000, "Ok.", T0) for one in ids]
    )
    return book


class Inlet:
    """A receiver of webhooks whose clock waits for nobody: each request is answered before the next begins."""

    def __init__(self) -> None:
        self.log = io.StringIO()
        logs.configure(stream=self.log, environ={}, level="info", format="json")
        self.loop, self.now_s = asyncio.new_event_loop(), 3_600.0
        self.loop.time = lambda: self.now_s  # type: ignore[method-assign]
        secrets.replace(SCRATCH / "secret")
        (self.secret, *_) = secrets.read(SCRATCH / "secret")
        self.book = stocked(SCRATCH / "hooks.db", 400, 0)
        place = Settings(ledger=self.book.path, login="me", password=Secret("pass word"))
        wanted = Webhook(listen="127.0.0.1:0", secret_file=SCRATCH / "secret")
        self.front = Front(build_tools(place, self.book, self), wanted, lambda: None, limits=Limits())

    def now(self) -> int:
        return T0

    def monotonic(self) -> float:
        return self.now_s

    def boot(self) -> str:
        return "fuzz"

    def changes(self) -> int:
        with self.book._connection.reading() as database:
            return int(database.driver().total_changes)

    def send(self, scope: dict[str, Any], body: bytes) -> int:
        return self.loop.run_until_complete(self._send(scope, body))

    async def _send(self, scope: dict[str, Any], body: bytes) -> int:
        statuses: list[int] = []
        left = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return left.pop() if left else {"type": "http.disconnect"}

        async def take(message: Any) -> None:
            statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

        answering = asyncio.ensure_future(self.front.app(scope, receive, take))
        while not answering.done():
            await asyncio.sleep(0)
            self.now_s += 0.05  # whoever waits for company has waited
        await answering
        (status,) = statuses
        return status


_inlets: list[Inlet] = []


def webhook(data: bytes) -> None:
    """One request: method, target and headers, a line each, an empty line, the body; SECRET and ID are filled in."""
    here = _inlets[0] if _inlets else _inlets.append(Inlet()) or _inlets[0]  # type: ignore[func-returns-value]
    head, _, body = data.partition(b"\n\n")
    one = name_of(len(data) % 400)
    head, body = head.replace(b"SECRET", here.secret.encode()), body.replace(b"ID", one.encode())
    method, target, *lines = (*head.replace(b"ID", one.encode()).split(b"\n"), b"/")
    path, _, query = target.partition(b"?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": "",
        "method": method.decode("latin-1").upper(), "path": path.decode("utf-8", "replace"), "raw_path": path,
        "query_string": query, "client": ("192.0.2.7", 1), "server": ("readyd.invalid", 80),
        "headers": [tuple(line.lower().split(b":", 1)) for line in lines if b":" in line],
    }  # fmt: skip
    before = here.changes()
    status = here.send(scope, gzip.compress(body, mtime=0) if body.startswith(b"{") else body)
    assert status in (200, 400, 404, 413, 503), status
    assert status == 200 or here.changes() == before, "what was refused changed something"
    assert status != 200 or here.secret.encode() in head, "let in without the secret"
    said = here.log.getvalue()
    assert "bug" not in said, said
    assert "Traceback" not in said, said
    assert here.secret not in said
    here.log.truncate(0)


class Original:
    """A small ledger and its results file, as bytes, and what is right about them."""

    def __init__(self) -> None:
        path = SCRATCH / "original" / "ledger.db"
        path.parent.mkdir()
        stocked(path, 20, 8).close()
        month = next((path.parent / "results").glob("*.db"))
        self.files = [
            (Path("ledger.db"), path.read_bytes()),
            (Path("results") / month.name, month.read_bytes()),
        ]
        self.right = everything(path)


def everything(path: Path) -> tuple[dict[str, State], dict[str, bytes | None]]:
    """States and results, as a reader of the ledger sees them."""
    with Reader.open(path) as reader:
        tasks = list(reader.tasks(TaskFilter()))
        assert reader.count(TaskFilter()) == len(tasks)
        bodies = {}
        for task in tasks:
            reader.history(task.id)
            body = reader.body(task)
            bodies[task.id] = None if body is None else inflate(body)
        reader.counts(), reader.polls(9), reader.looks(), reader.alerts(closed=True), reader.totals()
        return {task.id: task.state for task in tasks}, bodies


_originals: list[Original] = []


def ledger(data: bytes) -> None:
    """Up to eight damaged bytes, five of input for each: which file, where, and what is flipped there."""
    first = _originals[0] if _originals else _originals.append(Original()) or _originals[0]  # type: ignore[func-returns-value]
    contents = [bytearray(content) for _, content in first.files]
    for edit in (data[place : place + 5] for place in range(0, min(len(data), 40) - 4, 5)):
        content = contents[edit[0] % 2]
        content[int.from_bytes(edit[1:4], "big") % len(content)] ^= edit[4]
    place = SCRATCH / "damaged"
    shutil.rmtree(place, ignore_errors=True)
    (place / "results").mkdir(parents=True)
    for (name, _), content in zip(first.files, contents, strict=True):
        (place / name).write_bytes(content)
    try:
        states, bodies = everything(place / "ledger.db")
    except LedgerError as error:
        sentence(str(error))
        return
    right_states, right_bodies = first.right
    assert states == right_states, "a wrong state"
    assert all(body in (None, right_bodies.get(one)) for one, body in bodies.items()), "a wrong result"


DEEP = {"webhook": webhook, "ledger": ledger}
_POSTBACK = json.dumps(
    {"status_code": 20000, "tasks": [{"id": "ID", "status_code": 20000, "result": [{"a": 1}]}]}
)
DEEP_SEEDS = {
    "webhook": [
        b"POST\n/hook/SECRET/post?id=ID&tag=t\ncontent-encoding: gzip\n\n" + _POSTBACK.encode(),
        b"GET\n/hook/SECRET/ping?id=ID&tag=t\n\n",
        b"GET\n/hook/wrong/ping?id=ID\nx-forwarded-for: 1.2.3.4\n\n",
    ],
    "ledger": [
        bytes([0, 0, 0, 18, 1]),
        bytes([0, 0, 33, 7, 255]),
        bytes([1, 0, 40, 9, 16]),
        bytes([0, 0, 16, 5, 2] * 3),
    ],
}
