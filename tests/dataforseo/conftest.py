"""Answers of the remote, made up here: values of our own, in the documented shapes. Knows no code under test."""

import json
from typing import Any

import pytest

CALL_ID = "11230901-9999-0087-0000-0ca110ca110c"
"""The outer id of an answer: the id of that call, formatted like a task id."""

POSTED = "2026-11-23 09:15:00 +00:00"
POSTED_AT = 1_795_425_300_000

VARIANT_KEYS = {
    "A": ("regular", "advanced", "html"),
    "B": ("advanced", "html"),
    "C": ("advanced", "html"),
    "G": ("json",),
}


class Remote:
    """Builds answers as the remote would send them."""

    posted = POSTED
    posted_at = POSTED_AT
    call_id = CALL_ID

    def task_id(self, number: int) -> str:
        return f"11230915-9999-0066-0000-{number:012x}"

    def row(self, shape: str, function: str, number: int, **changes: Any) -> dict[str, Any]:
        """One listed row with exactly the keys of its shape; `changes` override or add."""
        task_id = self.task_id(number)
        _, *rest = function.split("/")
        row: dict[str, Any] = {"id": task_id}
        if shape == "F":
            row |= {"target": "shop.example", "date_posted": POSTED, "tag": ""}
        elif shape == "G":
            row |= {"tag": f"tag:{number}"}
        else:
            row |= {"se": rest[0], "date_posted": POSTED, "tag": f"tag:{number}"}
            row |= {"function" if shape == "B" else "se_type": rest[-1]}
        if shape == "E":
            row["function"] = rest[-1]
        for variant in VARIANT_KEYS.get(shape, ()):
            row[f"endpoint_{variant}"] = f"/v3/{function}/task_get/{variant}/{task_id}"
        if shape in "DE":
            row["endpoint"] = f"/v3/{function}/task_get/{task_id}"
        return row | changes

    def element(self, result: Any, **changes: Any) -> dict[str, Any]:
        return {
            "id": CALL_ID,
            "status_code": 20000,
            "status_message": "Ok.",
            "time": "0.0312 sec.",
            "cost": 0,
            "result_count": len(result) if isinstance(result, list) else 0,
            "path": [],
            "data": {},
            "result": result,
        } | changes

    def envelope(self, tasks: Any, **changes: Any) -> dict[str, Any]:
        return {
            "version": "0.1.20261101",
            "status_code": 20000,
            "status_message": "Ok.",
            "time": "0.0581 sec.",
            "cost": 0,
            "tasks_count": len(tasks) if isinstance(tasks, list) else 0,
            "tasks_error": 0,
            "tasks": tasks,
        } | changes

    def text(self, answer: Any) -> bytes:
        return json.dumps(answer).encode()

    def listing(self, rows: Any, path: str = "/v3/serp/tasks_ready", **changes: Any) -> bytes:
        """The answer of a list; `changes` are of its one element."""
        element = self.element(rows, path=path.strip("/").split("/"), **changes)
        return self.text(self.envelope([element]))

    def result(
        self, number: int, result: Any, *, function: str = "serp/google/organic", **changes: Any
    ) -> bytes:
        """The answer of a GET by id; `changes` are of its one element."""
        task_id = self.task_id(number)
        path = ["v3", *function.split("/"), "task_get", "advanced", task_id]
        element = self.element(result, id=task_id, path=path, data={"keyword": "blue shoes", "priority": "2"})
        return self.text(self.envelope([element | changes], tasks_error=1))

    def error(self, number: int, code: int, **changes: Any) -> bytes:
        """The answer of a GET by id about a task with an error code."""
        return self.result(number, None, status_code=code, status_message=f"Message of {code}.", **changes)

    def refusal(self, code: int, message: str = "No.") -> bytes:
        """An envelope that is itself the error."""
        return self.text(self.envelope(None, status_code=code, status_message=message))

    def account(self) -> dict[str, Any]:
        minute = {
            "serp": {"task_post": 10000, "tasks_ready": 20},
            "on_page": {"tasks_ready": 12, "lighthouse": {"tasks_ready": 15}},
            "total": 10000,
        }
        return {
            "login": "shop@example.org",
            "timezone": "UTC",
            "rates": {"limits": {"day": {"total": 0, "serp": {"tasks_ready": 0}}, "minute": minute}},
            "money": {"total": 100, "balance": 61.25, "limits": {"day": {}}},
        }

    def serp(self, words: int = 3) -> list[dict[str, Any]]:
        """A small search result."""
        items = [
            {"type": "organic", "rank_group": n, "url": f"https://shop.example/{n}"} for n in range(words)
        ]
        return [{"keyword": "blue shoes", "se_domain": "google.com", "items_count": words, "items": items}]


@pytest.fixture(scope="session")
def remote() -> Remote:
    return Remote()
