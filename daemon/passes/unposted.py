"""What is worth an alert about posting: who takes nothing, and which tasks nobody knows of. Decides no deadline."""

from collections.abc import Sequence

from daemon.passes.lookup import can_tell
from daemon.passes.postbox import ALL
from daemon.passes.remote import api_of
from daemon.passes.tools import Tools
from daemon.policy.alerts import AlertKind, Condition
from ledger.intent_records import Unknown
from ledger.times import as_text


def conditions(tools: Tools) -> list[Condition]:
    """Say what is wrong with posting now."""
    return [*_stops(tools), *_doubts(tools)]


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


def _doubts(tools: Tools) -> list[Condition]:
    """Group by API the tasks that were sent and never answered, and that nobody can look up, or did in vain so far."""
    ticks, found = tools.ticks(), []
    unknown = tools.ledger.intents.unknown(tools.postbox.under_way)
    doubted = tools.postbox.doubted
    late = [
        one
        for one in unknown
        if not can_tell(one.function) or ticks - doubted.get(one.call_id, ticks) >= tools.rules.lookup_late_ms
    ]
    for api in sorted({api_of(one.function) for one in late}):
        group = [one for one in late if api_of(one.function) == api]
        found.append(_doubt(tools, api, group))
    return found


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
