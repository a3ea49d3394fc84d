"""Faults of the remote and of the way to it, each with the alert lines that it must bring. Checks nothing itself."""

import json
from typing import Any

from daemon.settings_rules import VariantRule
from daemon.simulator.faults import Faults
from daemon.simulator.options import Options
from tests.passes.alerts.lines import DAY, HOUR, MINUTE, SECOND, Fault, Watch

LISTS = "tasks_ready"
STALE = 10 * MINUTE


def refusal(code: int, message: str, status: int = 200) -> tuple[int, bytes]:
    """An answer that refuses the whole call."""
    document = {"status_code": code, "status_message": message, "tasks_count": 0, "tasks": None}
    return status, json.dumps(document).encode()


async def begun(life: Any, tasks: int = 20) -> None:
    """Start, with tasks that a list was read for and that take their time, as half of them do."""
    life.start()
    life.post("keywords_data/google_ads/search_volume", tasks)
    await life.until(lambda: bool(life.line.since(0, LISTS)), within=HOUR, every=SECOND)
    await life.sleep(10 * SECOND)


async def first_call(life: Any, since: int, part: str = LISTS) -> int:
    """Wait until a call is made, and say when it was."""
    await life.until(lambda: bool(life.line.since(since, part)), within=HOUR, every=SECOND)
    return int(life.line.since(since, part)[0])


async def home_and_quiet(life: Any) -> None:
    """Let everything come home, and every alert end."""
    await life.until_settled(within=12 * HOUR, every=MINUTE)
    await life.sleep(20 * MINUTE)


def silent(begin: Any, end: Any) -> Any:
    """A remote that gives no list for an hour: `begin` and `end` make and mend that."""

    async def story(life: Any, watch: Watch) -> None:
        await begun(life)
        begin(life)
        first = await first_call(life, life.now())
        # A list that is due waits for the next tick, and for the end of a pause that another call began.
        watch.kind, watch.true_at, watch.about = "poll stale", first + STALE, MINUTE
        await life.sleep(HOUR)
        end(life)
        watch.over_at = await first_call(life, life.now())
        await home_and_quiet(life)

    return story


def answering(answer: tuple[int, bytes]) -> Any:
    """A remote that answers everything with this."""

    def begin(life: Any) -> None:
        life.line.instead = lambda path: answer

    return silent(begin, mended)


def failing(**faults: float) -> Any:
    """A network that does this to every call."""

    def begin(life: Any) -> None:
        life.world._state.faults = Faults.only(**faults)

    def end(life: Any) -> None:
        life.world._state.faults = Faults.none()

    return silent(begin, end)


def mended(life: Any) -> None:
    life.line.instead = lambda path: None


def refused(code: int, message: str, status: int) -> Any:
    """A remote that lets nobody of this account in, for two hours."""

    async def story(life: Any, watch: Watch) -> None:
        await begun(life)
        life.line.instead = lambda path: refusal(code, message, status)
        since = life.now()
        watch.kind = "account"
        await life.until(lambda: bool(life.line.since(since)), within=HOUR, every=SECOND)
        watch.true_at = life.line.since(since)[0]
        await life.sleep(2 * HOUR)
        mended(life)
        mended_at = life.now()
        await life.until(lambda: bool(life.line.since(mended_at)), within=HOUR, every=SECOND)
        watch.over_at = life.line.since(mended_at)[0]
        await home_and_quiet(life)

    return story


async def one_api(life: Any, watch: Watch) -> None:
    """An API that is not paid for, beside one that is."""
    life.line.instead = lambda path: (
        refusal(40204, "Access denied, activate the subscription.") if "/ai_optimization/" in path else None
    )
    life.post("ai_optimization/claude/llm_responses", 3)
    await life.sleep(HOUR)
    life.start()
    life.post(count=5)
    watch.kind = "account"
    watch.true_at = await first_call(life, 0, "ai_optimization")
    await life.sleep(2 * HOUR)
    mended(life)
    watch.over_at = await first_call(life, life.now(), "ai_optimization")
    await life.until_settled(within=80 * HOUR, every=MINUTE)


