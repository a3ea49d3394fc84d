"""Who is let in, and what each request is answered: secrets, sources, ids, bodies, replays."""

import asyncio
import gzip
import hmac
import json
import os
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from daemon.web import secrets
from ledger.records import State
from ledger.times import wall_clock_ms

Build = Callable[..., Any]


def told(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    body = b"Not Found\n" if answer.request.method == "HEAD" else answer.content  # HTTP: no body there
    return answer.status_code, sorted(answer.headers.multi_items()), body


def test_a_postback_is_durable_when_it_is_answered_and_kept_as_it_came(stage: Build, wire: Any) -> None:
    here = stage()
    (one,) = here.post(1, postback_url="x", postback_data="html")
    body = gzip.compress(json.dumps(wire.envelope(one), indent=3).encode(), 9, mtime=77)

    async def main() -> None:
        async with here.client() as client:
            answer = await client.post(here.url("post", one), content=body)
            assert (answer.status_code, answer.headers["connection"]) == (200, "close")
            assert here.body(one) == body, "durable by now, read through another connection"
            assert here.tasks()[one].state is State.COLLECTED

    asyncio.run(main())
    assert here.counts() == {"accepted": 1}


def test_wrong_path_secret_source_and_method_get_the_same_answer_and_no_look_at_the_ledger(
    stage: Build, wire: Any
) -> None:
    here = stage(allow=("dataforseo",))
    (one,) = here.post(1)
    here.ledger.close()  # whoever looks into it now fails

    body = wire.packed(wire.envelope(one))
    ping, post = here.url("ping", one), here.url("post", one)
    paths = ["/", "/hook", "/hook/", f"/hook/{here.secret}", f"/hook/{here.secret}/", "/docs", f"/{ping}"]
    paths += [ping.replace("/ping", "/ping/"), post.replace("/post", "/ping/post")]
    wrong = ["x" * 43, here.secret[:-1], here.secret + "a", here.secret.swapcase(), "%FF%00"]
    asked = [("GET", path) for path in paths]
    asked += [("GET", here.url("ping", one, secret)) for secret in wrong]
    asked += [("POST", here.url("post", one, secret)) for secret in wrong]
    asked += [(method, ping) for method in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS")]
    asked += [(method, post) for method in ("GET", "HEAD", "PATCH")]

    async def main() -> list[httpx.Response]:
        async with here.client("144.76.154.130") as friend, here.client("203.0.113.9") as stranger:
            strange = [await stranger.post(post, content=body), await stranger.get(ping)]
            return strange + [await friend.request(*one, content=body) for one in asked]

    answers = asyncio.run(main())
    assert len({str(told(one)) for one in answers}) == 1
    assert answers[0].status_code == 404
    assert here.counts() == {"refused": len(answers)}


def test_the_right_source_is_let_in_and_only_the_proxy_is_believed(stage: Build) -> None:
    here = stage(allow=("dataforseo", "2001:db8::/32"), proxy=("10.0.0.1",))
    (one,) = here.post(1)

    async def status(peer: str, *forwarded: str) -> int:
        async with here.client(peer) as client:
            headers = [("x-forwarded-for", value) for value in forwarded]
            return (await client.get(here.url("ping", one), headers=headers)).status_code

    async def main() -> None:
        assert await status("94.130.93.29") == 200
        assert await status("::ffff:94.130.93.29") == 200
        assert await status("2001:db8::7") == 200
        assert await status("94.130.93.30") == 404
        assert await status("203.0.113.9", "94.130.93.29") == 404, "anybody can write that"
        assert await status("10.0.0.1", "94.130.93.29") == 200
        assert await status("10.0.0.1", "94.130.93.29", "203.0.113.9") == 404, "the proxy wrote the last one"
        assert await status("10.0.0.1", "94.130.93.29, 203.0.113.9") == 404
        assert await status("10.0.0.1", "203.0.113.9, 94.130.93.29") == 200
        assert await status("10.0.0.1", "nonsense") == 404
        assert await status("10.0.0.1") == 404
        assert await status("unix") == 404

    asyncio.run(main())


def test_two_secrets_are_valid_during_rotation_and_the_third_ends_the_first(stage: Build) -> None:
    here = stage()
    (one,) = here.post(1)
    keys = here.front.door.keys

    async def status(secret: str) -> int:
        keys._look_again_at = 0  # five seconds have passed
        async with here.client() as client:
            return (await client.get(here.url("ping", one, secret))).status_code

    async def main() -> None:
        first = here.secret
        second = secrets.replace(here.file)[0]
        assert [await status(first), await status(second)] == [200, 200]
        third = secrets.replace(here.file)[0]
        assert [await status(first), await status(second), await status(third)] == [404, 200, 200]
        here.file.write_text("not a secret\n")
        assert [await status(second), await status(third)] == [200, 200], "those read before stay valid"
        assert "those read before stay valid" in here.log.getvalue()
        assert not [one for one in (first, second, third) if one in here.log.getvalue()]

    asyncio.run(main())
    assert os.stat(here.file).st_mode & 0o777 == 0o600


def test_every_secret_is_compared_whatever_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same work for a wrong secret, for the first and for the second one."""
    valid, seen = ("a" * 43, "b" * 43), list[tuple[bytes, bytes]]()
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda *pair: (seen.append(pair), compare(*pair))[1])
    for given, right in (
        ("a" * 43, True),
        ("b" * 43, True),
        ("c" * 43, False),
        ("", False),
        ("\ud800", False),
    ):
        seen.clear()
        assert secrets.matches(given, valid) is right
        assert [one for _, one in seen] == [b"a" * 43, b"b" * 43]


def test_an_unknown_id_is_counted_and_dropped(stage: Build, wire: Any) -> None:
    here = stage()
    before = here.changes()

    async def main() -> None:
        async with here.client() as client:
            body = wire.packed(wire.envelope("foreign"))
            assert (await client.post(here.url("post", "foreign"), content=body)).status_code == 200
            assert (await client.get(here.url("ping", "foreign"))).status_code == 200

    asyncio.run(main())
    assert (here.counts(), here.changes(), here.stored()) == ({"unknown": 2}, before, 0)


@pytest.mark.parametrize("query", ["", "?id=", "?id=%00", "?id=%20a", "?id=" + "a" * 200, "?tag=x"])
def test_a_url_without_an_id_is_a_mistake_of_the_poster_and_said(stage: Build, query: str) -> None:
    here = stage()

    async def main() -> httpx.Response:
        async with here.client() as client:
            return await client.get(f"/hook/{here.secret}/ping{query}")

    answer = asyncio.run(main())
    assert (answer.status_code, "webhook-url" in answer.text) == (400, True)
    assert here.counts() == {"unusable": 1}


def test_a_body_about_another_task_is_refused_and_changes_nothing(stage: Build, wire: Any) -> None:
    here = stage()
    mine, other = here.post(2)
    before = here.changes()

    async def main() -> httpx.Response:
        async with here.client() as client:
            return await client.post(here.url("post", mine), content=wire.packed(wire.envelope(other)))

    answer = asyncio.run(main())
    assert answer.status_code == 400
    assert mine in answer.text
    assert (here.changes(), here.stored()) == (before, 0)


def test_requests_at_once_share_their_commits_and_the_first_of_two_wins(stage: Build, wire: Any) -> None:
    here = stage()
    ids = here.post(25, postback_url="x")
    second = wire.packed(wire.envelope(ids[0], result=[{"late": True}]))

    async def main() -> None:
        async with here.client() as client:
            calls = [
                client.post(here.url("post", one), content=wire.packed(wire.envelope(one))) for one in ids
            ]
            calls.append(client.post(here.url("post", ids[0]), content=second))
            calls.append(client.get(here.url("ping", ids[1])))
            answers = await asyncio.gather(*calls)
        assert {one.status_code for one in answers} == {200}

    asyncio.run(main())
    assert here.counts() == {"accepted": 25, "replayed": 2}
    assert b"late" not in gzip.decompress(here.body(ids[0]))
    assert here.stored() == 25


def test_a_task_without_a_webhook_of_its_own_takes_one_all_the_same(stage: Build, wire: Any) -> None:
    """Recorded by somebody who left the URL out of the answer: the remote knows better."""
    here = stage()
    ids = here.post(2)

    async def main() -> None:
        async with here.client() as client:
            await client.get(here.url("ping", ids[0]))
            body = json.dumps(wire.envelope(ids[1])).encode()  # not packed
            await client.post(here.url("post", ids[1]), content=body)

    asyncio.run(main())
    assert [here.tasks()[one].state for one in ids] == [State.READY, State.COLLECTED]
    assert json.loads(gzip.decompress(here.body(ids[1]))) == wire.envelope(ids[1])


def test_an_earlier_result_sent_again_after_a_re_parse_is_not_taken_for_the_new_one(
    stage: Build, wire: Any
) -> None:
    here = stage()
    (one,) = here.post(1, postback_url="x")
    body = wire.packed(wire.envelope(one))

    async def main() -> None:
        async with here.client() as client:
            assert (await client.post(here.url("post", one), content=body)).status_code == 200
            assert here.ledger.record_fixed([one], wall_clock_ms()) == (one,)
            assert (await client.post(here.url("post", one), content=body)).status_code == 200

    asyncio.run(main())
    assert here.tasks()[one].state is State.READY, "a GET will bring the new one"
    assert (here.counts(), here.stored()) == ({"accepted": 1, "replayed": 1}, 1)
