"""What happens in a world, drawn from one integer: the same seed is the same plan. Does nothing itself."""

import random
from dataclasses import dataclass, field, replace
from typing import Any

from daemon.policy.rules import AdoptRule, PriorityRule, Rules
from daemon.settings import VariantRule
from daemon.simulator.faults import CATALOGUE, Faults
from daemon.simulator.options import LOGIN, AccountOptions, Options, Turnaround
from tests.simulation.fate import STEPS, Sentence
from tests.simulation.timeline import DAY, HOUR, MINUTE, SECOND

PASSWORD = "canary-7f3a91c2b8d64e05"
SECRET = "canary_" + "s3cr3t" * 7
HOOK = f"https://hooks.invalid/hook/{SECRET}"
ADOPTED = "adopt:me"

FUNCTIONS = (
    "serp/google/organic",
    "serp/google/maps",
    "serp/bing/organic",
    "merchant/google/products",
    "business_data/google/reviews",
    "app_data/apple/app_info",
    "keywords_data/google_ads/search_volume",
    "on_page/lighthouse",
    "ai_optimization/claude/llm_responses",
)
PROVABLE = FUNCTIONS[:7]
"""Functions of which id_list proves what became of a call."""

_NOT_DRAWN = frozenset({"payment_402", "llm_expires"})


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody does, so long after the act before."""

    after_ms: int
    kind: str
    facts: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        said = " ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.kind} {said}".strip()


@dataclass(frozen=True, slots=True)
class Plan:
    """One world: its remote, its settings, and what happens in it."""

    seed: int
    rules: Rules
    options: Options
    faults: Faults
    acts: tuple[Act, ...]
    ticks_s: int
    swaps: float
    receives: bool
    hands_over: bool
    settings: dict[str, Any]

    @property
    def is_rough(self) -> bool:
        """Say whether calls fail by chance: then a task may be asked for as often as they do."""
        return self.swaps > 0 or any(
            CATALOGUE[one].kind in ("network", "answer") for one in self.faults.probabilities
        )

    def has(self, *kinds: str) -> bool:
        return any(act.kind in kinds for act in self.acts)


def draw(seed: int, *, size: int = 1) -> Plan:
    """Draw a world; `size` multiplies its tasks."""
    dice = random.Random(seed)
    scale = dice.choice([1, 1, 6, 12])  # of the remote's long times: a month may be a day
    window = dice.choice([3, 5, 10, 1000]) * (1 if size == 1 else 20)
    lists = dice.choice([4, 8, 20, 20])
    rules = _rules(dice, scale, window)
    faults = _faults(dice)
    restarts = dice.random() < 0.05
    receives = dice.random() < 0.35
    return Plan(
        seed=seed,
        rules=rules,
        options=_options(dice, rules, window, lists),
        faults=faults,
        acts=tuple(_restarts(dice) if restarts else _acts(dice, scale, size, receives=receives)),
        ticks_s=dice.choice([120, 300, 300, 600]),
        swaps=dice.choice([0.0, 0.0, 0.05]),
        receives=receives,
        hands_over=dice.random() < 0.2,
        settings={
            "tasks_ready_limit": lists,
            "lanes": dice.choice([2, 6]),
            "variants": (VariantRule("serp/*", None, "html"),) if dice.random() < 0.15 else (),
        },
    )


def _rules(dice: random.Random, scale: int, window: int) -> Rules:
    base = Rules()
    adopt = (AdoptRule(None, "adopt:*"),) if dice.random() < 0.12 else ()
    return replace(
        base,
        visibility_ms=base.visibility_ms // scale,
        retention_ms=base.retention_ms // scale,
        html_retention_ms=base.html_retention_ms // scale,
        expiring_ms=base.expiring_ms // scale,
        urgent_ms=base.urgent_ms // scale,
        critical_ms=base.critical_ms // scale,
        window_cap=window,
        audit_ms=base.audit_ms * dice.choice([1, 4, 8]),
        pace_normal_ms=base.pace_normal_ms * dice.choice([1, 2]),
        adopt_rules=adopt,
        priority_rules=(PriorityRule(None, "urgent:*", 5),),
    )


def _options(dice: random.Random, rules: Rules, window: int, lists: int) -> Options:
    usual = dice.random() < 0.2
    return Options(
        accounts=(AccountOptions(logins={LOGIN: PASSWORD}, balance=100_000.0),),
        turnaround=Turnaround() if usual else Turnaround.around(dice.choice([5, 60, 60, 300, 900, 3600])),
        window=window,
        tasks_ready_limit=lists,
        visibility_ms=rules.visibility_ms,
        retention_ms=rules.retention_ms,
        html_retention_ms=rules.html_retention_ms,
        body_kb=(0.1, 1.0),
        id_list_offset_min=dice.choice([0, 120]),
        id_list_hyphens=dice.random() < 0.3,
    )


def _faults(dice: random.Random) -> Faults:
    """Choose some kinds of trouble; a third of the worlds have a remote that behaves."""
    if dice.random() < 0.33:
        return Faults.none()
    names = sorted(set(CATALOGUE) - _NOT_DRAWN)
    chosen = {name: CATALOGUE[name].usual for name in dice.sample(names, dice.randint(1, 10))}
    drawn = {name: min(1.0, usual * dice.choice([0.5, 1, 3])) for name, usual in sorted(chosen.items())}
    return Faults(drawn)


def _acts(dice: random.Random, scale: int, size: int, *, receives: bool) -> list[Act]:
    """Draw what happens: work throughout, and trouble of a few kinds in between."""
    acts = []
    kinds = _kinds_of_trouble(dice, receives=receives)
    for number in range(dice.randint(4, 9)):
        after_ms = dice.choice([0, 5 * SECOND, MINUTE, 3 * MINUTE, 12 * MINUTE])
        if number == 0 or dice.random() < 0.35:
            acts.append(Act(after_ms, *_work(dice, scale, size, receives=receives)))
        elif kinds:
            kind = dice.choice(kinds)
            acts.append(Act(after_ms, kind, _trouble(dice, kind, scale)))
    return acts


def _restarts(dice: random.Random) -> list[Act]:
    """Let many lists be due at once for a process that the service manager starts again and again."""
    acts = [Act(0, "record", _one_of(function)) for function in FUNCTIONS[:8]]
    sentences = tuple(
        Sentence("answer", dice.randint(2, 5), power=False, down_ms=dice.choice([100, 1_000]))
        for _ in range(14)
    )
    return [*acts, Act(dice.choice([0, 5 * MINUTE]), "loop", {"sentences": sentences})]


def _kinds_of_trouble(dice: random.Random, *, receives: bool) -> list[str]:
    every = [
        "die", "die", "die", "loop", "stop", "sleep", "step", "outage", "trouble", "full", "lying", "slow",
        "busy", "reparse", "foreign", "foreign", *(["replay"] if receives else []),
    ]  # fmt: skip
    return sorted(dice.sample(every, dice.randint(1, 5)))


def _work(dice: random.Random, scale: int, size: int, *, receives: bool) -> tuple[str, dict[str, Any]]:
    planned = dice.random() < 0.4
    # Where long times are scaled, a task may not take longer than lists remember it.
    function = dice.choice(PROVABLE if planned else FUNCTIONS if scale == 1 else FUNCTIONS[:8])
    count = dice.choice([1, 1, 2, 3, 6]) * size
    facts: dict[str, Any] = {"function": function, "count": count}
    facts["tag"] = dice.choice(["", "batch", "urgent:1"])
    facts["priority"] = dice.choice([1, 1, 1, 2])
    if receives and dice.random() < 0.5:
        facts["hook"] = dice.choice(["ping", "post"])
    elif dice.random() < 0.1 and function.startswith("serp"):
        facts["hook"] = "elsewhere"
    if planned:
        return "plan", facts
    facts["late_ms"] = dice.choice([0, 0, 0, 3 * MINUTE, HOUR])
    facts["between"] = dice.random() < 0.5
    return "record", facts


def _one_of(function: str) -> dict[str, Any]:
    return {"function": function, "count": 1, "tag": "", "priority": 2, "late_ms": 0, "between": False}


def _trouble(dice: random.Random, kind: str, scale: int) -> dict[str, Any]:
    long_ms = dice.choice([HOUR, 12 * HOUR, 60 * HOUR, 8 * DAY, 28 * DAY]) // scale
    if kind in ("outage", "trouble", "full", "lying", "slow", "busy"):
        return {"for_ms": dice.choice([20 * SECOND, 3 * MINUTE, 40 * MINUTE])}
    if kind in ("stop", "sleep"):
        return {"for_ms": dice.choice([MINUTE, HOUR, long_ms])}
    if kind == "step":
        return {"by_ms": dice.choice([-3 * DAY, -2 * HOUR, 2 * HOUR, 3 * DAY])}
    if kind == "foreign":
        facts = {"function": dice.choice(FUNCTIONS[:4]), "count": dice.choice([2, 6, 15])}
        return {**facts, "tag": dice.choice(["theirs", "", ADOPTED])}
    if kind == "die":
        return {"sentence": _sentence(dice, dice.choice([5 * SECOND, 10 * MINUTE, long_ms]))}
    if kind == "loop":
        # A process that the service manager starts again and again: each one ends soon.
        step = dice.choice(["answer", "answer", "write", "turn"])
        most = {"answer": 4, "write": 40, "turn": 60}[step]
        sentences = tuple(
            Sentence(step, dice.randint(1, most), power=False, down_ms=dice.choice([100, 2_000]))
            for _ in range(dice.randint(4, 14))
        )
        return {"sentences": sentences}
    return {}


def _sentence(dice: random.Random, down_ms: int) -> Sentence:
    step = dice.choice(STEPS)
    most = {"turn": 600, "write": 150, "commit": 40, "committed": 40, "send": 25, "answer": 25, "line": 15}[
        step
    ]
    count = max(1, round(most ** dice.random()))
    return Sentence(step, count, power=dice.random() < 0.4, down_ms=down_ms)
