"""What fits on a line, and how people's words for time and size read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.cli import words
from daemon.cli.layout import Cell, Column, cells, fit, shorten, wrap
from daemon.dataforseo.codes import MEANING, fact_of
from ledger.times import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

ID = Column("id")
COLUMNS = (
    ID,
    Column("function", least=12, tail=True, drop=3),
    Column("tag", least=6, drop=4),
    Column("prio", drop=5),
)


@given(
    wanted=st.tuples(st.just(36), st.integers(8, 60), st.integers(3, 200), st.integers(4, 6)),
    width=st.integers(36, 300),
)
def test_a_table_never_gets_wider_than_the_terminal_and_never_cuts_an_id(
    wanted: tuple[int, ...], width: int
) -> None:
    layout = fit(COLUMNS, wanted, width)
    shown = [one for one in layout.widths if one is not None]
    assert layout.widths[0] == 36
    assert sum(shown) + layout.gap * (len(shown) - 1) <= width
    for column, one, full in zip(COLUMNS, layout.widths, wanted, strict=True):
        assert one is None or min(column.least or full, full) <= one <= full


def test_what_fits_is_left_as_it_is() -> None:
    assert fit(COLUMNS, (36, 20, 10, 4), 76).widths == (36, 20, 10, 4)


def test_columns_are_shortened_before_one_is_left_out() -> None:
    assert fit(COLUMNS, (36, 20, 10, 4), 70).widths == (36, 15, 9, 4)
    assert fit(COLUMNS, (36, 20, 10, 4), 64) == ((36, 12, 6, 4), 2)
    assert fit(COLUMNS, (36, 20, 10, 4), 61) == ((36, 12, 6, 4), 1)


def test_the_column_that_matters_least_goes_first() -> None:
    assert fit(COLUMNS, (36, 20, 10, 4), 57).widths[3] is None
    assert fit(COLUMNS, (36, 20, 10, 4), 40).widths[1:] == (None, None, None)


@given(st.text(max_size=40), st.integers(1, 40), st.booleans())
def test_a_shortened_text_fits(text: str, width: int, tail: bool) -> None:
    assert cells(shorten(text, width, tail=tail)) <= max(width, 1)


def test_the_end_of_a_function_is_kept_and_the_beginning_of_a_tag() -> None:
    assert shorten("serp/google/organic", 10, tail=True) == "…e/organic"
    assert shorten("nightly:2026-11-23", 8) == "nightly…"


def test_wide_characters_take_two_cells() -> None:
    assert cells("日本") == 4
    assert cells(shorten("日本語のタグ", 6)) <= 6


def test_a_sentence_breaks_at_blanks_only_and_hangs() -> None:
    one = "11231402-1535-0066-0000-000000000001"
    lines = wrap([Cell("label     "), Cell(f"{one}, {one}, {one}")], 50, 10)
    texts = ["".join(cell.text for cell in line) for line in lines]
    assert [text.count(one) for text in texts] == [1, 1, 1]
    assert all(text.startswith(" " * 10) for text in texts[1:])
    assert all(len(text.rstrip()) <= 50 for text in texts)


@pytest.mark.parametrize(
    ("ms", "full", "short"),
    [
        (0, "0s", "0s"),
        (999, "0s", "0s"),
        (45 * SECOND_MS, "45s", "45s"),
        (12 * MINUTE_MS, "12m", "12m"),
        (3 * HOUR_MS + 12 * MINUTE_MS, "3h 12m", "3h"),
        (HOUR_MS + 30 * SECOND_MS, "1h", "1h"),
        (47 * HOUR_MS, "1d 23h", "47h"),
        (2 * DAY_MS + 21 * HOUR_MS, "2d 21h", "2.8d"),
        (30 * DAY_MS, "30d", "30d"),
        (-3 * HOUR_MS, "-3h", "-3h"),
        (-500, "0s", "0s"),
    ],
)
def test_durations_read_as_people_say_them(ms: int, full: str, short: str) -> None:
    assert words.duration(ms) == full
    assert words.brief(ms) == short


@given(st.integers(-400 * DAY_MS, 400 * DAY_MS))
def test_a_brief_duration_is_brief(ms: int) -> None:
    assert len(words.brief(ms)) <= 5


def test_sizes_and_counts() -> None:
    assert [words.size(n) for n in (0, 999, 1000, 1_234_567, 999_999, 5 * 10**12)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.2 MB",
        "1.0 MB",
        "5.0 TB",
    ]
    assert words.counted(1, "task") == "1 task"
    assert words.counted(1150, "task") == "1,150 tasks"


def test_a_hostile_tag_cannot_act_on_the_terminal() -> None:
    assert "\x1b" not in words.clean("\x1b[2Jgone\n")
    assert words.clean("\x1b[31m") == "\N{REPLACEMENT CHARACTER}[31m"
    assert words.clean(None) == "-"


NOW = words.moment("2026-11-23T15:00Z", 2_000_000_000_000)


@pytest.mark.parametrize(
    "text", ["2026-11-23 14:02Z", "2026-11-23T15:02+01:00", " 2026-11-23T14:02:00.000Z "]
)
def test_an_instant_with_a_time_zone_is_understood(text: str) -> None:
    assert words.moment(text, NOW) == 1_795_442_520_000


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-11-23 14:02", "names no time zone"),
        ("yesterday", "is no time"),
        ("", "is no time"),
        ("2026-11-24T14:02Z", "is in the future"),
        ("1999-01-01T00:00Z", "is too long ago"),
        ("0001-01-01T00:00+23:00", "is too long ago"),
        ("2026-13-01T00:00Z", "is no time"),
    ],
)
def test_any_other_instant_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=rf"{why}.*; write it like"):
        words.moment(text, NOW)


@pytest.mark.parametrize(
    ("daemons", "commands"),
    [
        (
            "it took longer than 60 s; it is asked again later",
            "it took longer than 60 s; give the command again later",
        ),
        (
            "code 50000 (x). Nothing to do: it is asked again later.",
            "code 50000 (x). Give the command again later",
        ),
        ("Odd. The task is kept and asked for again later.", "Odd. Give the command again later"),
        ("Top up the account.", "Top up the account"),
    ],
)
def test_a_command_that_ends_promises_no_other_try(daemons: str, commands: str) -> None:
    assert words.unrepeated(daemons) == commands


def test_no_advice_about_a_code_promises_another_try_to_a_command() -> None:
    for code in (None, 59999, *MEANING):
        said = words.unrepeated(fact_of(code).advice)
        assert not re.search(r"asked (for )?again later", said)
