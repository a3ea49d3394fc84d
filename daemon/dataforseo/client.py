"""The client: asks the remote, and gives back answers that came whole and are understood.

Knows no ledger, no budget and no retry. At most `lanes` calls are under way; none is ever cancelled from
outside: httpx's own timeouts end a phase, and a deadline that is looked at between chunks ends a slow drip.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import httpx

from daemon.dataforseo import failures, resending
from daemon.dataforseo.account import AccountFacts, read_account
from daemon.dataforseo.addresses import IN_CLEAR, holds_credentials, is_base_url, is_loopback, sends_in_clear
from daemon.dataforseo.catalogue import Listing, is_endpoint
from daemon.dataforseo.codes import Kind, kind_of
from daemon.dataforseo.errors import NotSent, RequestRefused, TooLarge, Unreachable
from daemon.dataforseo.failures import FailuresAnswer
from daemon.dataforseo.inflate import pack
from daemon.dataforseo.lanes import Lanes
from daemon.dataforseo.pages import PAGE_ROWS
from daemon.dataforseo.posted import PostedAnswer, page_request, read_posted_page
from daemon.dataforseo.posting import PostingAnswer, path_of, read_posting
from daemon.dataforseo.received import Received, clock_of, understood
from daemon.dataforseo.refusals import by_code
from daemon.dataforseo.resending import ResendAnswer
from daemon.dataforseo.wire import ListingAnswer, ResultAnswer, read_listing, read_result
from ledger.records import Webhook

USER_DATA = "/v3/appendix/user_data"
MIB = 1024 * 1024
KEEPALIVE_S = 60
"""How long an idle connection is kept: httpx's 5 s would shake hands anew after every lull."""


