"""Stands in for the daemon's incremental backlog until that is there: the same door, ordering everything each time."""

from daemon.policy.priority import Ranked, order


class Backlog:
    """Ranked tasks; `take` hands out the next ones."""

    def __init__(self) -> None:
        """Begin empty."""
        self._tasks: dict[str, Ranked] = {}

    def put(self, one: Ranked) -> None:
        """Insert or replace."""
        self._tasks[one.id] = one

    def drop(self, task_id: str) -> None:
        """Forget a task."""
        self._tasks.pop(task_id, None)

    def __len__(self) -> int:
        """Count the tasks."""
        return len(self._tasks)

    def __contains__(self, task_id: object) -> bool:
        """Say whether a task is here."""
        return task_id in self._tasks

    def take(self, count: int, now: int, rate_per_ms: float) -> list[Ranked]:
        """Take out the next tasks to serve, in order."""
        first = order(list(self._tasks.values()), now, rate_per_ms)[:count]
        for one in first:
            del self._tasks[one.id]
        return first
