"""One HTTP request in, one answer out: who is let in or throttled, what is broken today. Knows no sockets."""

import gzip
from collections.abc import Callable, Mapping

from daemon.simulator import account as accounts
from daemon.simulator import fetching, idlist, listing, posting, webhooks
from daemon.simulator.envelopes import NULL, Entry, envelope, refusal
from daemon.simulator.faults import ANSWER, NETWORK
from daemon.simulator.messages import CREATED, OK
from daemon.simulator.records import Account, Call, Reply, Route
from daemon.simulator.routing import resolve
from daemon.simulator.state import State

HTML_500 = b"<html><head><title>500 Internal Server Error</title></head><body>nginx</body></html>"
CHALLENGE = 'Basic realm="DataForSEO REST API"'

_LEAST_ZIPPED = 256
_QUIET = frozenset({OK, CREATED, 40102, 40106, 40601, 40602})
"""Task codes that are no errors; the others are remembered for the errors endpoint."""


def handle(state: State, call: Call) -> Reply:
    """Answer one request as it arrives now."""
    call.now = state.now()
    state.advance(call.now)
    state.tally["calls"] += 1
    call.accident = state.faults.one_of(NETWORK, state.dice)
    state.tally["accidents"] += call.accident is not None
    if call.accident == "connect_error":
        return Reply(0, b"", accident=call.accident)
    account = accounts.authorize(state, call.headers.get("authorization", ""))
    if account is None:
        state.tally["unauthorized"] += 1
        return _reply(call, 401, refusal(40100), {"www-authenticate": CHALLENGE})
    call.route = resolve(call.method, call.path)
    if call.route is None:
        return _reply(call, 404, refusal(40400))
    return _admit(state, call, account, call.route)


def _admit(state: State, call: Call, account: Account, route: Route) -> Reply:
    """Hold one of the account's slots while the answer is under way."""
    account.in_flight += 1
    if account.in_flight > state.options.simultaneous:
        reply = _throttle(state, call, account, 40209, call.now)
    else:
        accepted, limit, left, free_at = accounts.admit(state, account, route, call.now)
        answer = _answer if accepted else None
        reply = (
            answer(state, call, account, route) if answer else _throttle(state, call, account, 40202, free_at)
        )
        if "rate_headers" in state.modes:
            reply.headers |= {"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": str(left)}
    reply.finish = _once(account)
    return reply


def _throttle(state: State, call: Call, account: Account, code: int, free_at: int) -> Reply:
    state.tally["throttled"] += 1
    if "throttle_429" in state.modes:
        wait = max(1, -(-(free_at - call.now) // 1000))
        return _reply(call, 429, refusal(code), {"retry-after": str(wait)})
    if "throttle_in_task" in state.modes:
        return _reply(call, 200, _wrap(state, [_bare(state, call, account, code)]))
    return _reply(call, 200, refusal(code))


def _answer(state: State, call: Call, account: Account, route: Route) -> Reply:
    trouble = _trouble(state, call.now)
    if trouble == "truncated_json":
        call.accident = call.accident or trouble
    elif trouble is not None:
        return _sick(state, call, account, trouble)
    answered = _dispatch(state, call, account, route)
    if isinstance(answered, int):
        return _reply(call, 200, refusal(answered))
    if "payment_402" in state.modes and all(entry.code == 40210 for entry in answered):
        return _reply(call, 402, refusal(40200))
    _remember_errors(call, account, route, answered)
    body = _wrap(state, answered)
    return _reply(call, 200, body[: len(body) * 2 // 3] if call.accident == "truncated_json" else body)


def _dispatch(state: State, call: Call, account: Account, route: Route) -> list[Entry] | int:
    """Give the entries of the answer, or the code that refuses the whole call."""
    if route.verb == "task_post" and route.function is not None:
        return posting.answer(state, account, call, route.function)
    if route.verb == "task_get":
        return [fetching.answer(state, account, call, route)]
    if route.listing is not None:
        return [listing.answer(state, account, call, route.listing)]
    if route.verb == "webhook_resend":
        return webhooks.resend(state, account, call)
    if route.api == "appendix":
        tell = {"user_data": accounts.user_data, "status": accounts.status, "errors": accounts.code_list}
        return [tell[route.verb](state, account, call)]
    look = idlist.id_list if route.verb == "id_list" else idlist.errors
    found = look(state, account, call, route.api)
    return found if isinstance(found, int) else [found]


def _trouble(state: State, now: int) -> str | None:
    """Say what is wrong with the remote at this moment, if anything."""
    if any(start <= now < end for start, end in state.error_hours):
        return state.dice.choice(ANSWER)
    return state.faults.one_of(ANSWER, state.dice)


def _sick(state: State, call: Call, account: Account, trouble: str) -> Reply:
    """Answer without having done anything."""
    if trouble == "http_500":
        return _reply(call, 500, HTML_500, {"content-type": "text/html"})
    code = int(trouble.removeprefix("error_"))
    # 50000 has been seen at neither level: both are plausible.
    if code == 50303 or (code == 50000 and state.dice.random() < 0.5):
        return _reply(call, 200, refusal(code))
    return _reply(call, 200, _wrap(state, [_bare(state, call, account, code)]))


def _bare(state: State, call: Call, account: Account, code: int) -> Entry:
    """Give an entry that says only a code."""
    task_id = call.route.task_id if call.route else ""
    return Entry(task_id or state.call_id(account, "0087", call.now), code, call.segments, {}, NULL, 0)


def _wrap(state: State, entries: list[Entry]) -> bytes:
    hide = state.faults.happens("tasks_error_zero", state.dice)
    return envelope(entries, 0.01 + state.dice.random() / 4, hide_errors=hide)


def _reply(call: Call, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
    out = {"content-type": "application/json", "server": "nginx", **(headers or {})}
    if "gzip" in call.headers.get("accept-encoding", "") and len(body) > _LEAST_ZIPPED:
        body = gzip.compress(body, 1, mtime=0)
        out["content-encoding"] = "gzip"
    on_the_wire = None if call.accident == "truncated_json" else call.accident
    return Reply(status, body, out, on_the_wire)


def _remember_errors(call: Call, account: Account, route: Route, entries: list[Entry]) -> None:
    function = (
        f"{route.api}/task_get/{route.variant}" if route.verb == "task_get" else f"{route.api}/{route.verb}"
    )
    for entry in entries:
        if entry.code in _QUIET:
            continue
        account.errors.append(
            {
                "id": entry.id,
                "at": call.now,
                "api": route.api,
                "function": function,
                "error_code": entry.code,
                "error_message": None,
                "http_url": call.path,
                "http_method": call.method,
                "http_code": 200,
                "http_time": 0.1,
                "http_response": None,
            }
        )


def _once(account: Account) -> Callable[[], None]:
    """Free the slot of a call, at most once."""
    held = [True]

    def finish() -> None:
        if held:
            held.clear()
            account.in_flight -= 1

    return finish
