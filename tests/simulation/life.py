"""One world from its birth to its end: processes that live, die and are started again, and the people around them."""

import asyncio
import hashlib
import random
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

from daemon import logs
from daemon.composition import build_tools
from daemon.handover.target import TargetKind, TargetRule
from daemon.service import Service
from daemon.settings import Secret, Settings
from daemon.settings_webhook import Webhook
from daemon.simulator.faults import Faults
from daemon.simulator.options import LOGIN
from daemon.simulator.records import Task as RemoteTask
from daemon.web.limits import Limits
from daemon.web.server import Front
from ledger.errors import LedgerError
from ledger.store import Ledger
from tests import memory
from tests.simulation.clerk import Clerk
from tests.simulation.deeds import Deeds
from tests.simulation.fate import Death, Fate, Mortal
from tests.simulation.oracle import Oracle
from tests.simulation.plan import PASSWORD, SECRET, Act, Plan
from tests.simulation.reading import ViolationError
from tests.simulation.remote import Line, Postman, Remote
from tests.simulation.surroundings import Clock, Paper, Watch, unhurried
from tests.simulation.timeline import HOUR, MINUTE, SECOND, START, Timeline

IN_DARK = 2  # so many acts may happen while no process runs
LIVENESS = HOUR
AGAIN_MS = 30 * SECOND
MOST_LIVES = 200


@dataclass
class Story:
    """What came of a world."""

    seed: int
    violation: ViolationError | None = None
    history: list[str] = field(default_factory=list)
    deaths: int = 0
    days: float = 0.0
    tasks: int = 0
    digest: str = ""  # of everything that was asked and logged: the same seed is the same run
    faults: Counter[str] = field(default_factory=Counter)


