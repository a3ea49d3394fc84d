"""What must hold in every world, at every look and at its end. Believes the remote and the files, not readyd's code.

It reads the files with SQL of its own and has a transition table of its own: one misreading must not cancel itself out.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from daemon.policy.rules import Rules
from daemon.simulator import fetching
from daemon.simulator.catalogue import LISTINGS
from daemon.simulator.records import Task as RemoteTask
from tests.simulation.plan import ADOPTED, PASSWORD, SECRET, Plan
from tests.simulation.reading import Files, ViolationError
from tests.simulation.remote import STORM, Remote, is_never_seen, storm
from tests.simulation.timeline import MINUTE, SECOND, Timeline

LEGAL = {
    None: {"planned", "posted"},
    "planned": {"posting", "rejected"},
    "posting": {"posted", "rejected", "planned"},
    "posted": {"ready", "delivered", "failed", "lost"},
    "ready": {"collected", "failed", "lost"},
    "collected": {"ready"},
    "delivered": {"ready"},
    "lost": {"ready"},
    "failed": set(),
    "rejected": set(),
}
BACK = {"fixed", "listed", "failed delivery", "pingback", "postback", "audited"}
"""Reasons for which a settled task may come back."""

ENDED = {"collected", "delivered", "failed", "lost", "rejected"}
OPEN = {"posted", "ready"}
_KEY = re.compile(r"(?:^|\|)readyd:([a-z2-7]{16})$")
_BROKEN = ('"pass.failed"', '"collect.bug"', '"webhook.bug"', "Traceback", '"library.message"')


@dataclass
class Oracle(Files):
    """Looks at one world."""

    plan: Plan
    time: Timeline
    remote: Remote
    log: list[str]
    known: set[str] = field(default_factory=set)  # recorded by hand
    clock_was_wrong: bool = False
    found: ViolationError | None = None  # inside the service, which would take it for a bug of its own
    _moves: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    _sound: set[tuple[str, int, str]] = field(default_factory=set)  # bodies that were compared
    _clear: dict[str, int] = field(default_factory=dict)  # list -> until when it was found to be clear
    _lines: int = 0
    _said: dict[tuple[str, str], int] = field(default_factory=dict)  # how often the log opened an alert

    def look(self) -> None:
        """Check everything that must hold at every moment."""
        if self.found is not None:
            raise self.found
        states = self._states()
        self._check_moves()
        self._check_ids(states)
        self._check_clear()
        self._check_homes(states)
        self._check_ends(states)
        self._check_posts()
        self._check_foreign(states)
        self._check_limits()
        self._check_log()

    def reviewed(self) -> None:
        """Check, just after a review, that whoever reads alerts was told in time; the next look tells."""
        try:
            self._check_alerts()
        except ViolationError as violation:
            self.found = self.found or violation

    def _check_alerts(self) -> None:
        rules, now = self.plan.rules, self.time.now()
        if self.clock_was_wrong or "lag_spike" in self.plan.faults.probabilities:
            return
        near = [
            task
            for task in self.remote._state.tasks.values()
            if task.done
            and task.collected_at is None
            and "postback_url" not in task.fields
            and task.revision == 1  # parsed anew, it is on another list, and its time counts from then
            and not is_never_seen(task)
            and task.done_at + rules.visibility_ms - now < rules.expiring_ms - 2 * MINUTE
        ]
        if not near:
            return
        states = self._states()
        # What is recorded at the very instant of a review may come after it.
        before = {task for (task,) in self._rows(f"select id from task where recorded_at < {now}")}
        waiting = {task.function.name for task in near if states.get(task.id) in OPEN and task.id in before}
        if not waiting:
            return
        told = {
            subject
            for (subject,) in self._rows(
                "select subject from alert where kind in ('expiring', 'past') and closed_at is null"
            )
        }
        if missing := sorted(waiting - told):
            raise ViolationError(
                "promise 4", f"no alert is open for {missing}, of which tasks near their deadline"
            )
        self._check_bands()

    def end(self) -> None:
        """Check what must hold when all is over."""
        self.look()
        self._check_keys()
        self._check_editions()
        self._check_handed_over()
        self._check_storms()
        self._check_secrets()
        self._check_files()
        self._check_times()

    # At every look

    def _check_moves(self) -> None:
        rows = self._rows("select id, task_id, from_state, to_state, reason, at from transition order by id")
        here = {row[0]: row[2:] for row in rows}
        for number, move in self._moves.items():
            if here.get(number) != move and not self.plan.rules.adopt_rules:
                raise ViolationError("durability", f"move {number} {move} was there and is not any more")
        self._moves = here
        stands: dict[str, str | None] = {}
        for _, task_id, origin, to, reason, _ in rows:
            before = stands.get(task_id)
            if origin != before:
                raise ViolationError(
                    "transitions", f"{task_id} moved from {origin} and stood at {before}", (task_id,)
                )
            if to not in LEGAL[origin]:
                raise ViolationError(
                    "transitions", f"{task_id} moved from {origin} to {to} ({reason})", (task_id,)
                )
            if origin in ENDED and reason not in BACK:
                raise ViolationError(
                    "transitions", f"{task_id} came back from {origin}: {reason}", (task_id,)
                )
            stands[task_id] = to
        for task_id, state in self._states().items():
            if stands.get(task_id) != state:
                raise ViolationError("transitions", f"{task_id} is {state} by no move", (task_id,))

    def _check_ids(self, states: dict[str, str]) -> None:
        strange = [
            one for one in states if not one.startswith("plan-") and one not in self.remote._state.tasks
        ]
        if strange:
            raise ViolationError("truth", f"{strange} are tasks of nobody", tuple(strange))

    def _check_clear(self) -> None:
        """A list that is called clear hid nothing: whoever counts deadlines from it believes that."""
        if self.clock_was_wrong:
            return
        for path, clear_at in self._rows("select listing, clear_at from look where clear_at is not null"):
            if LISTINGS[path].fixed or self._clear.get(path) == clear_at:
                continue
            self._clear[path] = clear_at
            shelves = self.remote._state.accounts[0].shelves
            hidden = [
                task.id
                for name in LISTINGS[path].functions
                for _, task in shelves.get(name) or ()
                if task.listed_at < clear_at - 2 * MINUTE and task.shown_at is None
            ]
            if hidden:
                raise ViolationError(
                    "evidence", f"{path} is called clear as of {clear_at} and hid {hidden}", tuple(hidden)
                )

    def _check_homes(self, states: dict[str, str]) -> None:
        """Every result that is called home is here, whole, and what the remote has."""
        home = {one for one, state in states.items() if state in {"collected", "delivered"}}
        here: set[str] = set()
        for path in self._months():
            for task_id, edition, variant in self._rows("select task_id, edition, variant from bodies", path):
                here.add(task_id)
                if (task_id, edition, variant) not in self._sound:
                    self._compare(path, task_id, edition, variant)
        if missing := sorted(home - here):
            raise ViolationError("promise 1", f"{missing} are called home and have no body", tuple(missing))

    def _compare(self, path: Path, task_id: str, edition: int, variant: str) -> None:
        ((packed,),) = self._rows(
            f"select gzip from bodies where task_id = '{task_id}' and edition = {edition} and variant = '{variant}'",
            path,
        )
        (entry,) = json.loads(gzip.decompress(packed))["tasks"]
        remote = self.remote._state.tasks.get(task_id)
        told = (entry["id"], entry["status_code"], entry["result"])
        if remote is None or told not in [(task_id, *one) for one in self._results(remote, variant)]:
            raise ViolationError("promise 1", f"the body of {task_id} is not the remote's", (task_id,))
        self._sound.add((task_id, edition, variant))

    def _results(self, task: RemoteTask, variant: str) -> Iterable[tuple[int, Any]]:
        for number in range(1, task.revision + 1):
            entry = fetching.content(self.remote._state, replace(task, revision=number), variant)
            yield entry.code, json.loads(entry.result)

    def _check_ends(self, states: dict[str, str]) -> None:
        """What is called over is over, and nothing is called lost that is there."""
        now = self.time.now()
        for task_id, state in states.items():
            if state not in {"collected", "failed", "lost"}:
                continue
            task = self.remote._state.tasks.get(task_id)
            if task is None:
                raise ViolationError(
                    "truth", f"{task_id} is {state}, and the remote never had it", (task_id,)
                )
            gone_at = task.posted_at + self.plan.rules.retention_ms
            if state == "lost" and now < gone_at:
                raise ViolationError(
                    "promise 3", f"{task_id} is called lost; the remote keeps it until {gone_at}", (task_id,)
                )
            if state != "lost" and not task.done:
                raise ViolationError("truth", f"{task_id} is {state}, and the remote works on it", (task_id,))
            if (state == "failed") != (task.code in {40101, 40103}) and state != "lost":
                raise ViolationError(
                    "truth", f"{task_id} is {state}, and the remote says {task.code}", (task_id,)
                )

    def _keys(self) -> Counter[str]:
        found = (_KEY.search(task.tag) for task in self.remote._state.tasks.values())
        return Counter(match[1] for match in found if match)

    def _check_posts(self) -> None:
        if twice := [key for key, count in self._keys().items() if count > 1]:
            raise ViolationError("promise 2", f"posted twice: {twice}")

    def _check_foreign(self, states: dict[str, str]) -> None:
        adopts = bool(self.plan.rules.adopt_rules)
        for task in self.remote._state.tasks.values():
            allowed = task.owner == "own" or (adopts and task.tag == ADOPTED)
            if not allowed and (self.remote.gets.get(task.id) or task.id in states):
                raise ViolationError("promise 6", f"{task.id} belongs to somebody else", (task.id,))

    def _check_limits(self) -> None:
        count = self.remote._state.tally["throttled"]
        if count and not self.plan.has("busy"):
            raise ViolationError(
                "promise 5", f"the remote had to refuse {count} calls, and nobody else made any"
            )

    def _check_log(self) -> None:
        """No bug, no trouble without a reason, and no alert that is opened twice without having been closed."""
        lines, self._lines = self.log[self._lines :], len(self.log)
        for line in lines:
            if any(word in line for word in _BROKEN):
                raise ViolationError("bugs", line)
            if '"ledger.trouble"' in line and not self.plan.has("full", "lying"):
                raise ViolationError("two processes", line)
            if '"event": "alert.' in line:
                self._check_alert(json.loads(line))

    def _check_alert(self, line: dict[str, Any]) -> None:
        """A line may be missing where a process died; one too many is a repetition."""
        if line["event"] != "alert.opened":
            return
        alert = (line["kind"], line["subject"])
        self._said[alert] = self._said.get(alert, 0) + 1
        ((kept,),) = self._rows(
            "select count(*) from alert where kind = '{}' and subject = '{}'".format(*alert)
        )
        if self._said[alert] > kept:
            raise ViolationError(
                "alerts", f"{alert} was opened {kept} times, and the log says it {self._said[alert]} times"
            )

    # At the end, or after a review

    def _check_bands(self) -> None:
        """How near its deadline a task is counts from the earliest instant at which it may have been done."""
        rules, now = self.plan.rules, self.time.wall()
        for task_id, earliest, band in self._rows(_READY):
            right = {
                _band(earliest + rules.visibility_ms - now - early, rules) for early in (0, MINUTE, -MINUTE)
            }
            if band not in right:
                raise ViolationError(
                    "promise 4", f"{task_id} is called {band}, and may be done since {earliest}", (task_id,)
                )

    def _check_keys(self) -> None:
        """Everything planned was posted once, or refused."""
        posted = self._keys()
        for key, state in self._rows("select key, state from intent join task on task.id = task_id"):
            if state not in {"rejected", "posting"} and posted[key] != 1:
                raise ViolationError(
                    "promise 2", f"the task with key {key} is {state}, and was posted {posted[key]} times"
                )

    def _check_editions(self) -> None:
        """Each result that was parsed anew is kept beside those before."""
        newest: Counter[str] = Counter()
        for path in self._months():
            for task_id, edition in self._rows(
                "select task_id, max(edition) from bodies group by task_id", path
            ):
                newest[task_id] = max(newest[task_id], edition)
        for task_id, reason, times in self._rows(_PARSED_ANEW):
            if reason != "kept" and newest[task_id] != 1 + times:
                text = f"{task_id} was parsed anew {times} times, and edition {newest[task_id]} is the newest"
                raise ViolationError("promise 1", text, (task_id,))

    def _check_handed_over(self) -> None:
        """Every result that is home was handed over, whole."""
        if not self.plan.hands_over:
            return
        there = {one.name.partition(".")[0] for one in (self.ledger.parent / "out").glob("*.json")}
        home = [one for (one,) in self._rows("select id from task where state = 'collected'")]
        if missing := sorted(set(home) - there):
            raise ViolationError("hand-over", f"{missing} were not handed over", tuple(missing))

    def _check_storms(self) -> None:
        if (
            self.plan.has("loop", "die", "full", "lying", "trouble", "outage", "busy", "reparse")
            or self.plan.is_rough
        ):
            return
        if found := [task_id for task_id, times in self.remote.gets.items() if storm(times)]:
            raise ViolationError(
                "restraint", f"{found} were asked for more than {STORM} times in ten minutes", tuple(found)
            )

    def _check_secrets(self) -> None:
        """The password is nowhere; the receiver's secret is only in what is still to be sent."""
        places = {"the log": "".join(self.log).encode()}
        places |= {path.name: path.read_bytes() for path in self.ledger.parent.rglob("*.db*")}
        if found := [place for place, text in places.items() if PASSWORD.encode() in text]:
            raise ViolationError("promise 7", f"the password is in {found}")
        tables = [name for (name,) in self._rows("select name from sqlite_master where type = 'table'")]
        sent = "select intent.* from intent join task on task.id = task_id where state not in ('planned', 'posting')"
        for table in tables:
            rows = self._rows(sent if table == "intent" else f"select * from {table}")
            if SECRET in repr(rows) or SECRET in "".join(self.log):
                raise ViolationError("promise 7", f"the receiver's secret is in the log or in {table}")

    def _check_files(self) -> None:
        for path in (self.ledger, *self._months()):
            verdict = self._rows("pragma integrity_check", path)
            if verdict != [("ok",)]:
                raise ViolationError("integrity", f"{path.name}: {verdict}")

    def _check_times(self) -> None:
        """The instants between which a task is said to have been done hold the instant at which it was."""
        if self.clock_was_wrong or "lag_spike" in self.plan.faults.probabilities:
            return
        rows = self._rows(
            "select id, earliest_done_at, latest_done_at from task where latest_done_at is not null"
        )
        for task_id, earliest, latest in rows:
            task = self.remote._state.tasks.get(task_id)
            if task is None or task.revision > 1 or not task.done:
                continue
            # The silence of a list that never shows it is believed; but then only a deadline at that list hangs on it.
            early = earliest is not None and earliest > task.done_at and not task.is_never_listed
            if early or latest + SECOND < task.done_at:
                raise ViolationError(
                    "evidence",
                    f"{task_id} was done at {task.done_at}, not within {earliest} and {latest}",
                    (task_id,),
                )


_READY = """
    select id, earliest_done_at, band from task
    where state = 'ready' and earliest_done_at is not null and webhook <> 'postback'
"""

_PARSED_ANEW = """
    select id, (select reason from transition where task_id = task.id order by transition.id desc limit 1),
           (select count(*) from transition where task_id = task.id and reason = 'fixed')
    from task where state = 'collected'
"""


def _band(left_ms: int, rules: Rules) -> str:
    names = {
        0: "past",
        rules.critical_ms: "critical",
        rules.urgent_ms: "urgent",
        rules.expiring_ms: "expiring",
    }
    return next((name for limit, name in names.items() if left_ms <= limit), "fresh")
