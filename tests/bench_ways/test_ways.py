"""The comparison of the ways, at a small size: every run adds up, a wrong sum is noticed, what is off is off."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.ways import account, table
from bench.ways.__main__ import play
from bench.ways.account import NEVER, AccountingError, Outcome
from bench.ways.cells import DROPPED, FOREIGN, LISTS, NONE, WAYS, Cell, Trouble, Way, every_cell
from bench.ways.scripts import Script
from bench.ways.stage import START, Stage
from daemon import virtual
from daemon.virtual import VirtualClock

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "three-ways.md"
HOURS = 1
BY_NAME = {way.name: way for way in WAYS}


@pytest.fixture(autouse=True)
def quiet_logs(restored_logs: None) -> None:
    """Put logging back as it was, after every run."""


def outcome_of(name: str, trouble: str = NONE, hours: int = HOURS) -> Outcome:
    return play(Cell(BY_NAME[name], Trouble(trouble, trouble, hours)))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_without_trouble_everything_comes_home_and_what_is_off_is_not_used(way: Way) -> None:
    one = outcome_of(way.name)
    assert (one.tasks, one.lost) == (20 * HOURS, 0)
    assert 0 < one.median <= one.p95 <= one.worst < NEVER
    assert (one.lists > 0) is way.lists
    assert way.audits or one.id_lists == 0
    by_get = 0 if way.hook == "post" else one.tasks
    assert one.gets == by_get + one.early, "each result was fetched once"
    assert one.early == 0 or way.name == "script: GET by id" or way.hook == "post"
    assert one.warned_ms is None


def test_webhooks_that_are_dropped_are_lost_to_scripts_and_not_to_readyd() -> None:
    for hook in ("pingbacks", "postbacks"):
        script = outcome_of(f"script: {hook}", DROPPED)
        home = script.tasks - script.lost
        assert home < script.tasks / 4, "those that were done after the trouble"
        assert (script.median, script.worst, script.late) == (NEVER, NEVER, 0)
        assert script.gets == (home if hook == "pingbacks" else 0)
        ours = outcome_of(f"readyd: all, {hook}", DROPPED)
        assert ours.lost == 0
        assert ours.gets >= ours.tasks, "a GET for each"


def test_broken_lists_are_asked_in_vain_and_results_come_home_by_other_ways() -> None:
    script, ours = (outcome_of(name, LISTS, 2) for name in ("script: Tasks Ready", "readyd: no webhooks"))
    assert script.lost == 0
    assert script.worst > 3_600_000, "after the trouble"
    assert ours.worst < script.worst
    assert ours.warned_of
    assert ours.warned_ms is not None


def test_a_full_window_hides_tasks_from_a_list_alone() -> None:
    script, ours = (outcome_of(name, FOREIGN) for name in ("script: Tasks Ready", "readyd: no webhooks"))
    assert script.late + script.lost == script.tasks
    assert (ours.late, ours.lost) == (0, 0)


def test_a_run_is_the_same_run_again() -> None:
    name = "readyd: all, pingbacks"
    assert outcome_of(name, DROPPED) == outcome_of(name, DROPPED)


class Liar(Script):
    """Says that every result is home."""

    def home(self) -> dict[str, int]:
        return dict.fromkeys(self._mine, self._stage.clock.now())


class Forgetful(Script):
    """Fetches everything, and forgets one."""

    def home(self) -> dict[str, int]:
        return dict(list(super().home().items())[1:])


class Eager(Script):
    """Says that results were home when they were posted."""

    def home(self) -> dict[str, int]:
        return dict.fromkeys(super().home(), START)


def sum_of(kind: type[Script], trouble: str, spoil: Callable[[Stage], None] = lambda stage: None) -> Any:
    async def played() -> Outcome:
        stage = Stage(Cell(BY_NAME["script: pingbacks"], Trouble(trouble, trouble, HOURS)), VirtualClock())
        player = kind(stage)
        await stage.play(player)
        spoil(stage)
        return account.summed(stage, player)

    return virtual.run(played, start=START)


def test_a_true_sum_is_accepted() -> None:
    assert sum_of(Script, NONE).lost == 0


@pytest.mark.parametrize(
    ("kind", "trouble", "sentence"),
    [
        (Liar, DROPPED, r"the remote gave \d results, and 20 are home"),
        (Forgetful, NONE, "the remote gave 20 results, and 19 are home"),
        (Eager, NONE, "is home before it is done"),
    ],
)
def test_a_player_that_does_not_tell_the_truth_is_noticed(
    kind: type[Script], trouble: str, sentence: str
) -> None:
    with pytest.raises(AccountingError, match=sentence):
        sum_of(kind, trouble)


def a_get_more(stage: Stage) -> None:
    stage.line.calls["task_get"] += 1


def a_task_less(stage: Stage) -> None:
    stage.own.pop()


def a_stranger(stage: Stage) -> None:
    stage.world._state.tally["foreign_collected"] += 1


@pytest.mark.parametrize("spoil", [a_get_more, a_task_less, a_stranger])
def test_a_sum_that_does_not_add_up_is_noticed(spoil: Callable[[Stage], None]) -> None:
    with pytest.raises(AccountingError):
        sum_of(Script, NONE, spoil)


def test_ranks_are_values_that_were_seen() -> None:
    waits = [float(number) for number in range(1, 101)]
    assert [account.nearest_rank(waits, part) for part in (0.5, 0.95, 1.0)] == [50, 95, 100]
    assert account.nearest_rank([7.0], 0.5) == 7
    assert account.nearest_rank([1.0, NEVER, NEVER], 0.5) == NEVER


def example(cell: Cell) -> Outcome:
    return Outcome(cell, 480, 480, 480, 600.0, 59e3, NEVER, 4800, 480, 0, 0, 9, "failed delivery", 3_600_000)


def test_the_table_is_narrow_and_has_every_run() -> None:
    cells = list(every_cell())
    lines = table.text([example(cell) for cell in cells]).splitlines()
    assert max(map(len, lines)) <= table.WIDTH
    for way in WAYS:
        touched = sum(cell.way == way for cell in cells)
        assert sum(line.startswith(f"{way.name} ") for line in lines) == touched > 0


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0.0 s"),
        (99_949, "99.9 s"),
        (600_000, "10.0 m"),
        (6_000_000, "1.7 h"),
        (3e8, "3.5 d"),
        (NEVER, "never"),
    ],
)
def test_durations_are_short(ms: float, words: str) -> None:
    assert table.duration(ms) == words


def test_the_document_holds_a_whole_table_of_this_command() -> None:
    document = DOCUMENT.read_text()
    lines = document.splitlines()
    assert table.HEAD in lines
    expected = table.text([example(cell) for cell in every_cell()]).splitlines()
    found = lines[lines.index(table.HEAD) :][: len(expected)]
    assert [line[:22] for line in found] == [line[:22] for line in expected]
    assert table.put_into(document, "\n".join(found)) == document


def test_a_document_without_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no fenced table"):
        table.put_into("text\n```text\nsomething else\n```\n", "way")


def test_a_seed_makes_another_run() -> None:
    cell = Cell(BY_NAME["script: postbacks"], Trouble(NONE, NONE, HOURS))
    assert play(cell).median != play(replace(cell, seed=2)).median