async def throttled(life: Any, watch: Watch) -> None:
    """Another program eats the account's calls for two hours."""
    await begun(life)
    life.line.instead = lambda path: refusal(40202, "Rate limit exceeded.")
    since = life.now()
    watch.kind = "throttled"
    watch.true_at = await first_call(life, since)  # id_list has a limit of its own, and is no sign of this
    await life.sleep(2 * HOUR)
    mended(life)
    # The remote's last word that calls come too fast is believed for five minutes.
    watch.over_at = life.line.since(0, LISTS)[-1] + 5 * MINUTE
    await home_and_quiet(life)


async def now_and_then(life: Any, watch: Watch) -> None:
    """Another program uses up the account's calls every nine minutes, for three hours; all other calls are answered."""
    life.start()
    refused: list[int] = []

    def hasty(path: str) -> tuple[int, bytes] | None:
        if "task_get" not in path or (refused and life.now() - refused[-1] < 9 * MINUTE):
            return None
        refused.append(life.now())
        return refusal(40202, "Rate limit exceeded.")

    life.line.instead = hasty
    watch.kind = "throttled"
    for _ in range(90):
        life.post(count=30, priority=2)
        await life.sleep(2 * MINUTE)
    mended(life)
    watch.true_at, watch.over_at = refused[0], refused[-1] + 15 * MINUTE
    await home_and_quiet(life)


async def full_window(life: Any, watch: Watch) -> None:
    """Foreign tasks that nobody collects fill the window; ours are fetched by id, as fast as the account allows."""
    life.post(count=1_100, owner="foreign")
    await life.sleep(2 * HOUR)
    life.post(count=300)
    await life.sleep(HOUR)
    life.line.instead = lambda path: refusal(40400, "Not Found.", 404) if "id_list" in path else None
    life.start()
    watch.kind = "blocked"
    await life.until(lambda: bool(life.ledger.tasks.blocked()), within=2 * HOUR, every=SECOND)
    watch.true_at, watch.about = life.now(), SECOND
    await life.until(lambda: not life.ledger.tasks.blocked(), within=2 * HOUR, every=SECOND)
    watch.over_at = life.now() - SECOND
    await home_and_quiet(life)


async def empty_list(life: Any, watch: Watch) -> None:
    """A list of 120 tasks is suddenly empty, and none of them was collected."""
    life.post(count=120)
    await life.sleep(2 * HOUR)
    broken = refusal(50000, "Internal Error.", 500)
    nothing = {"id": "x", "status_code": 20000, "status_message": "Ok.", "result_count": 0, "result": None}
    empty = 200, json.dumps({"status_code": 20000, "tasks": [nothing]}).encode()
    life.line.instead = lambda path: broken if "task_get" in path else None
    life.start()
    await life.until(lambda: life.states().get("ready") == 120, within=10 * MINUTE, every=SECOND)
    life.line.instead = lambda path: empty if path.endswith(LISTS) else broken if "task_get" in path else None
    watch.kind = "empty list"
    watch.true_at = await first_call(life, life.now())
    await life.sleep(30 * MINUTE)
    life.line.instead = lambda path: broken if "task_get" in path else None
    watch.over_at = await first_call(life, life.now())
    await life.sleep(10 * MINUTE)
    mended(life)
    await home_and_quiet(life)


async def odd_codes(life: Any, watch: Watch) -> None:
    """Three tasks whose GET brings a code that nobody knows."""
    ids = life.post(count=3)
    life.post(count=10)
    await life.sleep(HOUR)
    life.line.instead = lambda path: (
        refusal(45999, "Nobody knows.") if any(one in path for one in ids) else None
    )
    life.start()
    watch.kind = "stuck"
    await life.until(lambda: bool(life.ledger.tasks.stuck(3)), within=5 * HOUR, every=SECOND)
    watch.true_at = life.now() - SECOND
    await life.sleep(12 * HOUR)
    mended(life)
    await life.until(lambda: not life.ledger.tasks.stuck(3), within=12 * HOUR, every=SECOND)
    watch.over_at = life.now() - SECOND
    await home_and_quiet(life)


async def failing_tasks(life: Any, watch: Watch) -> None:
    """Tasks that the remote finished with an error are an answer: they are no alert."""
    life.start()
    life.post(count=30)
    await home_and_quiet(life)
    assert life.states() == {"failed": 30}


