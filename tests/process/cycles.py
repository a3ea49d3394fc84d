"""A whole cycle of tasks, from planning to the stored result, and what must be true of it. Injects nothing."""

import gzip
import json
import shutil
import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.driver import sqlite3
from tests.ledger.conftest import Kit
from tests.process.places import Place

SCRIPT = Path(__file__).with_name("cycle.py")
TASKS = 4


class Cycle(Place):
    """Tasks that are planned, posted, listed, fetched and stored by one process, or by one after the other."""

    def begin(self) -> None:
        batch = self.new()
        task = {"function": "serp/google/organic", "location_code": 2840, "language_code": "en", "tag": "t"}
        lines = [json.dumps({**task, "keyword": f"k{batch}-{n}"}) for n in range(TASKS)]
        self.file.write_text("\n".join(lines))

    @property
    def file(self) -> Path:
        return self.ledger.with_name("tasks.jsonl")

    def words(self, manner: str = "careful") -> list[str | Path]:
        return [SCRIPT, manner, self.ledger.parent.name, self.file]

    def live(self, *before: str, manner: str = "careful") -> bool:
        """Run until all is home, or until it is killed; say whether it is home."""
        code = self.run(self.words(manner), *before)
        assert code in (0, -signal.SIGKILL), self.said()[-3000:]
        return code == 0

    def check_halfway(self, point: object) -> None:
        """Look at a copy: opening the ledger itself would tidy up what the next start is to tidy up."""
        copy = self.ledger.parent / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for one in self.ledger.parent.glob("ledger.db*"):
            shutil.copy(one, copy)
        if (self.ledger.parent / "results").is_dir():
            shutil.copytree(self.ledger.parent / "results", copy / "results")
        ledger = copy / "ledger.db"
        if ledger.exists() and self.rows("select 1 from sqlite_master where name = 'task'", ledger):
            Kit().check(ledger)

    def check(self, point: object) -> None:
        """Each task was posted once, is collected, and its result is here once and whole."""
        assert self.counts() == [1] * TASKS, point
        assert self.states() == {"collected": TASKS}, point
        assert self.bodies() == dict.fromkeys(self.ids(), 1), point
        Kit().check(self.ledger)

    def ids(self) -> list[str]:
        return [str(task_id) for (task_id,) in self.rows("select id from task")]

    def bodies(self) -> Counter[str]:
        """Count the copies of each result, each of which must be whole and its own."""
        found: Counter[str] = Counter()
        for month in (self.ledger.parent / "results").glob("*.db"):
            with closing(sqlite3.connect(month)) as database:
                for task_id, body in database.execute("select task_id, gzip from bodies"):
                    (task,) = json.loads(gzip.decompress(body))["tasks"]
                    assert task["id"] == task_id
                    found[task_id] += 1
        return found
