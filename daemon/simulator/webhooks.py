"""Pingbacks and postbacks: what is sent where, and what the answer means. Sends nothing itself."""

import gzip
from urllib.parse import quote

from daemon.simulator import fetching
from daemon.simulator.envelopes import NULL, Entry, envelope
from daemon.simulator.idlist import resend_ids
from daemon.simulator.messages import OK
from daemon.simulator.moments import SECOND_MS
from daemon.simulator.records import Account, Call, Delivery, Receipt, Task
from daemon.simulator.state import State

SECOND_COPY_MS = 30 * SECOND_MS
MOST_RESENDS = 100


def due(state: State, now: int) -> list[Delivery]:
    """Take the webhooks that are due, ready to be sent; each must be settled."""
    state.advance(now)
    deliveries = state.claim_webhooks(now)
    for delivery in deliveries:
        _prepare(state, delivery)
    return deliveries


def _prepare(state: State, delivery: Delivery) -> None:
    delivery.claimed = True
    delivery.lost = state.faults.happens("webhook_lost", state.dice)
    delivery.url = filled(delivery.url, delivery.task)
    if delivery.kind == "postback_url":
        form = form_of(delivery.task)
        body = envelope([fetching.content(state, delivery.task, form)], 0.1)
        delivery.body = gzip.compress(body, 1, mtime=0)
        delivery.headers = {"content-type": "application/json", "content-encoding": "gzip"}


def settle(state: State, delivery: Delivery, receipt: Receipt, now: int) -> None:
    """Note what the receiver answered, if it did."""
    state.advance(now)
    state.settle_webhook(delivery, receipt, now)
    twice = state.faults.happens("webhook_twice", state.dice) and not delivery.resend
    if twice and delivery.task.delivered_at in {None, now}:
        again(state, delivery.task, now + SECOND_COPY_MS)


def again(state: State, task: Task, at: int) -> bool:
    """Queue the webhooks of a done task once more; says whether it has any."""
    kinds = [kind for kind in ("pingback_url", "postback_url") if task.fields.get(kind)]
    for kind in kinds:
        method = "GET" if kind == "pingback_url" else "POST"
        state.send_later(Delivery(task, kind, method, str(task.fields[kind]), at, resend=True))
    return bool(kinds)


def filled(url: str, task: Task) -> str:
    """Put id and tag into a URL; `#` would otherwise cut it off at the receiver (docs)."""
    return url.replace("$id", task.id).replace("$tag", quote(task.tag, safe="")).replace("#", "%23")


def form_of(task: Task) -> str:
    """Give the variant that the postback carries."""
    asked = str(task.fields.get("postback_data") or "")
    return asked if asked in task.function.variants else task.function.variants[0]


def resend(state: State, account: Account, call: Call) -> list[Entry] | int:
    """Answer webhook_resend: the original webhooks go out once more; the result is always null."""
    ids = resend_ids(call.body)
    if isinstance(ids, int):
        return ids
    return [_resend_one(state, account, call, some_id, place) for place, some_id in enumerate(ids)]


def _resend_one(state: State, account: Account, call: Call, some_id: str, place: int) -> Entry:
    task = state.tasks.get(some_id)
    code = OK
    if place >= MOST_RESENDS:
        code = 40006
    elif task is None:
        code = 40401
    elif task.account is not account:
        code = 40001
    elif not task.done:
        code = 40602
    elif not again(state, task, call.now):
        code = 40501
    data = {"api": "appendix", "function": "webhook_resend", "id": some_id}
    return Entry(state.call_id(account, "0075", call.now), code, call.segments, data, NULL, 0)
