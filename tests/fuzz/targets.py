"""What is fuzzed: each target takes any bytes and raises only when readyd does something that it must never do.

Knows no fuzzer: `__main__.py` drives the targets with one, `test_fuzz_targets.py` without.
"""

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from daemon.cli import documents, tasklines
from daemon.cli.options import WrongUseError
from daemon.cli.words import moment
from daemon.dataforseo.account import read_account
from daemon.dataforseo.catalogue import LISTINGS, is_endpoint, is_task_id
from daemon.dataforseo.errors import Garbled, RemoteError
from daemon.dataforseo.inflate import inflate
from daemon.dataforseo.posted import read_posted_page
from daemon.dataforseo.posting import read_posting
from daemon.dataforseo.received import clock_of
from daemon.dataforseo.refusals import by_status, retry_after_ms
from daemon.dataforseo.wire import read_listing, read_result
from daemon.settings import Settings, SettingsError, load
from ledger.intake import read_posted
from tests.fuzz.seeds import KEYS, TASK_ID

NOW = 1_795_000_000_000
LONGEST = 64 * 1024
CAP = 1_000_000


def sentence(text: str) -> None:
    assert text.strip(), "an error says nothing"
    assert text.isprintable(), f"an error is not one line: {text!r}"
    text.encode()


def instant(at: int | None) -> None:
    assert at is None or 0 < at < 2**53


def listing(data: bytes) -> None:
    for path in ("/v3/serp/tasks_ready", "/v3/on_page/tasks_ready", "/v3/appendix/user_data"):
        if path not in LISTINGS:
            continue
        try:
            answer = read_listing(data, LISTINGS[path])
        except Garbled as error:
            sentence(str(error))
            continue
        assert len({row.task_id for row in answer.rows}) == len(answer.rows) <= answer.row_count
        for row in answer.rows:
            assert is_task_id(row.task_id)
            assert row.endpoint is None or is_endpoint(row.endpoint)
            assert row.tag is None or row.tag.encode() is not None
            instant(row.posted_at)
        for problem in answer.problems:
            sentence(problem)


def result(data: bytes) -> None:
    for delivered in (False, True):
        try:
            answer = read_result(data, TASK_ID, delivered=delivered)
        except RemoteError as error:
            sentence(str(error))
            continue
        assert answer.code is None or 0 < answer.code < 100_000
        assert answer.message is None or (
            answer.message.isprintable() and answer.message.encode() is not None
        )


def posted(data: bytes) -> None:
    try:
        answer = read_posted_page(data, "serp")
    except Garbled as error:
        sentence(str(error))
        return
    assert len(answer.rows) <= answer.row_count
    for row in answer.rows:
        assert is_task_id(row.task_id)
        instant(row.posted_at)
        instant(row.done_at)
    for problem in answer.problems:
        sentence(problem)


def posting(data: bytes) -> None:
    try:
        answer = read_posting(data, KEYS)
    except Garbled as error:
        sentence(str(error))
        return
    assert answer.words.keys() <= set(KEYS)
    ids = [word.task_id for word in answer.words.values() if word.task_id is not None]
    assert len(ids) == len(set(ids)), "two tasks of ours under one id"
    for word in answer.words.values():
        assert word.cost is None or 0 <= word.cost < 1e9


def account(data: bytes) -> None:
    try:
        answer = read_account(data)
    except Garbled as error:
        sentence(str(error))
        return
    limit = answer.facts.general_limit
    assert limit is None or 0 < limit < 2**53


def headers(data: bytes) -> None:
    lines = data.decode("latin-1").split("\n")
    found = dict(zip(("retry-after", "date"), lines, strict=False))
    pause = retry_after_ms(found)
    assert pause is None or 0 <= pause <= 366 * 86_400_000
    instant(clock_of(found))
    sentence(str(by_status(len(data) % 1000, found, None, "GET /v3/x")))


def packed(data: bytes) -> None:
    try:
        assert len(inflate(data, CAP, "GET /v3/x")) <= CAP
    except RemoteError as error:
        sentence(str(error))


_SCRATCH = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def settings(data: bytes) -> None:
    file = _SCRATCH / "readyd.toml"
    file.write_bytes(data)
    words = (line.partition("=") for line in data.decode("utf-8", "surrogateescape").splitlines())
    environ = {
        f"READYD_{name.strip().upper()}": value.strip() for name, _, value in words if "\0" not in value
    }
    for path, around in ((file, {"HOME": "/home/me"}), (None, {"HOME": "/home/me", **environ})):
        try:
            loaded: Settings = load(path, around, {}, default_config=Path("/nonexistent"))
        except SettingsError as error:
            sentence(str(error))
            continue
        assert 0 < loaded.share <= 1
        assert 1 <= loaded.lanes <= 30
        loaded.describe()
        for warning in loaded.warnings:
            sentence(warning)


def tasks(data: bytes) -> None:
    """A file for `readyd post`."""
    source = tasklines.Source(io.BytesIO(data), "b", len(data))
    read = 0

    def advance(size: int) -> None:
        nonlocal read
        read += size

    for one in tasklines.read_lines(source, advance):
        if isinstance(one, tasklines.BadLine):
            sentence(one.problem)
        else:
            assert isinstance(one.payload, dict)
            json.dumps(one.payload).encode()
    assert read == len(data), "a line was skipped unsaid"


def answers(data: bytes) -> None:
    """A file for `readyd record`."""
    for document in documents.documents(io.BytesIO(data)):
        if document.problem is not None:
            sentence(document.problem)
            continue
        accepted, rejected = read_posted(document.content, NOW)
        for one in rejected:
            sentence(one.reason)
        ids = [task.id for task in accepted]
        assert all(one and one.isprintable() and len(one) <= 500 for one in ids)


def moments(data: bytes) -> None:
    """An instant on the command line."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        assert 0 <= moment(text, NOW) < 2**53
    except (ValueError, WrongUseError):
        return


Target = Callable[[bytes], None]
TARGETS: dict[str, Target] = {
    one.__name__: one
    for one in (listing, result, posted, posting, account, headers, packed, settings, tasks, answers, moments)
}
