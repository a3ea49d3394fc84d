"""What tasks cost, as the remote said when they were posted, by day, function or tag. Reads; writes nothing."""

from dataclasses import dataclass
from enum import StrEnum

from ledger.connection import Connection


class By(StrEnum):
    """How costs are grouped."""

    DAY = "day"  # UTC, as the remote's own limits count
    FUNCTION = "function"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Spent:
    """One group: tasks of which a cost is known, their cost in US dollars, and how many have none."""

    name: str | None
    tasks: int
    cost: float
    unknown: int


def spent(connection: Connection, by: By, since: int | None) -> list[Spent]:
    """Add up what was posted since an instant (ms UTC): days in order, other groups by their cost."""
    order = "name" if by is By.DAY else "total(cost) desc, name"
    with connection.reading() as database:
        found = database.rows(f"{_SPENT[by]} group by name order by {order}", [since or 0])
        return [Spent(*row) for row in found]


_SUMS = "count(cost), total(cost), count(*) - count(cost)"
_POSTED = "from task where posted_at >= ? and state not in ('planned', 'posting', 'rejected')"
_NAMES = {
    By.DAY: "strftime('%Y-%m-%d', posted_at / 1000, 'unixepoch')",
    By.FUNCTION: "function",
    By.TAG: "tag",
}
_SPENT = {by: f"select {name} as name, {_SUMS} {_POSTED}" for by, name in _NAMES.items()}
