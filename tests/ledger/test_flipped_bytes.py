"""One flipped byte anywhere in a small ledger: the right answers, or a ledger error in one sentence."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.showing import inflate
from ledger import Ledger, LedgerError
from ledger.reader import Reader, TaskFilter
from ledger.records import Band, Postponement, PrioritySource, State

T0 = 1_795_000_000_000
OFFSETS = 1_000


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, kit: Any) -> tuple[bytes, bytes]:
    """A small ledger with something in every table, and its results file."""
    path = tmp_path_factory.mktemp("original") / "ledger.db"
    with Ledger.open(path) as book:
        kit.post(book, *(f"task-{number:03d}" for number in range(60)), tag="shop")
        kit.look(book, *(f"task-{number:03d}" for number in range(20)), at=T0 + 60_000)
        for number in range(10):
            name = f"task-{number:03d}"
            result = f'{{"of": "{name}", "items": {[*range(200)]}}}'
            book.save_bodies([kit.body(name, gzip.compress(result.encode(), mtime=0))])
            state = book.tasks.states_of([name])[name]
            assert book.settle([kit.settlement(name, state)]) == (name,)
        book.postpone([Postponement("task-050", 1, T0 + 9, 40602, "Task In Queue.", T0)])
        book.tasks.set_bands([("task-051", Band.URGENT, T0)])
        book.tasks.block(["task-052"], T0)
        book.alerts.write([kit.alert()])
        book.facts.put("pid", "1", T0)
    return path.read_bytes(), next((path.parent / "results").glob("*.db")).read_bytes()


def offsets(size: int) -> list[int]:
    """Every byte of the header's first fields, then evenly over the file, on no page-aligned grid."""
    found = sorted({*range(0, 100, 3), *range(100, size, max(1, size // OFFSETS - 1) | 1)})
    assert len(found) >= OFFSETS
    return found


def states(tasks: Any) -> dict[str, State]:
    return {task.id: task.state for task in tasks}


def read_all(path: Path) -> dict[str, State]:
    with Reader.open(path) as reader:
        found = states(reader.tasks(TaskFilter()))
        for name in list(found)[::9]:
            assert reader.task(name) is not None
            reader.history(name)
        reader.counts(), reader.polls(9), reader.looks(), reader.alerts(closed=True), reader.fact("pid")
        assert reader.count(TaskFilter()) == len(found)
        return found


def use_all(path: Path) -> dict[str, State]:
    with Ledger.open(path) as book:
        names = [f"task-{number:03d}" for number in range(60)]
        found = book.tasks.states_of(names)
        (
            book.tasks.outstanding(),
            book.tasks.candidates(T0 * 2),
            book.tasks.blocked(),
            book.tasks.near_expiry(T0),
        )
        book.tasks.still_outstanding(names), book.tasks.unruled(), book.polls.looks(), book.alerts.open()
        book.tasks.set_priorities([(names[30], 4)], PrioritySource.RULE)
        poll = book.polls.begin("/v3/serp/tasks_ready", "due", T0)
        book.close_poll(poll, "/v3/serp/tasks_ready", outcome="refused", code=1, at=T0)
        return found


@pytest.mark.parametrize("act", [read_all, use_all])
def test_a_flipped_byte_is_harmless_or_noticed(
    act: Callable[[Path], dict[str, State]], original: tuple[bytes, bytes], path: Path
) -> None:
    path.write_bytes(original[0])
    right = act(path)
    assert len(right) == 60
    noticed, said = 0, set[str]()
    for offset in offsets(len(original[0])):
        for mask in (0xFF, 1 << offset % 8):
            for file in path.parent.iterdir():
                file.unlink()
            content = bytearray(original[0])
            content[offset] ^= mask
            path.write_bytes(content)
            try:
                assert act(path) == right, f"a wrong answer from a flip at {offset}"
            except LedgerError as error:
                noticed += 1
                said.add(str(error))
    assert noticed > 50
    assert all(str(path) in text and "\n" not in text for text in said)


def bodies(path: Path) -> dict[str, bytes | None]:
    """What `readyd show --result` and `export` write: a body that does not inflate whole is an error there."""
    found: dict[str, bytes | None] = {}
    with Reader.open(path) as reader:
        for number in range(10):
            name = f"task-{number:03d}"
            task = reader.task(name)
            assert task is not None
            body = reader.body(task)
            found[name] = None if body is None else inflate(body)
        reader.totals()
    return found


def test_a_flipped_byte_in_a_results_file_gives_the_right_result_or_none(
    original: tuple[bytes, bytes], path: Path
) -> None:
    ledger, results = original
    path.write_bytes(ledger)
    month = path.parent / "results" / "2026-11.db"
    month.parent.mkdir()
    month.write_bytes(results)
    right, noticed = bodies(path), 0
    assert None not in right.values()
    for offset in offsets(len(results)):
        content = bytearray(results)
        content[offset] ^= 0xFF
        for file in month.parent.iterdir():
            file.unlink()
        month.write_bytes(content)
        try:
            found = bodies(path)
        except LedgerError:
            noticed += 1
            continue
        wrong = {name for name, body in found.items() if body is not None and body != right[name]}
        assert not wrong, f"a wrong result from a flip at {offset}"
    assert noticed > 20
