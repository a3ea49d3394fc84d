"""tasks_ready and tasks_fixed: which rows a list shows now. Knows no results."""

from heapq import merge
from itertools import islice

from daemon.simulator.catalogue import Listing
from daemon.simulator.envelopes import MISSING, NULL, Entry
from daemon.simulator.messages import OK
from daemon.simulator.records import Account, Call, Task
from daemon.simulator.rows import row
from daemon.simulator.state import State


def answer(state: State, account: Account, call: Call, listing: Listing) -> Entry:
    """Show at most a window of rows of the list's own scope, oldest first."""
    window = state.options.window
    tasks = fixed(account, listing)[:window] if listing.fixed else visible(account, listing, window)
    if not listing.fixed:
        _count(state, tasks, call.now)
    rows = [row(task) for task in tasks]
    if rows and state.faults.happens("duplicate_rows", state.dice) and len(rows) < window:
        rows.append(state.dice.choice(rows))
    if state.faults.happens("shuffled", state.dice):
        state.dice.shuffle(rows)
    result = b"[" + b",".join(rows) + b"]" if rows else _empty(state)
    some_id = state.call_id(account, listing.code, call.now)
    return Entry(some_id, OK, call.segments, _data(listing), result, len(rows))


def visible(account: Account, listing: Listing, most: int) -> list[Task]:
    """Give the oldest rows of all shelves the list covers; each list cuts within its own scope."""
    shelves = [account.shelves[name] for name in listing.functions if account.shelves.get(name)]
    return [task for _, task in islice(merge(*shelves, key=lambda pair: pair[0]), most)]


def fixed(account: Account, listing: Listing) -> list[Task]:
    """Give the re-parsed tasks that were not fetched again."""
    return [task for name in listing.functions for task in account.fixed.get(name, {}).values()]


def _count(state: State, tasks: list[Task], now: int) -> None:
    state.tally["polls"] += 1
    state.tally["rows_shown"] += len(tasks)
    state.tally["window_saturated_times"] += len(tasks) == state.options.window
    for task in tasks:
        if task.shown_at is None:
            task.shown_at = now


def _empty(state: State) -> bytes:
    """Give an empty list: null as far as is known, but [] and no key at all are plausible."""
    missing = state.faults.happens("empty_missing", state.dice)
    array = state.faults.happens("empty_array", state.dice)
    return MISSING if missing else b"[]" if array else NULL


def _data(listing: Listing) -> dict[str, str]:
    segments = listing.path.split("/")[2:]
    names = dict(zip(("se", "se_type"), segments[1:-1], strict=False))
    return {"api": segments[0], "function": segments[-1], **names}
