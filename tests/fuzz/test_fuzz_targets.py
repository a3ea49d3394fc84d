"""The targets of `make fuzz` without a fuzzer: seeds, damaged seeds, and everything that fuzzing ever found."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz import deep_targets, seeds, targets

TARGETS = targets.TARGETS | deep_targets.DEEP
SEEDS = seeds.SEEDS | deep_targets.DEEP_SEEDS
FOUND = sorted((Path(__file__).parent / "found").glob("*-*"))
ROUNDS = {"ledger": 60, "webhook": 300}

Target = Callable[[bytes], None]


@pytest.fixture(autouse=True)
def quiet_logs(restored_logs: None) -> None:
    """Put logging back as it was."""


def damaged(seed: bytes, dice: random.Random) -> bytes:
    body = bytearray(seed)
    for _ in range(dice.randrange(1, 6)):
        place = dice.randrange(len(body) + 1)
        kind = dice.randrange(4)
        if kind == 0:
            body[place:place] = dice.choice(
                [b"\0", b"\xff", b"{", b"[", b'"', b"null", b"1e999", b"-1", b"\\ud800"]
            )
        elif kind == 1:
            del body[place : place + dice.randrange(1, 9)]
        elif kind == 2 and place < len(body):
            body[place] ^= 1 << dice.randrange(8)
        else:
            body[place:place] = body[place // 2 : place // 2 + dice.randrange(40)]
    return bytes(body)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_damaged_seeds_are_borne(name: str) -> None:
    dice = random.Random(name)
    for seed in SEEDS[name]:
        TARGETS[name](seed)
    for number in range(ROUNDS.get(name, 1_000)):
        data = damaged(dice.choice(SEEDS[name]), dice)
        try:
            TARGETS[name](data)
        except Exception as error:
            pytest.fail(f"{name}, number {number}: {error!r} for {data!r}")


@pytest.mark.parametrize("file", FOUND, ids=[one.name for one in FOUND])
def test_what_fuzzing_found_stays_mended(file: Path) -> None:
    TARGETS[file.name.partition("-")[0]](file.read_bytes())


def test_every_target_has_seeds_that_reach_it() -> None:
    assert TARGETS.keys() == SEEDS.keys()
    assert all(SEEDS.values())


def test_a_parser_that_lets_an_error_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a bug of the kind that is looked for."""

    def careless(data: bytes, task_id: str, *, delivered: bool = False) -> None:
        raise KeyError("tasks")

    monkeypatch.setattr(targets, "read_result", careless)
    with pytest.raises(KeyError):
        targets.result(SEEDS["result"][0])


def test_a_ledger_that_answers_wrongly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    deep_targets.ledger(b"")
    (first,) = deep_targets._originals
    states, bodies = first.right
    monkeypatch.setattr(first, "right", ({**states, deep_targets.name_of(1): "lost"}, bodies))
    with pytest.raises(AssertionError, match="a wrong state"):
        deep_targets.ledger(b"")


def test_the_makefile_and_the_docs_count_every_target() -> None:
    root = Path(__file__).resolve().parents[2]
    (made,) = re.findall(r"^TARGETS \?= (.*)$", (root / "Makefile").read_text(), re.MULTILINE)
    assert made.split() == [*TARGETS]
    parsers = len(targets.TARGETS)
    assert (
        f"fuzzing of {parsers} parsers, the receiver and the ledger"
        in (root / "docs/reliability.md").read_text()
    )
