"""Ten thousand requests of every kind of wrong, with a seed: no traceback, and nothing written for what was refused."""

import gzip
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from daemon import virtual

START = 1_793_577_600_000
REQUESTS = 10_000
KNOWN = 40

Build = Callable[..., Any]

DEEP = (b"[" * 200_000, b'{"tasks":' * 50_000, b'{"tasks":[{"id":"ID","result":' + b"[" * 100_000)
ODD = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"<html>",
    b'{"tasks":null}',
    b'{"tasks":[null]}',
    b'{"tasks":{}}',
    b"\xff\xfe",
)


@dataclass
class Try:
    """One request, and whether it is one that must be answered 200."""

    method: str
    url: str
    body: bytes
    headers: dict[str, str]
    honest: bool = False


class Maker:
    """Makes requests: most of them wrong in one way, some in several, a few right."""

    def __init__(self, here: Any, wire: Any, ids: list[str], seed: int) -> None:
        self.dice = random.Random(seed)
        self.here = here
        self.wire = wire
        self.ids = ids
        self.secret = here.secret

    def make(self) -> Try:
        dice = self.dice
        honest = dice.random() < 0.02
        one = dice.choice(self.ids) if honest or dice.random() < 0.5 else self.an_id()
        secret = self.secret if honest or dice.random() < 0.7 else self.a_secret()
        verb, method = ("post", "POST") if honest or dice.random() < 0.7 else ("ping", "GET")
        url = f"/hook/{secret}/{verb}?id={one}&tag={self.junk(12)}"
        if not honest:
            url = self.bent(url) if dice.random() < 0.2 else url
            method = dice.choice(["GET", "POST", "HEAD", "PUT", "BREW"]) if dice.random() < 0.1 else method
        body = self.wire.packed(self.wire.envelope(one)) if honest else self.a_body(one)
        return Try(method, url, body, self.some_headers(), honest)

    def an_id(self) -> str:
        return self.dice.choice(
            ["foreign", "", "%00", "a" * 5_000, "..%2f..", "%F0%9F%98%80", "' or 1=1", "%zz", self.junk(36)]
        )

    def a_secret(self) -> str:
        secret, place = self.secret, self.dice.randrange(43)
        near = secret[:place] + self.dice.choice("abcXYZ012-_") + secret[place + 1 :]
        return self.dice.choice(
            [near if near != secret else "x", secret[:place], secret * 2, "%2e%2e", self.junk(43)]
        )

    def junk(self, most: int) -> str:
        return "".join(self.dice.choice("abz019-_~%25&=+;:@!") for _ in range(self.dice.randrange(most)))

    def bent(self, url: str) -> str:
        dice, place = self.dice, self.dice.randrange(1, len(url))
        return dice.choice(
            [
                url[:place],
                url[:place] + "/" + url[place:],
                "/" + url,
                url + url,
                url.upper(),
                f"/x{url}",
                "/",
                "/%",
            ]
        )

    def a_body(self, one: str) -> bytes:
        dice = self.dice
        good = json.dumps(self.wire.envelope(one if dice.random() < 0.3 else "another")).encode()
        kind = dice.randrange(9)
        if kind == 0:
            return dice.randbytes(dice.randrange(400))
        if kind == 1:
            return b"\x1f\x8b" + dice.randbytes(dice.randrange(200))
        if kind == 2:
            return gzip.compress(good)[: dice.randrange(60)]
        if kind == 3:
            return self.flipped(gzip.compress(good))
        if kind == 4:
            return gzip.compress(good) + dice.randbytes(1 + dice.randrange(9))
        if kind == 5:
            return dice.choice([bytes, gzip.compress])(dice.choice(DEEP) if dice.random() < 0.1 else b"[[[")
        if kind == 6:
            return dice.choice(ODD)
        codes = [40602, 40401, 40403, 20100, 47000, -1, None, "20000", 1e400, 2**70, [20000]]
        odd = self.wire.envelope(one, code=dice.choice(codes), result=dice.choice([None, [], [None], {}, 1]))
        return dice.choice([json.dumps(odd).encode(), gzip.compress(json.dumps(odd).encode())])

    def flipped(self, body: bytes) -> bytes:
        place = self.dice.randrange(10, len(body))
        return body[:place] + bytes([body[place] ^ (1 << self.dice.randrange(8))]) + body[place + 1 :]

    def some_headers(self) -> dict[str, str]:
        offers = {
            "content-encoding": ["gzip", "br", "identity", "gzip, gzip", "\x7f"],
            "x-forwarded-for": ["1.2.3.4", "::1, nonsense", ","],
            "content-type": ["application/json", "multipart/form-data"],
            "expect": ["100-continue"],
        }
        return {name: self.dice.choice(of) for name, of in offers.items() if self.dice.random() < 0.2}


@pytest.mark.parametrize("seed", [1, 2])
def test_ten_thousand_requests_write_nothing_for_what_was_refused(stage: Build, wire: Any, seed: int) -> None:
    here = stage()
    ids = here.post(KNOWN)
    maker = Maker(here, wire, ids, seed)
    statuses: Counter[int] = Counter()
    changing: list[bool] = []

    async def main() -> None:
        async with here.client() as client:
            for number in range(REQUESTS // 2):
                one = maker.make()
                before = here.changes()
                try:
                    answer = await client.request(one.method, one.url, content=one.body, headers=one.headers)
                except httpx.InvalidURL:
                    continue
                statuses[answer.status_code] += 1
                written = here.changes() - before
                changing.append(written > 0)
                assert answer.status_code == 200 or not written, (seed, number, one)
                assert answer.status_code == 200 or not one.honest, (seed, number, one)

    virtual.run(main, start=START)  # so that nobody waits for company
    assert set(statuses) <= {200, 400, 404}, statuses
    assert min(statuses[code] for code in (200, 400, 404)) > REQUESTS // 200
    assert sum(here.counts().values()) == sum(statuses.values())
    assert 0 < here.counts()["accepted"] == sum(changing), "what was not accepted changed nothing"
    log = here.log.getvalue()
    assert "Traceback" not in log
    assert "bug" not in log
    assert here.secret not in log
    assert here.stored() <= KNOWN
