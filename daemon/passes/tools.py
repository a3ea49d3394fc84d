"""What a pass works with, handed in once by the composition root. Decides nothing and does nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from daemon.clock import Clock
from daemon.dataforseo.client import Client
from daemon.handover.door import Door
from daemon.handover.target import TargetRule
from daemon.logs import Logger
from daemon.passes.audit_budget import AuditBudget
from daemon.passes.bugs import Bugs
from daemon.passes.disk import Disk
from daemon.passes.postbox import Postbox
from daemon.passes.remote import Remote
from daemon.passes.silence import Silence
from daemon.policy.budget import Limiter
from daemon.policy.choices import VariantPattern
from daemon.policy.listing import Scope
from daemon.policy.rules import Rules
from daemon.standing import wanted_variant
from ledger.errors import LedgerError
from ledger.records import Candidate
from ledger.store import Ledger


@dataclass(slots=True)
class Tools:
    """The collaborators of every pass. `lists`, `audits` and `general` are the budgets of calls per minute."""

    ledger: Ledger
    client: Client
    clock: Clock
    rules: Rules
    scopes: Sequence[Scope]
    lists: Limiter
    audits: AuditBudget  # id_list, shared with other processes
    general: Limiter
    log: Logger
    variants: Sequence[VariantPattern] = ()  # which form of a result to fetch, by function and tag
    started_at: int = 0  # wall ms UTC
    follow_account: bool = True  # the general budget follows what user_data says
    remote: Remote = field(default_factory=Remote)
    silence: Silence = field(default_factory=Silence)
    disk: Disk = field(default_factory=Disk)
    bugs: Bugs = field(default_factory=Bugs)
    targets: Sequence[tuple[TargetRule, Door]] = ()
    on_home: list[Callable[[], None]] = field(default_factory=list)  # called when results have come home
    on_well: list[Callable[[], None]] = field(default_factory=list)  # called when the remote is well again
    postbox: Postbox = field(default_factory=Postbox)
    clock_steps: list[tuple[int, int]] = field(default_factory=list)  # that the ledger does not know yet
    clock_compared: bool = True  # False: the ledger could not be asked at the start whether the clock was set

    def variant_of(self, task: Candidate) -> str:
        """Say which form of a task's result is wanted."""
        return wanted_variant(task, self.variants)

    def came_home(self) -> None:
        """Tell whoever waits for results that some are here, durable."""
        for call in self.on_home:
            call()

    def answered(self, api: str) -> None:
        """Note an answer (of an API); where the remote was in trouble before, tell whoever waits for it."""
        if self.remote.well(api, self.now()):
            for call in self.on_well:
                call()

    def ledger_failed(self, error: LedgerError, job: str) -> None:
        """Note that the ledger could not be read or written, and say so unless that was said lately."""
        if self.disk.failed(str(error), self.ticks()):
            self.log.error("ledger.trouble", job=job, problem=str(error))

    def pass_failed(self, error: Exception, job: str) -> None:
        """Note that a pass met a bug; to be called while the error is handled, for its traceback."""
        times, worth = self.bugs.failed(job, error)
        if worth:
            self.log.exception("pass.failed", job=job, failures=times)

    def now(self) -> int:
        """Return the wall clock, UTC ms: what deadlines and history are written in."""
        return self.clock.now()

    def ticks(self) -> int:
        """Return the monotonic clock in ms: what budgets and pauses count in, whatever the wall clock does."""
        return round(self.clock.monotonic() * 1000)