@dataclass(frozen=True, slots=True)
class Caps:
    """How long a call may take, in seconds, and how large its body may be, in bytes."""

    connect_s: float = 10
    read_s: float = 20  # silence between two chunks
    write_s: float = 10
    total_s: float = 60
    packed_bytes: int = 64 * MIB  # as it travels
    large_bytes: int = (
        4 * MIB
    )  # beyond this, bodies come in one after the other: thirty at once would fill memory
    inflated_bytes: int = 256 * MIB


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a GET by id brought: what it says, the whole body as gzip, and its size in bytes when inflated."""

    answer: ResultAnswer
    gzip: bytes
    size: int


class Client:
    """One account at one base URL. Calls may be made side by side; beyond `lanes`, they wait in line."""

    def __init__(
        self,
        base_url: str,
        login: str,
        password: str,
        *,
        lanes: int = 30,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
        caps: Caps | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        """Prepare; nothing is connected yet. `transport` builds a transport for each lane (tests, the demo).

        `monotonic` gives seconds for the total deadline; the running loop's own time when left out.

        Raises:
            ValueError: the base URL is none, holds credentials, or would send them in clear.
        """
        self._base_url = _checked(base_url)
        self._caps = caps or Caps()
        self._auth = httpx.BasicAuth(login, password)
        self._transport = transport
        self._monotonic = monotonic or _loop_time
        self._tls: ssl.SSLContext | None = None
        self._large = asyncio.Lock()  # held by the one large body that is coming in
        self._lanes = Lanes(lanes, self._build)

    @property
    def caps(self) -> Caps:
        """How long calls may take, and how large bodies may be."""
        return self._caps

    def __repr__(self) -> str:
        """Name the remote, and never the credentials."""
        return f"Client({self._base_url!r})"

    async def list_ready(self, listing: Listing) -> ListingAnswer:
        """Ask one list of tasks to be fetched: Tasks Ready, or tasks_fixed.

        Raises:
            RemoteError: no list came, so absence from it proves nothing; the class says what to do.
        """
        received = await self._get(listing.path)
        cap = self._caps.inflated_bytes
        answer, _ = understood(received, cap, lambda body: read_listing(body, listing))
        if kind_of(answer.code) not in (Kind.OK, Kind.EMPTY):
            raise by_code(answer.code, answer.message, received.headers, received.about)
        return answer

    async def fetch(self, path: str, task_id: str) -> Fetched:
        """GET one result. What the remote says of the task itself is in the answer, errors included.

        Raises:
            RemoteError: the answer is not about the task: none came, or throttled, account or path refused.
        """
        if not is_endpoint(path):
            raise RequestRefused(f"{path!r:.100} is no path of the API; task {task_id} was not asked for")
        received = await self._get(path)
        cap = self._caps.inflated_bytes
        answer, body = understood(received, cap, lambda found: read_result(found, task_id))
        if _is_about_the_call(answer):
            raise by_code(answer.code, answer.message, received.headers, received.about)
        return Fetched(answer, received.raw if received.is_gzip else pack(body), len(body))

    async def list_posted(
        self,
        api: str,
        since: int,
        until: int,
        *,
        offset: int = 0,
        limit: int = PAGE_ROWS,
        metadata: bool = False,
    ) -> PostedAnswer:
        """Ask for one page of what was posted to an API from `since` to `until` (ms UTC), from the row `offset` on.

        Free, 10 calls a minute, six months back; with `metadata` one month (docs id_list).

        Raises:
            RemoteError: no page came, so nothing is known; the class says what to do.
        """
        wanted = page_request(since, until, offset=offset, limit=limit, metadata=metadata)
        received = await self._ask("POST", f"/v3/{api}/id_list", wanted)
        answer, _ = understood(received, self._caps.inflated_bytes, lambda body: read_posted_page(body, api))
        if kind_of(answer.code) not in (Kind.OK, Kind.EMPTY):
            raise by_code(answer.code, answer.message, received.headers, received.about)
        return replace(answer, server_at=clock_of(received.headers))

    async def post(
        self, function: str, tasks: Sequence[Mapping[str, object]], keys: Sequence[str]
    ) -> PostingAnswer:
        """Post tasks, which costs money; their tags hold these keys. At most 100 (docs task_post).

        Raises:
            NotSent: nothing has left this machine.
            RemoteError: Throttled, AccountRefused and RequestRefused mean that the remote took none of them if they
                have a code; after anything else nobody knows.
        """
        path = path_of(function)
        if path is None:
            raise RequestRefused(f"there is no function {function!r:.80}; nothing was sent")
        received = await self._ask("POST", path, tasks)
        cap = self._caps.inflated_bytes
        answer, _ = understood(received, cap, lambda body: read_posting(body, keys))
        if not answer.words and kind_of(answer.code, posting=True) is not Kind.OK:
            raise by_code(answer.code, answer.message, received.headers, received.about)
        return answer

    async def errors(
        self,
        api: str,
        webhook: Webhook,
        since: int | None = None,
        *,
        offset: int = 0,
        limit: int = PAGE_ROWS,
    ) -> FailuresAnswer:
        """Ask for one page of an API's failed deliveries of one kind since an instant (ms UTC), from a row on.

        Free, 10 calls a minute, the last 7 days, or 24 hours by older pages (docs errors).

        Raises:
            RemoteError: no page came, so nothing is known; the class says what to do.
        """
        wanted = failures.failures_request(webhook, since, offset=offset, limit=limit)
        received = await self._ask("POST", f"/v3/{api}/errors", wanted)
        cap = self._caps.inflated_bytes
        answer, _ = understood(received, cap, lambda body: failures.read_failures(body, api))
        if kind_of(answer.code) not in (Kind.OK, Kind.EMPTY):
            raise by_code(answer.code, answer.message, received.headers, received.about)
        return answer

    async def resend(self, ids: Sequence[str]) -> ResendAnswer:
        """Ask that the webhooks of these tasks go out once more (free). At most 100 (docs webhook_resend).

        Raises:
            RemoteError: nothing is known of any of them; the class says what to do.
        """
        received = await self._ask("POST", resending.PATH, [{"id": one} for one in ids])
        cap = self._caps.inflated_bytes
        answer, _ = understood(received, cap, lambda body: resending.read_resend(body, ids))
        if not answer.words and kind_of(answer.code) is not Kind.OK:
            raise by_code(answer.code, answer.message, received.headers, received.about)
        return answer

    async def user_data(self) -> AccountFacts:
        """Ask for the account's limits and balance (free, 6 calls a minute).

        Raises:
            RemoteError: no facts came; the class says what to do.
        """
        received = await self._get(USER_DATA)
        answer, _ = understood(received, self._caps.inflated_bytes, read_account)
        if kind_of(answer.code) is not Kind.OK:
            raise by_code(answer.code, answer.message, received.headers, received.about)
        return answer.facts

    async def aclose(self) -> None:
        """Close every connection; a call still under way closes its own when it ends."""
        await self._lanes.aclose()

    def _build(self) -> httpx.AsyncClient:
        """Build one lane's client: one connection, kept for the next call."""
        caps = self._caps
        return httpx.AsyncClient(
            base_url=self._base_url,
            auth=self._auth,
            headers={"accept": "application/json", "accept-encoding": "gzip", "user-agent": "readyd"},
            timeout=httpx.Timeout(connect=caps.connect_s, read=caps.read_s, write=caps.write_s, pool=None),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEPALIVE_S),
            follow_redirects=False,
            transport=self._transport() if self._transport else None,
            verify=self._shared_tls(),
            trust_env=not is_loopback(self._base_url),
        )

    def _shared_tls(self) -> ssl.SSLContext:
        """Share one TLS context: each one costs 20 ms and a copy of every root certificate."""
        if self._tls is None:
            unused = self._transport is not None or self._base_url.startswith("http:")
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if unused else httpx.create_ssl_context()
        return self._tls

    async def _get(self, path: str) -> Received:
        return await self._ask("GET", path)

    async def _ask(self, method: str, path: str, wanted: object = None) -> Received:
        about = f"{method} {path}"
        try:
            async with self._lanes.borrow() as lane:
                until = self._monotonic() + self._caps.total_s
                async with lane.stream(method, path, json=wanted) as response:
                    raw = await self._body(response, until, about)
        except (httpx.HTTPError, OSError) as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            kind = NotSent if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) else Unreachable
            raise kind(f"{about} brought no whole answer ({what}); it is asked again later") from error
        return Received(about, response.status_code, response.headers, raw)

    async def _body(self, response: httpx.Response, until: float, about: str) -> bytes:
        """Take the body as it travels; the deadline and the cap are looked at with each chunk."""
        caps = self._caps
        cap = caps.packed_bytes if "content-encoding" in response.headers else caps.inflated_bytes
        chunks, size = list[bytes](), 0
        async with AsyncExitStack() as turn:
            async for chunk in response.aiter_raw():
                chunks.append(chunk)
                size += len(chunk)
                if size > cap:
                    raise TooLarge(
                        f"The body of {about} is larger than {cap:,} bytes; it was not read to its end"
                    )
                if self._monotonic() > until:
                    raise Unreachable(f"{about} took longer than {caps.total_s:g} s; it is asked again later")
                if size > caps.large_bytes >= size - len(chunk):
                    until += await self._wait_for_turn(turn)
        return b"".join(chunks)

    async def _wait_for_turn(self, turn: AsyncExitStack) -> float:
        """Wait until no other large body comes in; return how long that took, in seconds."""
        begun = self._monotonic()
        await turn.enter_async_context(self._large)
        return self._monotonic() - begun


def _is_about_the_call(answer: ResultAnswer) -> bool:
    """Say whether an answer concerns more than its task: throttling does, and a refusal in the envelope."""
    if answer.kind is Kind.THROTTLE:
        return True
    in_envelope = answer.code == answer.envelope_code
    return in_envelope and answer.kind in (Kind.ACCOUNT, Kind.REQUEST)


def _checked(base_url: str) -> str:
    """Take a base URL that keeps the credentials to ourselves and the remote.

    Raises:
        ValueError: one sentence that says what is wrong and what is allowed.
    """
    if holds_credentials(base_url):
        raise ValueError("base_url holds credentials; give login and password on their own")
    if not is_base_url(base_url):
        raise ValueError(f"base_url is {base_url!r}; it must look like https://api.dataforseo.com")
    if sends_in_clear(base_url):
        raise ValueError(f"base_url is {base_url!r}: {IN_CLEAR}")
    return base_url.rstrip("/")


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
