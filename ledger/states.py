"""The transition table, and nothing else. Does not know who moves tasks, nor when, nor where they are kept.

Theory of operation
-------------------
A task enters the ledger either as an intention of ours (`planned`) or as a fact that somebody hands us
(`posted`: the remote gave it an id). From then on three things can be learned: that it is done (`ready`),
that its result is durable here (`collected`), or that there will be none.

*   `ready` needs a sign: a window showed the task, a GET by id brought its result, id_list named its
    completion time, or the remote called our receiver (a pingback, or a postback with the result itself).
    A saturated window without it, an empty answer, an error or silence are no signs.
*   `collected` is written after the body is durable, never before. It can come back to `ready`: the remote
    re-parses tasks and lists them again under the same id (`tasks_fixed`).
*   `delivered` belongs to postback tasks: done, and on no list, so the remote handed the result to the
    server that the poster named. A list that shows such a task later refutes it: back to `ready`. So does a
    re-parse: the delivered result is no longer the newest one. (A postback that came to our own receiver makes
    its task `collected`.)
*   `failed` is the remote's word about the task itself. `lost` needs proof: 40403, or 40401 after a grace
    period. A later sighting, or a webhook, refutes the proof, so `lost` can come back to `ready` too.
*   `rejected` tasks never got an id: the remote refused them, or a person withdrew them before they were sent.
    `failed` and `rejected` are final.

Every move is made from the state that was read, with its reason, in the transaction that stores its evidence.
"""

from ledger.records import State

TRANSITIONS: dict[State, frozenset[State]] = {
    State.PLANNED: frozenset({State.POSTING, State.REJECTED}),
    State.POSTING: frozenset({State.POSTED, State.REJECTED, State.PLANNED}),
    State.POSTED: frozenset({State.READY, State.DELIVERED, State.FAILED, State.LOST}),
    State.READY: frozenset({State.COLLECTED, State.FAILED, State.LOST}),
    State.COLLECTED: frozenset({State.READY}),
    State.DELIVERED: frozenset({State.READY}),
    State.LOST: frozenset({State.READY}),
    State.FAILED: frozenset(),
    State.REJECTED: frozenset(),
}

ENTRY: frozenset[State] = frozenset({State.PLANNED, State.POSTED})
"""States in which a task may enter the ledger."""

OUTSTANDING: frozenset[State] = frozenset({State.POSTED, State.READY})
"""States of tasks whose results are still to be brought home."""

UNSETTLED: frozenset[State] = OUTSTANDING | {State.PLANNED, State.POSTING}
"""States of tasks that are still to be posted or brought home: a priority means something."""

SETTLED: frozenset[State] = frozenset(State) - UNSETTLED
"""States that ask for nothing more."""


class IllegalTransitionError(Exception):
    """A move that the table does not hold was asked for; nothing was changed."""

    def __init__(self, task_id: str, origin: State | None, to: State) -> None:
        """Keep what was asked, and say it."""
        self.task_id = task_id
        self.origin = origin
        self.to = to
        source = "nothing" if origin is None else f"'{origin}'"
        super().__init__(f"task {task_id} cannot move from {source} to '{to}'; the ledger is unchanged")


def require(task_id: str, origin: State | None, to: State) -> None:
    """Refuse a move that the table does not hold.

    Raises:
        IllegalTransitionError: naming the task and both states.
    """
    allowed = ENTRY if origin is None else TRANSITIONS[origin]
    if to not in allowed:
        raise IllegalTransitionError(task_id, origin, to)


def diagram() -> str:
    """Draw the table as a Mermaid state diagram, for the docs (a test keeps both equal)."""
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {state}" for state in State if state in ENTRY]
    lines += [
        f"    {origin} --> {to}" for origin, targets in TRANSITIONS.items() for to in State if to in targets
    ]
    lines += [f"    {state} --> [*]" for state in State if not TRANSITIONS[state]]
    return "\n".join(lines) + "\n"