async def strangers(life: Any, watch: Watch) -> None:
    """Listed ids that the ledger never heard of are left alone."""
    life.start()
    life.post(count=30, owner="foreign")
    life.post(count=5)
    await home_and_quiet(life)


async def weekend(life: Any, watch: Watch) -> None:
    """A network that is away from Friday evening to Sunday evening: 50 of the 72 hours that lists remember."""
    life.start()
    life.post(count=40)
    await life.sleep(MINUTE)
    life.line.outage(life.now(), life.now() + 50 * HOUR)
    watch.kind = "expiring"
    # Nothing has shown more than that they were posted, so that is what deadlines are counted from.
    watch.true_at = life.now() - MINUTE + 24 * HOUR
    await life.sleep(50 * HOUR)
    await life.until_settled(within=HOUR, every=SECOND)
    watch.over_at = life.now() - SECOND
    await life.sleep(20 * MINUTE)
    assert life.states() == {"collected": 40}


async def four_days(life: Any, watch: Watch) -> None:
    """A network that is away for longer than lists remember; results can still be had by id."""
    life.post(count=40)
    await life.sleep(2 * HOUR)
    life.line.outage(life.now(), life.now() + 92 * HOUR)
    life.start()
    watch.kind = "past"
    watch.true_at = life.now() - 2 * HOUR + 72 * HOUR
    await life.sleep(92 * HOUR)
    await life.until_settled(within=HOUR, every=SECOND)
    watch.over_at = life.now() - SECOND
    await life.sleep(20 * MINUTE)
    assert life.states() == {"collected": 40}


async def deleted(life: Any, watch: Watch) -> None:
    """Started again after a month: the remote says of each result that it is gone."""
    life.post(count=7)
    await life.sleep(31 * DAY)
    life.start()
    watch.kind = "lost"
    await life.until(lambda: life.states().get("lost", 0) == 7, within=5 * HOUR, every=SECOND)
    watch.true_at = min(task.settled_at for task in life.tasks().values())
    watch.over_at = max(task.settled_at for task in life.tasks().values()) + HOUR
    await life.sleep(2 * HOUR)


async def html_retention(life: Any, watch: Watch) -> None:
    """HTML is deleted after seven days; five of them have passed, and GETs are refused."""
    life.settings["variants"] = (VariantRule("serp/*", None, "html"),)
    life.post("serp/google/organic", 4)
    await life.sleep(5 * DAY - HOUR)
    life.line.instead = lambda path: refusal(50000, "Internal Error.") if "task_get" in path else None
    life.start()
    watch.kind = "retention"
    watch.true_at = life.now() + HOUR
    await life.sleep(4 * HOUR)
    mended(life)
    await life.until_settled(within=HOUR, every=SECOND)
    watch.over_at = life.now() - SECOND
    await life.sleep(20 * MINUTE)


FAULTS = (
    Fault("connections are refused", failing(connect_error=1.0)),
    Fault("calls hang", failing(read_timeout=1.0)),
    Fault("answers are reset", failing(lost_answer=1.0)),
    Fault("bodies are cut", failing(truncated_body=1.0)),
    Fault("HTTP 500", answering((500, b""))),
    Fault("HTML instead of JSON", answering((200, b"<html>Welcome!</html>"))),
    Fault("trouble in the envelope", answering(refusal(50000, "Internal Error."))),
    Fault("the login is refused", refused(40100, "You are not authorized to access this resource.", 401)),
    Fault("the address is refused", refused(40207, "Access denied. Your IP is not whitelisted.", 200)),
    Fault("no money", refused(40200, "Payment Required.", 402)),
    Fault("one API is refused", one_api),
    Fault("calls come too fast", throttled, world={"throttled": True}),
    Fault("calls come too fast now and then", now_and_then, world={"throttled": True}),
    Fault(
        "a window full of foreign tasks",
        full_window,
        world={"general_limit": 20, "options": Options(general_limit=20)},
    ),
    Fault("a list is suddenly empty", empty_list),
    Fault("odd codes", odd_codes, long=True),
    Fault("tasks fail", failing_tasks, world={"faults": Faults.only(fails=1.0)}),
    Fault("foreign tasks on the list", strangers),
    Fault("a weekend's outage", weekend, long=True),
    Fault("an outage of four days", four_days, long=True),
    Fault("results are deleted", deleted),
    Fault("HTML will be deleted", html_retention),
)
