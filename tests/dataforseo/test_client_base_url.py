"""Where a client may be pointed, and what it never asks: nothing is asked here, and no credentials travel in clear."""

import asyncio

import httpx
import pytest

from daemon.dataforseo.client import Client
from daemon.dataforseo.errors import RequestRefused

LOGIN = "shop@example.org"
PASSWORD = "pa:ss wörd ✓"


@pytest.mark.parametrize(
    "base_url",
    [
        "http://api.example",
        "http://10.0.0.1:80",
        "http://127.0.0.1.evil.example",
        "ftp://127.0.0.1",
        "api.example",
        "",
        "https://",
        "https://x.example/?a=b",
        "http://[::2]:1",
    ],
)
def test_a_base_url_that_would_not_do_is_refused_in_one_sentence(base_url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        Client(base_url, LOGIN, PASSWORD)


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:8080", "http://localhost/", "http://[::1]:9", "https://api.example/"]
)
def test_a_base_url_that_will_do(base_url: str) -> None:
    assert base_url.rstrip("/") in repr(Client(base_url, LOGIN, PASSWORD))


def test_credentials_inside_the_base_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="credentials") as caught:
        Client("https://me:secret99@api.example", LOGIN, PASSWORD)
    assert "secret99" not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["https://evil.example/v3/x", "//evil.example/v3/x", "/v3/../x", "/v2/x", "/v3/x?y", ""]
)
def test_a_path_outside_the_api_is_never_asked_for(path: str) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        pytest.fail("the credentials left the house")

    transport = httpx.MockTransport(answer)
    client = Client("https://remote.example/", LOGIN, PASSWORD, transport=lambda: transport)
    with pytest.raises(RequestRefused, match="no path of the API"):
        asyncio.run(client.fetch(path, "x"))
