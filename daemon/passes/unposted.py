"""What is worth an alert about posting: who takes nothing, and which tasks nobody knows of. Decides no deadline."""

from collections.abc import Container, Sequence

from daemon.passes.lookup import can_tell
from daemon.passes.postbox import ALL
from daemon.passes.remote import api_of
from daemon.passes.tools import Tools
from daemon.policy.alerts import AlertKind, Condition
from ledger.intent_records import Unknown
from ledger.records import Alert
from ledger.times import as_text


def conditions(tools: Tools, standing: Sequence[Alert]) -> list[Condition]:
    """Say what is wrong with posting now; `standing` are the alerts that are open."""
    return [*_stops(tools), *_doubts(tools, standing)]


def _stops(tools: Tools) -> list[Condition]:
    found = []
    counts = tools.ledger.intents.counts() if tools.postbox.stops else {}
    for subject, stop in sorted(tools.postbox.stops.items()):
        count = sum(n for name, n in counts.items() if subject in (ALL, api_of(name)))
        if count:
            detail = (
                f"{stop.detail} {count} planned tasks wait; it is tried again at {as_text(stop.resume_at)}"
            )
            command = "readyd tasks --state planned"
            found.append(Condition(AlertKind.POSTING, subject, "critical", count, detail, command))
    return found


def _doubts(tools: Tools, standing: Sequence[Alert]) -> list[Condition]:
    """Group by API the tasks that were sent and never answered, and that nobody can look up, or did in vain so far."""
    unknown, found = tools.ledger.intents.unknown(tools.postbox.under_way), []
    told = {one.subject for one in standing if one.kind == AlertKind.UNANSWERED}
    late = [one for one in unknown if not can_tell(one.function) or _in_vain(tools, one, told)]
    for api in sorted({api_of(one.function) for one in late}):
        group = [one for one in late if api_of(one.function) == api]
        found.append(_doubt(tools, api, group))
    return found


def _in_vain(tools: Tools, one: Unknown, told: Container[str]) -> bool:
    """Say whether a call is in doubt for long.

    That is counted by the monotonic clock, from the start on: no look was possible before. But what an earlier process
    found in doubt too (a round of cron lasts a minute), and an alert that stands, are no younger because this one was
    started, so there the time of the call will do as well.
    """
    ticks, late_ms = tools.ticks(), tools.rules.lookup_late_ms
    noticed = tools.postbox.doubted.get(one.call_id, ticks)
    known = one.call_id in tools.postbox.inherited or api_of(one.function) in told
    return ticks - noticed >= late_ms or (known and tools.now() - one.begun_at >= late_ms)


def _doubt(tools: Tools, api: str, group: Sequence[Unknown]) -> Condition:
    count = sum(one.tasks for one in group)
    why = (
        f"id_list has not told yet ({tools.postbox.flaws.get(api, 'the proof takes its time')})"
        if all(can_tell(one.function) for one in group)
        else "nothing but their own completion can tell"
    )
    detail = (
        f"{count} tasks for {api} were sent and never answered, and {why}; they are not posted again by themselves."
        " If the remote never got them: readyd repost"
    )
    return Condition(AlertKind.UNANSWERED, api, "warning", count, detail, "readyd tasks --state posting")
