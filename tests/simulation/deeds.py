"""The acts of a plan, as they are done to the world: by people, by other software, by the network and the disk."""

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from tests.simulation.clerk import Clerk
from tests.simulation.fate import Fate, Sentence
from tests.simulation.oracle import Oracle
from tests.simulation.plan import HOOK, Act
from tests.simulation.remote import Line, Remote
from tests.simulation.timeline import Timeline


class Deeds:
    """Does what a plan says. `down_ms` is for how long no process is to run after it."""

    def __init__(
        self,
        time: Timeline,
        fate: Fate,
        remote: Remote,
        line: Line,
        clerk: Clerk,
        oracle: Oracle,
        dice: random.Random,
        say: Callable[[str], None],
    ) -> None:
        self.time = time
        self.fate = fate
        self.remote = remote
        self.line = line
        self.clerk = clerk
        self.oracle = oracle
        self.dice = dice
        self.say = say
        self.sentences: deque[Sentence] = deque()
        self.down_ms = 0

    def do(self, act: Act) -> None:
        self.say(str(act))
        getattr(self, f"_{act.kind}")(**act.facts)

    def _record(self, **facts: Any) -> None:
        self.clerk.record(self._fields(facts), facts, self.fate, self.say)

    def _plan(self, **facts: Any) -> None:
        self.clerk.plan(self._fields(facts), facts["function"])

    def _fields(self, facts: dict[str, Any]) -> list[dict[str, Any]]:
        hooks = {
            "ping": {"pingback_url": f"{HOOK}/ping?id=$id&tag=$tag"},
            "post": {"postback_url": f"{HOOK}/post?id=$id&tag=$tag", "postback_data": "advanced"},
            "elsewhere": {"postback_url": "https://elsewhere.invalid/?id=$id", "postback_data": "advanced"},
        }
        hook: dict[str, Any] = dict(hooks.get(facts.get("hook", ""), {}))
        if not facts["function"].startswith("serp"):
            hook.pop("postback_data", None)
        more = {"priority": facts["priority"]} if facts["priority"] > 1 else {}
        more |= {"tag": facts["tag"]} if facts["tag"] else {}
        return [self.clerk.fresh(**hook, **more) for _ in range(facts["count"])]

    def _foreign(self, function: str, count: int, tag: str) -> None:
        self.remote.post(function, [self.clerk.fresh(tag=tag) for _ in range(count)], owner="foreign")

    def _die(self, sentence: Sentence) -> None:
        self.fate.arm(sentence)

    def _loop(self, sentences: tuple[Sentence, ...]) -> None:
        self.sentences.extend(sentences)
        if self.fate.sentence is None:
            self.fate.arm(self.sentences.popleft())

    def _stop(self, for_ms: int) -> None:
        self.down_ms = for_ms

    def _sleep(self, for_ms: int) -> None:
        self.time.pass_by(for_ms)

    def _step(self, by_ms: int) -> None:
        self.oracle.clock_was_wrong = True
        self.time.set_clock(by_ms)

    def _outage(self, for_ms: int) -> None:
        self.line.outage(self.time.now(), self.time.now() + for_ms)

    def _trouble(self, for_ms: int) -> None:
        self.line.error_hour(self.time.now(), self.time.now() + for_ms)

    def _full(self, for_ms: int) -> None:
        self.fate.full_until = self.time.now() + for_ms

    def _lying(self, for_ms: int) -> None:
        self.fate.lying_until = self.time.now() + for_ms

    def _slow(self, for_ms: int) -> None:
        self.fate.slow_until = self.time.now() + for_ms

    def _stuck(self, for_ms: int) -> None:
        self.remote.stuck_until = self.time.now() + for_ms

    def _busy(self, for_ms: int) -> None:
        self.remote.busy_until = self.time.now() + for_ms

    def _replay(self) -> None: ...

    def _reparse(self) -> None:
        done = [task for task in self.remote._state.tasks.values() if task.done and task.code == 20000]
        if done:
            self.remote.reparse(self.dice.choice(done).id)
