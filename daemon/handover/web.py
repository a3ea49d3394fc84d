"""An HTTP POST to an address of the user's, as the remote's own postback would be. Knows no file and no ledger."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx

from daemon.dataforseo.lanes import Lanes
from daemon.handover.door import HandoverError
from daemon.handover.parcel import Parcel, ParcelError
from daemon.handover.target import Form

CONNECT_S = 10
ANSWER_S = 30
"""A server that writes the result down first takes its time; the remote itself gives a postback ten seconds."""

ABOUT_THE_RESULT = frozenset({400, 409, 413, 414, 415, 422, 431})
"""What a server answers that has read the result and does not want it (RFC 9110); everything else is about us or it."""

_READ = 65_536
"""A longer answer is not read; closing the connection is cheaper."""


class WebDoor:
    """Posts to one URL; `$id` and `$tag` in it are filled in, as in a `postback_url`."""

    def __init__(
        self, url: str, *, loopback: bool, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Connect to nothing yet; a proxy of the environment is not asked for an address of this machine."""
        self._url = url
        self._lanes = Lanes(1, lambda: _client(loopback=loopback, transport=transport))

    async def put(self, parcel: Parcel) -> None:
        """Post one result; a 2xx answer means that it was taken; see `Door.put`."""
        try:
            async with asyncio.timeout(CONNECT_S + 2 * ANSWER_S), self._lanes.borrow() as client:
                await self._post(client, parcel)
        except ParcelError as error:
            raise HandoverError(str(error), about_result=True) from None
        except (httpx.TimeoutException, TimeoutError):
            raise HandoverError("it did not answer in time") from None
        except httpx.ConnectError:
            raise HandoverError("no connection to it can be made") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Not the error's own words: they may name the URL, and that may hold a token.
            raise HandoverError(f"the connection to it broke ({type(error).__name__})") from None

    async def aclose(self) -> None:
        """Close the connection."""
        await self._lanes.aclose()

    async def _post(self, client: httpx.AsyncClient, parcel: Parcel) -> None:
        url, content, headers = filled(self._url, parcel), _content(parcel), _headers(parcel)
        async with client.stream("POST", url, content=content, headers=headers) as response:
            _require_taken(response)
            if int(response.headers.get("content-length") or _READ + 1) <= _READ:
                await response.aread()  # so that the connection can be used again


def _client(*, loopback: bool, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        timeout=httpx.Timeout(connect=CONNECT_S, read=ANSWER_S, write=ANSWER_S, pool=None),
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        headers={"user-agent": "readyd"},
        follow_redirects=False,  # a POST that is sent elsewhere may become a GET without its body
        trust_env=not loopback,
        transport=transport,
    )


def filled(url: str, parcel: Parcel) -> str:
    """Fill in `$id` and `$tag`, both quoted, so that neither can change what the URL addresses."""
    tag = quote(parcel.tag or "", safe="", errors="replace")
    return url.replace("$id", quote(parcel.body.task_id, safe="", errors="replace")).replace("$tag", tag)


async def _content(parcel: Parcel) -> AsyncIterator[bytes]:
    for piece in parcel.pieces():
        yield piece


def _headers(parcel: Parcel) -> dict[str, str]:
    headers = {
        "content-type": "application/json",
        "content-length": str(parcel.size),
        # At least once: this is what a server can tell a repetition by.
        "idempotency-key": parcel.name.partition(".json")[0],
    }
    return headers | ({"content-encoding": "gzip"} if parcel.form is Form.GZIP else {})


def _require_taken(response: httpx.Response) -> None:
    if response.is_success:
        return
    problem = f"it answered {response.status_code}"
    if response.is_redirect:
        problem += ", a redirect, which is not followed; write the address where it leads"
    about_result = response.status_code in ABOUT_THE_RESULT
    raise HandoverError(problem, about_result=about_result, retry_after_ms=_retry_after_ms(response))


def _retry_after_ms(response: httpx.Response) -> int | None:
    text = response.headers.get("retry-after", "")
    return int(text) * 1000 if text.isascii() and text.isdigit() and len(text) < 6 else None
