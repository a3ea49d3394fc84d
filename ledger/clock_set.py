"""What becomes of the instants in a ledger when somebody has set the wall clock. Knows no clock.

Runs inside a transaction of the caller. What waits is moved along. Where the clock was set back, whatever lies in the
future was written by another clock. Left alone, a claim such as "not on the list at that time" would be believed once
the clock gets there, and be wrong by as much as the clock was. So it is forgotten, or dated as long before now as it
was before the step. Either way deadlines come early rather than late.
"""

from ledger.database import LedgerDatabase
from ledger.times import DAY_MS

UNDATED = "undated_calls"
"""The fact that names the newest call of task_post whose instant may be of a clock that was ahead."""

MOST_MS = 7 * DAY_MS
"""A clock that is set back by more was hardly set right: its battery is dead, say, and nobody has told it the time."""

_EVER = (1 << 63) - 1  # SQLite's last instant


def record(database: LedgerDatabase, by_ms: int, at: int) -> int:
    """Take in that the clock was moved by so much; return how many "not before" were moved.

    `at` is its time, as it is now, of the last thing that was written before it was set.
    """
    if by_ms < 0:
        _forget(database, at)
    if -MOST_MS <= by_ms < 0:
        _date_anew(database, by_ms, at)
        database.change(_NOTE, [UNDATED, at])
    return _move_tries(database, by_ms, at)


def _move_tries(database: LedgerDatabase, by_ms: int, at: int) -> int:
    """Set ahead, a wait that still lies in the future was noted since, or ends early, which costs a call."""
    return sum(
        database.change(
            f"update {table} set next_try_at = next_try_at + ? where next_try_at <= ? {which}",
            [by_ms, at if by_ms > 0 else _EVER],
        )
        for table, which in (
            ("task", "and state in ('planned', 'posted', 'ready')"),
            ("handover", ""),
            ("target", ""),
        )
    )


def _forget(database: LedgerDatabase, at: int) -> None:
    """Forget what lists and audits have proven: what nobody can date is not known."""
    for statement in _FORGOTTEN:
        database.change(statement, [at])


def _date_anew(database: LedgerDatabase, by_ms: int, at: int) -> None:
    """Move what is worth knowing by as much as the clock: it was written before the step."""
    for statement in _DATED_ANEW:
        database.change(statement, [by_ms, at])


_FORGOTTEN = (
    """update look set asked_at = null, answered_at = null, failures = 0,
                       clear_at = iif(clear_at > ?1, null, clear_at)
       where asked_at > ?1 or answered_at > ?1 or clear_at > ?1""",
    # A sweep under way, and what it is to see, are stretches of posting time as the other clock named them.
    """update audit set asked_at = null, answered_at = null, finished_at = null, failures = 0, sweep_at = null,
                        from_at = null, to_at = null, page_offset = 0, seen_to = iif(seen_to > ?1, null, seen_to)
       where max(coalesce(asked_at, 0), coalesce(answered_at, 0), coalesce(finished_at, 0), coalesce(sweep_at, 0),
                 coalesce(to_at, 0), coalesce(seen_to, 0)) > ?1""",
    "update task set pending_at = null where state in ('posted', 'ready') and pending_at > ?1",
)

_DATED_ANEW = (
    """update task set posted_at = posted_at + ?1
       where state in ('planned', 'posting', 'posted', 'ready') and posted_at > ?2""",
    # What is known exactly is the remote's word, and not of our clock.
    """update task set earliest_done_at = max(posted_at, earliest_done_at + ?1)
       where state in ('posted', 'ready') and earliest_done_at > ?2 and earliest_done_at is not latest_done_at""",
    # An alert tells of what was lost within the hour.
    "update task set settled_at = settled_at + ?1 where state = 'lost' and settled_at > ?2",
    "update target set failing_since = failing_since + ?1 where failing_since > ?2",
)

_NOTE = """
    insert into fact (name, value, at) select ?, cast(coalesce(max(id), 0) as text), ? from post_call where true
    on conflict (name) do update set value = excluded.value, at = excluded.at
"""