class Life:
    """Plays a plan."""

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.plan = plan
        self.dice = random.Random(plan.seed ^ 0x51D)
        self.time = Timeline()
        self.path = directory / "ledger.db"
        self.fate = Fate(self.time, random.Random(plan.seed ^ 0xD15C), directory)
        self.remote = Remote(
            self.time,
            random.Random(plan.seed ^ 0x3E3),
            seed=plan.seed,
            faults=plan.faults,
            options=plan.options,
        )
        self.remote.swaps = plan.swaps
        self.line = Line(self.remote, self.fate, plan.seed)
        self.postman = Postman(self.remote, self.fate, random.Random(plan.seed ^ 0x905))
        self.paper = Paper(self.fate)
        self.oracle = Oracle(self.path, plan, self.time, self.remote, self.paper.lines)
        self.acts = deque(plan.acts)
        self.story = Story(plan.seed)
        self.settings = self._make_settings(directory)
        self.clerk = Clerk(self.path, self.time, self.remote, self.oracle)
        self.deeds = Deeds(
            self.time, self.fate, self.remote, self.line, self.clerk, self.oracle, self.dice, self.say
        )
        self._over = False
        self._peace = False
        self._calm_at = START
        self._acted_at = START

    def _make_settings(self, directory: Path) -> Settings:
        secret = directory / "secret"
        secret.write_text(SECRET)
        targets: tuple[TargetRule, ...] = ()
        if self.plan.hands_over:
            (directory / "out").mkdir()
            targets = (TargetRule("out", TargetKind.DIRECTORY, Secret(str(directory / "out"))),)
        return Settings(
            ledger=self.path,
            base_url="https://simulator.invalid",
            login=LOGIN,
            password=Secret(PASSWORD),
            rules=self.plan.rules,
            targets=targets,
            webhook=Webhook(listen="127.0.0.1:0", secret_file=secret),
            **self.plan.settings,
        )

    # The whole world

    def play(self) -> Story:
        """Live through the plan; what must hold and does not ends it."""
        story = self.story
        try:
            while not self._over:
                self._one_process()
            self.clerk.close()
            self.oracle.end()
        except ViolationError as violation:
            story.violation = violation
        finally:
            self.clerk.close()
            self.oracle.close()
        story.days = (self.time.now() - START) / (24 * HOUR)
        story.tasks = len(self.remote.task_ids())
        story.faults = self._faults()
        told = "".join([*self.remote.calls, *story.history, *self.paper.lines]).replace(
            str(self.path.parent), ""
        )
        story.digest = hashlib.sha256(told.encode()).hexdigest()[:16]
        return story

    def _one_process(self) -> None:
        fate = self.fate
        fate.born()
        Mortal.fate = fate
        if self.story.deaths > MOST_LIVES:
            raise ViolationError("liveness", "it dies and dies")
        if self.deeds.sentences and fate.sentence is None:
            fate.arm(self.deeds.sentences.popleft())
        try:
            self.time.run(self._main, fate.turn)
        except Death:
            self._died()
        self.postman.bury()
        self.remote.hang_up()
        self.oracle.look()
        self._stay_down()

    def _died(self) -> None:
        sentence = self.fate.sentence
        assert sentence is not None
        self.story.deaths += 1
        how = "power cut" if sentence.power else "killed"
        self.say(f"{how} at {sentence.step} {sentence.count}; down for {sentence.down_ms / 1000:g} s")
        if self.fate.images is not None:
            self.clerk.close()
            self.oracle.close()
            self.fate.restore()
        self.deeds.down_ms = sentence.down_ms
        self.fate.spare()
        if sentence.power:
            self.time.reboot()

    def _stay_down(self) -> None:
        """Let time pass without a process; some acts may fall into it."""
        left, self.deeds.down_ms = self.deeds.down_ms, 0
        for _ in range(IN_DARK if self.dice.random() < 0.4 else 0):
            if not self.acts or self.acts[0].kind not in ("record", "plan", "foreign", "step"):
                break
            gap = self.acts[0].after_ms
            if gap > left:
                break
            self.time.pass_by(gap)
            left -= gap
            self._act(self.acts.popleft())
        self.time.pass_by(left)

    # One process

    async def _main(self) -> None:
        logs.configure(stream=self.paper, environ={}, level="info", format="json")  # type: ignore[arg-type]
        logs.hide_credentials(LOGIN, PASSWORD)
        try:
            ledger = Ledger.open(self.path, driver=Mortal)
        except LedgerError as error:
            self._gave_up(error)
            return
        self.clerk.open()
        try:
            with unhurried(self.plan.ticks_s):
                await self._serve(ledger)
        except LedgerError as error:
            self._gave_up(error)
        finally:
            ledger.close()

    def _gave_up(self, error: LedgerError) -> None:
        """End as the command does, with a sentence; the service manager starts it again in a while."""
        self.say(f"gave up: {error}")
        if not self.plan.has("full", "lying"):
            raise ViolationError("two processes", f"it cannot be started: {error}")
        self.deeds.down_ms = AGAIN_MS

    async def _serve(self, ledger: Ledger) -> None:
        tools = build_tools(self.settings, ledger, Clock(self.time), transport=lambda: self.line)
        served = Service(tools, lanes=self.settings.lanes, notifier=Watch(self.oracle.reviewed))
        front = Front(tools, self.settings.webhook, served.collector.refresh, limits=Limits())
        tasks = [asyncio.create_task(self._drive()), asyncio.create_task(served.run())]
        if self.plan.receives:
            tasks.append(asyncio.create_task(self.postman.run(front.app)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            served.ask_to_stop()
            await tasks[1]
            front.receiver.close()
            await tasks[0]
        finally:
            for one in tasks:
                one.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _drive(self) -> None:
        """Do what the plan says until the process is to end; then see that everything comes home."""
        while self.acts:
            wait = self._acted_at + self.acts[0].after_ms - self.time.now()
            await self._wait(max(0, wait))
            act = self.acts.popleft()
            self._act(act)
            self.oracle.look()
            if act.kind == "replay":
                await self.postman.again()
            if act.kind == "stop":
                return
        await self._aftermath()
        if not self._peace:
            self._make_peace()
        self._calm_at = self.time.now()  # also after a rest: what is found then has its hour from there
        self._over = await self._everything_comes_home()

    async def _wait(self, ms: int) -> None:
        """Wait in steps: what the clerk is late with is due in between."""
        until = self.time.now() + ms
        while (left := until - self.time.now()) > 0:
            await asyncio.sleep(min(left, self.clerk.next_ms()) / 1000)
            self.clerk.catch_up()

    async def _aftermath(self) -> None:
        """Give a death that is due, and what goes wrong for a while, their time."""
        for _ in range(12):
            if self.fate.sentence is None:
                break
            await self._wait(MINUTE)
        ends = max(self.fate.full_until, self.fate.slow_until, self.fate.lying_until, self.remote.busy_until)
        await self._wait(max(0, ends - self.time.now()))

    def _make_peace(self) -> None:
        """End all faults, and set the clock right."""
        self.say("peace")
        self.fate.peace = True
        self.fate.spare()
        self.deeds.sentences.clear()
        self.remote._state.faults = Faults.none()
        self.remote._state.error_hours.clear()
        self.line._outages.clear()
        self.remote.swaps = 0.0
        self.remote.busy_until = self.remote.stuck_until = 0
        self.time.set_clock(-self.time.offset)
        self.clerk.finish(self.fate)
        self._peace = True

    async def _everything_comes_home(self) -> bool:
        """Wait until nothing is outstanding; False: nothing can happen for long, so the process may rest."""
        while waiting := self.clerk.waiting():
            now = self.time.now()
            tasks = self.remote._state.tasks
            comes_at = {one: self._comes_at(tasks[one]) for one in waiting if one in tasks}
            due = {one: max(self._calm_at, comes_at.get(one, 0)) + LIVENESS for one in waiting}
            if late := sorted(one for one, at in due.items() if now > at):
                raise ViolationError("liveness", f"{late} are {[waiting[one] for one in late]}", tuple(late))
            soonest = min(comes_at.get(one, 0) for one in waiting)
            if soonest > now + 20 * MINUTE and now > self._calm_at + 5 * MINUTE:
                self.deeds.down_ms = soonest - now - 5 * MINUTE
                return False
            await asyncio.sleep(60)
        if self.plan.hands_over:  # a target hears of what came home before a restart at its first tick
            await asyncio.sleep(2 * self.plan.ticks_s)
        return True

    def _comes_at(self, task: RemoteTask) -> int:
        """Say when there is a sign of a task at the latest."""
        never_listed = task.is_never_listed
        if task.function.api == "ai_optimization" and (self.oracle.clock_was_wrong or never_listed):
            # On no list: its row never appears, or it was asked for by id while the clock was ahead, and not kept. This
            # API has no id_list either. It is asked for again when it is overdue.
            return max(task.done_at, task.posted_at + 72 * HOUR)
        if self.oracle.clock_was_wrong and never_listed:
            # Nor does id_list show it where it is looked for, as its date is wrong. It is asked for by id, two audits
            # after the remote said that it was not done; audits are up to eight times as rare here (plan.py) as ever.
            return task.done_at + 2 * self.plan.rules.audit_ms
        return task.done_at + task.lag_ms

    # Acts

    def say(self, text: str) -> None:
        self.story.history.append(f"{self.time.now() - START:>13,} ms  {text}")

    def _act(self, act: Act) -> None:
        self._acted_at = self.time.now()
        self.story.faults[act.kind] += 1
        self.deeds.do(act)

    def tell(self) -> list[str]:
        """Give all that is known of the tasks that went wrong, and the end of the log."""
        violation = self.story.violation
        if violation is None:
            return []
        told = ["", *(line.rstrip() for line in self.paper.lines[-10:])]
        for task_id in violation.tasks[:3]:
            told += ["", task_id, *self.oracle.history(task_id)]
            known = task_id in self.remote._state.tasks
            told.append(f"    remote: {self.remote.truth(task_id) if known else 'never had it'}")
            told += [f"    {call}" for call in self.remote.calls if task_id in call]
        self.oracle.close()
        return told

    def _faults(self) -> Counter[str]:
        found = Counter(self.story.faults)
        found.update(self.fate.tally)
        found.update(self.remote.tally)
        counts = self.remote.counts()
        for name in (
            "accidents",
            "throttled",
            "window_saturated_times",
            "webhooks_failed",
            "dropped",
            "gets",
        ):
            found[name.replace("_", " ")] += counts[name]
        return found


def play(plan: Plan) -> Story:
    """Play a world in a directory in memory, where there is such a place."""
    return played(plan)[0]


def played(plan: Plan) -> tuple[Story, list[str]]:
    """Play a world, and tell everything of the tasks that went wrong in it."""
    with memory.directory() as place:
        life = Life(plan, place)
        story = life.play()
        return story, life.tell()
