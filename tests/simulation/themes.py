"""Worlds about one thing each: what meets too rarely to be left to luck. Does nothing itself.

Of forty worlds a few have a theme, told by their seed; everything else of them is drawn like that of any other world.
"""

from dataclasses import replace
from typing import Any

from daemon.simulator.faults import Faults
from daemon.simulator.options import Turnaround
from tests.simulation.plan import Act, Plan, draw
from tests.simulation.timeline import DAY, HOUR, MINUTE, SECOND

CYCLE = 40


def world(seed: int, *, size: int = 1) -> Plan:
    """Draw a world, and give it its theme if its seed has one."""
    plan = draw(seed, size=size)
    theme = _THEMES.get(seed % CYCLE)
    return plan if theme is None else theme(plan)


def _record(function: str, count: int, after_ms: int = 0, **more: Any) -> Act:
    facts = {"function": function, "count": count, "tag": "", "priority": 1, "late_ms": 0, "between": False}
    return Act(after_ms, "record", {**facts, **more})


def _quiet(plan: Plan, acts: list[Act], minutes: float, **faults: float) -> Plan:
    """Let nothing happen but this; tasks take about so many minutes."""
    options = replace(plan.options, turnaround=Turnaround.around(minutes * 60))
    return replace(plan, acts=tuple(acts), faults=Faults(faults), swaps=0.0, options=options, receives=False)


def _stuck(plan: Plan) -> Plan:
    """Lists work and GETs do not, until what is known to be ready nears its deadline."""
    short = {"visibility_ms": 6 * HOUR, "expiring_ms": 4 * HOUR, "urgent_ms": HOUR, "critical_ms": HOUR // 3}
    reach = 3 * HOUR
    acts = [
        _record("serp/google/organic", 3),
        Act(MINUTE, "stuck", {"for_ms": reach}),
        Act(30 * MINUTE, "foreign", {"function": "serp/google/maps", "count": 1, "tag": ""}),
        Act(reach, "foreign", {"function": "serp/google/maps", "count": 1, "tag": ""}),
    ]
    rules = replace(plan.rules, **short, unreachable_most_ms=10 * MINUTE, pace_failed_ms=10 * MINUTE)
    options = replace(plan.options, visibility_ms=6 * HOUR)
    return _quiet(replace(plan, rules=rules, options=options), acts, 15)


LLM = "ai_optimization/claude/llm_responses"
"""An API without id_list; of a task whose postback goes elsewhere, only GETs by id tell."""


def _overdue(plan: Plan) -> Plan:
    """Tasks of which only a GET by id tells that they are not done yet."""
    acts = [_record(LLM, 4, hook="elsewhere"), Act(2 * HOUR, "replay")]
    return _quiet(plan, acts, 300)


def _unknown_yet(plan: Plan) -> Plan:
    """Tasks asked for in their first minute, while the remote does not know them yet: the clock jumps."""
    acts = [
        _record("serp/google/organic", 4),
        Act(5 * SECOND, "step", {"by_ms": 3 * DAY}),
        Act(9 * MINUTE, "replay"),
    ]
    return _quiet(replace(plan, ticks_s=10), acts, 10, fresh_not_found=1.0)


def _slow_answers(plan: Plan) -> Plan:
    """Tasks that are done while the answer that they are not is under way."""
    acts = [_record(LLM, 30, hook="elsewhere"), Act(150 * MINUTE, "replay")]
    return _quiet(plan, acts, 90, slow_body=1.0)


def _ahead(plan: Plan) -> Plan:
    """Tasks recorded while the clock is ahead, which no list shows."""
    acts = [Act(0, "step", {"by_ms": 3 * DAY}), _record("serp/google/organic", 3, MINUTE)]
    return _quiet(plan, acts, 1, unlisted=1.0)


_THEMES = {31: _stuck, 32: _overdue, 33: _unknown_yet, 34: _slow_answers, 35: _ahead}
