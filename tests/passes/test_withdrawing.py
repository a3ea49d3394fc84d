"""Tasks that a person withdraws while the daemon is about to send them: withdrawn or sent, never both."""

from collections.abc import Callable
from typing import Any, ClassVar

from ledger import Ledger
from ledger.database import LedgerDatabase
from ledger.records import State

SECOND = 1_000
MINUTE = 60 * SECOND
ORGANIC = "serp/google/organic"

Live = Callable[..., Any]


class Overtaken(LedgerDatabase):
    """Lets another process write between what the poster reads of planned tasks and what it writes about them."""

    meanwhile: ClassVar[list[Callable[[], None]]] = []
    read: ClassVar[bool] = False

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        Overtaken.read = Overtaken.read or "select key, task_id, function, tag, payload" in sql
        return super().execute_sql(sql, params)

    def begin(self, lock_type: Any = None) -> None:
        if Overtaken.read and Overtaken.meanwhile:
            Overtaken.meanwhile.pop()()
        super().begin(lock_type)


def withdrawn_meanwhile(life: Any, function: str) -> None:
    """Plan three tasks, the first of which is withdrawn a moment before it is sent."""
    tasks = [{"function": function, "keyword": f"k{n}", "tag": f"{n}"} for n in range(3)]
    life.ledger.plan(tasks, "b", now=life.now())
    (first,) = [task.id for task in life.tasks().values() if task.tag == "0"]

    def withdraw() -> None:
        with Ledger.open(life.path) as other:
            assert other.intents.withdraw([first], life.now()) == (first,)

    Overtaken.read, Overtaken.meanwhile = False, [withdraw]


def by_tag(life: Any) -> dict[str, str]:
    return {task.tag: str(task.state) for task in life.tasks().values()}


def test_a_task_that_is_withdrawn_a_moment_before_its_call_is_not_sent(live: Live) -> None:
    async def story(life: Any) -> None:
        withdrawn_meanwhile(life, ORGANIC)
        life.start()
        await life.until(lambda: len(life.world.task_ids()) == 2, within=MINUTE, every=SECOND)
        assert not Overtaken.meanwhile
        assert by_tag(life) == {"0": "rejected", "1": "posted", "2": "posted"}
        assert life.events("ledger.trouble") == [], "nothing is wrong with the ledger"
        await life.sleep(2 * MINUTE)
        assert len(life.world.task_ids()) == 2

    live(story, driver=Overtaken)


def test_nor_does_it_hold_up_what_cannot_be_sent_at_all(live: Live) -> None:
    async def story(life: Any) -> None:
        withdrawn_meanwhile(life, "serp/nobody/organic")
        life.start()
        await life.until(lambda: set(by_tag(life).values()) == {"rejected"}, within=MINUTE, every=SECOND)
        assert not Overtaken.meanwhile
        assert life.events("ledger.trouble") == []

    live(story, driver=Overtaken)


def test_what_is_sent_is_withdrawn_no_more(live: Live) -> None:
    async def story(life: Any) -> None:
        life.ledger.plan([{"function": ORGANIC, "keyword": "k"}], "b", now=life.now())
        (one,) = life.tasks()
        life.start()
        await life.until(lambda: len(life.world.task_ids()) == 1, within=MINUTE, every=SECOND)
        assert life.ledger.intents.withdraw([one, *life.tasks()], life.now()) == ()
        assert life.states() == {State.POSTED: 1}

    live(story)
