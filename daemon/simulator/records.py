"""What the simulated remote remembers and what goes in and out of it. Holds facts, decides nothing."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.simulator.catalogue import Function, Listing
from daemon.simulator.limits import Limits
from daemon.simulator.options import AccountOptions
from daemon.simulator.shelf import Shelf

OWN = "own"
FOREIGN = "foreign"


@dataclass(slots=True)
class Account:
    """One paying customer: his money, his limits, his lists."""

    options: AccountOptions
    limits: Limits
    balance: float
    in_flight: int = 0
    spent_day: int = -1
    spent_today: float = 0.0
    posted: list["Task"] = field(default_factory=list)
    posted_to: dict[str, list["Task"]] = field(default_factory=dict)  # the same tasks by API, for id_list
    shelves: dict[str, Shelf["Task"]] = field(default_factory=dict)
    fixed: dict[str, dict[str, "Task"]] = field(default_factory=dict)
    errors: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=10_000))
    duplicates: dict[tuple[str, int], int] = field(default_factory=dict)

    def shelf(self, function: str) -> Shelf["Task"]:
        """Give the visible rows of a function."""
        return self.shelves.setdefault(function, Shelf())


@dataclass(slots=True)
class Task:
    """One unit of work, and everything that will happen to it as far as it was decided at posting."""

    id: str
    number: int
    account: Account
    function: Function
    fields: dict[str, Any]
    owner: str
    cost: float
    posted_at: int
    done_at: int
    lag_ms: int
    code: int
    luck: frozenset[str]
    """Names of the `task` and `row` faults that hit this task."""

    done: bool = False
    listed_at: int | None = None
    shown_at: int | None = None
    left_at: int | None = None
    left_why: str | None = None
    collected_at: int | None = None
    delivered_at: int | None = None
    fetched: set[str] = field(default_factory=set)
    revision: int = 1
    row: bytes | None = None

    @property
    def tag(self) -> str:
        """Give the user's string, empty when there is none."""
        return str(self.fields.get("tag") or "")

    @property
    def order(self) -> tuple[int, int]:
        """Order by age, as lists do."""
        return (self.posted_at, self.number)

    @property
    def is_never_listed(self) -> bool:
        """Say whether no list ever shows it: by bad luck, or because it failed by bad luck."""
        failed_quietly = self.code in {40101, 40103} and "failed_unlisted" in self.luck
        return failed_quietly or "unlisted" in self.luck


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened to a task: for tests, which otherwise see only what the remote shows."""

    id: str
    function: str
    owner: str
    posted_at: int
    done_at: int
    done: bool
    code: int
    listed: bool
    listed_at: int | None
    shown_at: int | None
    left_at: int | None
    left_why: str | None
    collected_at: int | None
    delivered_at: int | None
    fetched: frozenset[str]
    luck: frozenset[str]


@dataclass(slots=True)
class Delivery:
    """One webhook on its way: a pingback (GET) or a postback (POST of the gzipped result)."""

    task: Task
    kind: str
    method: str
    url: str
    due_at: int
    resend: bool = False
    claimed: bool = False
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the receiver of a webhook answered, and after how many seconds."""

    status: int | None  # None: no answer within ten seconds, or no connection
    text: str = ""
    took_s: float | None = None  # None: nobody measured


@dataclass(frozen=True, slots=True)
class Route:
    """What a URL means."""

    verb: str
    function: Function | None = None
    listing: Listing | None = None
    api: str = ""
    variant: str = ""
    task_id: str = ""


@dataclass(slots=True)
class Call:
    """One HTTP request as it arrived. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    now: int = 0
    accident: str | None = None
    route: Route | None = None

    @property
    def segments(self) -> list[str]:
        """Give the path as the envelope echoes it."""
        return [part for part in self.path.split("/") if part]


def _nothing() -> None:
    """Do nothing: most answers hold no slot."""


@dataclass(slots=True)
class Reply:
    """One HTTP answer; `accident` tells the wire what to do to it, `finish` must be called at its end."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    accident: str | None = None
    finish: Callable[[], None] = _nothing
