"""task_get and the OnPage summary: what a GET by id answers, and what it does to the row. Knows no HTTP."""

from typing import Any

from daemon.simulator.bodies import crawl_head
from daemon.simulator.catalogue import SUMMARY, Function
from daemon.simulator.envelopes import NULL, Entry, as_bytes
from daemon.simulator.faults import LOSES_ANSWER
from daemon.simulator.messages import CREATED, OK
from daemon.simulator.moments import MINUTE_MS, SECOND_MS, as_text
from daemon.simulator.records import Account, Call, Route, Task
from daemon.simulator.state import State

SANDBOX_ID = "00000000-0000-0000-0000-000000000000"
"""docs, sandbox: this id answers with every item type; it is on no list."""

HANDED_MS = 5 * SECOND_MS
"""A task is handed over (40601) for a moment before it is in the queue (40602)."""

_HAS_RESULT = frozenset({OK, 40106})


def answer(state: State, account: Account, call: Call, route: Route) -> Entry:
    """Answer a GET by id."""
    function = route.function
    assert function is not None  # noqa: S101  the router only calls here with one
    state.tally["gets"] += 1
    if route.task_id == SANDBOX_ID:
        return _entry(call, function, None, OK, *_result(state, function, route.variant, {}, call.now))
    task = state.tasks.get(route.task_id)
    trouble = _trouble(state, account, function, route, task, call.now)
    if trouble or task is None:
        state.tally["gets_unknown"] += trouble in {40401, 40404}
        state.tally["gets_expired"] += trouble == 40403
        return _entry(call, function, task, trouble)
    if not task.done:
        state.tally["gets_too_early"] += 1
        return _pending(state, call, function, task, route.variant)
    return _final(state, account, call, function, task, route.variant)


def content(state: State, task: Task, variant: str) -> Entry:
    """Give what a GET of this variant would say, without doing anything: the body of a postback."""
    call = Call("GET", task.function.get_path(variant, task.id) or "")
    return _entry(call, task.function, task, task.code, *_outcome(state, task, variant))


def _trouble(
    state: State, account: Account, function: Function, route: Route, task: Task | None, now: int
) -> int:
    """Give the code that says why this id has no answer here; 0 when it has one."""
    if task is None:
        return 40004 if state.is_call(route.task_id) else 40401
    if task.account is not account:
        return 40001
    if task.function is not function:
        return _misplaced(task.function, function)
    if "fresh_not_found" in task.luck and now < task.posted_at + MINUTE_MS and not task.done:
        return 40401
    kept = state.options.html_retention_ms if route.variant == "html" else state.options.retention_ms
    return 40403 if now >= task.posted_at + kept else 0


def _misplaced(real: Function, asked: Function) -> int:
    """Say what is wrong about the path: engine, type, or the function as a whole."""
    if real.api != asked.api:
        return 40004
    if real.se != asked.se:
        return 40002
    return 40003 if real.se_type != asked.se_type else 40004


def _pending(state: State, call: Call, function: Function, task: Task, variant: str) -> Entry:
    """Answer that it is not done; this never touches a row."""
    created = state.faults.happens("created_on_get", state.dice)
    age = call.now - task.posted_at
    half = (task.done_at - task.posted_at) // 2
    if age < min(HANDED_MS, half):
        return _entry(call, function, task, CREATED if created else 40601)
    if variant == SUMMARY and age >= half:
        crawl = {"max_crawl_pages": 10, "pages_in_queue": 6, "pages_crawled": 4}
        return _entry(call, function, task, OK, as_bytes([crawl_head("in_progress", crawl)]), 1)
    return _entry(call, function, task, CREATED if created else 40602)


def _final(state: State, account: Account, call: Call, function: Function, task: Task, variant: str) -> Entry:
    if account.balance < 0 and function.name.endswith("llm_responses"):
        return _entry(call, function, task, 40200)  # docs: withheld even if completed
    broken = call.accident in LOSES_ANSWER and "broken_get_keeps_row" in state.modes
    state.collect(task, variant, call.now, keep_row=broken)
    return _entry(call, function, task, task.code, *_outcome(state, task, variant))


def _outcome(state: State, task: Task, variant: str) -> tuple[bytes, int]:
    """Give the result and its count, as far as the task's code leaves one."""
    if task.code not in _HAS_RESULT:
        return NULL, 0
    if "null_result" in task.luck:
        return b"[null]", 1
    return _result(state, task.function, variant, task.fields, task.done_at, task)


def _result(
    state: State, function: Function, variant: str, fields: dict[str, Any], at: int, task: Task | None = None
) -> tuple[bytes, int]:
    number, revision = (task.number, task.revision) if task else (0, 1)
    return state.bodies.result(function, variant, fields, number, revision, as_text(at))


def _entry(
    call: Call, function: Function, task: Task | None, code: int, result: bytes = NULL, count: int = 0
) -> Entry:
    names = {"se": function.se, "se_type": function.se_type} if function.se else {}
    data: dict[str, Any] = {
        "api": function.api,
        "function": call.segments[-2] if function.api == "on_page" else "task_get",
    }
    data |= names
    if task is not None and code not in {40001, 40002, 40003, 40004, 40401}:
        data |= task.fields
        if "priority" in task.fields and "priority_as_text" in task.luck:
            data["priority"] = str(task.fields["priority"])  # samples: posted as 2, echoed as "2"
    return Entry(call.segments[-1], code, call.segments, data, result, count)
