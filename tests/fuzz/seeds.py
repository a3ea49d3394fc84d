"""What fuzzing begins with: answers of the simulated remote, good settings, good files. Knows no target's meaning."""

import base64
import gzip
import json
from typing import Any

from daemon.simulator.options import LOGIN, PASSWORD, Options, Turnaround
from daemon.simulator.records import Call
from daemon.simulator.world import World

START = 1_793_577_600_000
HOUR = 3_600_000
ORGANIC = "serp/google/organic"
KEYS = ("k1", "k2", "k3")
_AUTH = "Basic " + base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()


class Remote:
    """A simulated remote with a few finished tasks."""

    def __init__(self) -> None:
        self.now = START
        self.world = World(lambda: self.now, seed=1, options=Options(turnaround=Turnaround.around(1)))
        batch = [{"keyword": f"k{number}", "tag": f"t~readyd:{key}"} for number, key in enumerate(KEYS)]
        self.posting = json.dumps(self.world.post(ORGANIC, batch)).encode()
        self.world.post("on_page/lighthouse", [{"url": "https://example.com"}])
        self.now += HOUR

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        content = b"" if body is None else json.dumps(body).encode()
        reply = self.world.handle(Call(method, path, {"authorization": _AUTH}, content))
        reply.finish()
        return gzip.decompress(reply.body) if reply.body.startswith(b"\x1f\x8b") else reply.body


_REMOTE = Remote()
TASK_ID = json.loads(_REMOTE.posting)["tasks"][0]["id"]
_PAGE = [
    {"datetime_from": "2026-11-01 00:00:00 +00:00", "datetime_to": "2026-11-03 00:00:00 +00:00", "limit": 9}
]
_REFUSAL = json.dumps(
    {"status_code": 40100, "status_message": "You are not authorized.", "tasks": None}
).encode()

SETTINGS = b"""login = "me@example.com"
share = 0.5
lanes = 3
log_level = "debug"
[pace]
normal_s = 60
[alerts]
quiet_min = 3
[webhook]
listen = "127.0.0.1:8080"
allow = ["192.0.2.0/24"]
[[priority]]
tag = "urgent:*"
priority = 5
[[variant]]
function = "serp/*"
variant = "html"
[[target]]
name = "t"
kind = "http"
url = "https://example.com/in?key=1"
"""
_TASK = {"function": ORGANIC, "keyword": "shoes", "location_code": 2840, "language_code": "en", "tag": "a"}

SEEDS: dict[str, list[bytes]] = {
    "listing": [_REMOTE.ask("GET", path) for path in ("/v3/serp/tasks_ready", "/v3/on_page/tasks_ready")]
    + [_REFUSAL],
    "posted": [_REMOTE.ask("POST", "/v3/serp/id_list", _PAGE), _REFUSAL],
    "result": [
        _REMOTE.ask("GET", f"/v3/{ORGANIC}/task_get/regular/{TASK_ID}"),
        _REMOTE.ask("GET", f"/v3/{ORGANIC}/task_get/regular/no-such-task"),
    ],
    "posting": [_REMOTE.posting, _REFUSAL],
    "account": [_REMOTE.ask("GET", "/v3/appendix/user_data"), _REFUSAL],
    "headers": [
        b"120\nWed, 25 Nov 2026 20:00:00 GMT",
        b"Wed, 25 Nov 2026 20:05:00 GMT\nWed, 25 Nov 2026 20:00:00 GMT",
    ],
    "packed": [gzip.compress(b'{"tasks": []}', mtime=0), gzip.compress(bytes(100_000), mtime=0)],
    "settings": [SETTINGS],
    "tasks": [json.dumps(_TASK).encode() + b"\n" + json.dumps({**_TASK, "priority": 2}).encode() + b"\n"],
    "answers": [
        _REMOTE.posting,
        b"[" + _REMOTE.posting + b"]",
        json.dumps(json.loads(_REMOTE.posting), indent=1).encode(),
    ],
    "moments": [b"2026-11-25 20:00:00Z", b"2026-11-25T20:00:00+02:00", b"3d", b"1793577600000"],
}
