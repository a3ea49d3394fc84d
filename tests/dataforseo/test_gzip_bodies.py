"""Bodies as they travel: whole or refused, and never larger than allowed."""

import gzip
import random
import tracemalloc
import zlib

import pytest

from daemon.dataforseo.errors import TooLarge, Unreachable
from daemon.dataforseo.inflate import HELD, STEP, inflate, pack

CAP = 64 * 1024 * 1024
BODY = random.Random(1).randbytes(300_000) + b"calm " * 200_000


def bomb(size: int) -> bytes:
    """So many zero bytes, packed a thousandfold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    return b"".join([packer.compress(block) for _ in range(size >> 20)] + [packer.flush()])


@pytest.mark.parametrize("size", [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP, len(BODY)])
def test_a_whole_body_comes_out_as_it_went_in(size: int) -> None:
    assert inflate(gzip.compress(BODY[:size]), CAP, "GET /v3/x") == BODY[:size]


def test_a_body_larger_than_what_is_held_comes_out_whole() -> None:
    body = BODY * (HELD // len(BODY) + 2)
    assert inflate(gzip.compress(body, 1), CAP, "GET /v3/x") == body


def test_a_body_cut_short_anywhere_is_refused() -> None:
    packed = gzip.compress(b'{"status_code": 20000, "tasks": []}' * 40)
    for end in range(len(packed)):
        with pytest.raises(Unreachable, match="did not arrive whole"):
            inflate(packed[:end], CAP, "GET /v3/x")


def test_a_large_body_cut_short_is_refused() -> None:
    packed = gzip.compress(BODY)
    for end in (len(packed) - 1, len(packed) - 8, len(packed) // 2, 20_000):
        with pytest.raises(Unreachable):
            inflate(packed[:end], CAP, "GET /v3/x")


@pytest.mark.parametrize("rest", [b"x", b"\x00", gzip.compress(b"more", mtime=0), b"y" * 100_000])
def test_bytes_after_the_end_are_refused(rest: bytes) -> None:
    for body in (b"short", BODY):
        with pytest.raises(Unreachable, match="follow"):
            inflate(gzip.compress(body) + rest, CAP, "GET /v3/x")


def test_bytes_after_an_end_anywhere_in_the_input_are_refused() -> None:
    for size in range(16_000, 16_500):  # the packed body ends before, at and after a piece of input
        packed = gzip.compress(BODY[:size], 0)
        assert inflate(packed, CAP, "GET /v3/x") == BODY[:size]
        with pytest.raises(Unreachable, match="follow"):
            inflate(packed + b"x", CAP, "GET /v3/x")


@pytest.mark.parametrize("from_the_end", [1, 4, 5, 8])
def test_a_wrong_checksum_or_length_is_refused(from_the_end: int) -> None:
    packed = bytearray(gzip.compress(BODY))
    packed[-from_the_end] ^= 0x40
    with pytest.raises(Unreachable, match="did not arrive whole"):
        inflate(bytes(packed), CAP, "GET /v3/x")


@pytest.mark.parametrize("body", [b"{}", b"<html>", b"\x1f\x8b", zlib.compress(b"deflate")])
def test_what_is_no_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(Unreachable):
        inflate(body, CAP, "GET /v3/x")


def test_the_cap_is_exact() -> None:
    packed = gzip.compress(b"x" * 100_000)
    assert len(inflate(packed, 100_000, "GET /v3/x")) == 100_000
    with pytest.raises(TooLarge, match="99,999"):
        inflate(packed, 99_999, "GET /v3/x")


def test_a_bomb_is_refused_with_little_memory() -> None:
    packed = bomb(256 << 20)
    assert len(packed) * 100 < 256 << 20
    tracemalloc.start()
    with pytest.raises(TooLarge):
        inflate(packed, 200 << 20, "GET /v3/x")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * HELD


def test_packing_the_same_body_gives_the_same_bytes() -> None:
    assert pack(BODY) == pack(BODY)
    assert pack(BODY)[4:8] == bytes(4)  # the time in a gzip header
    assert inflate(pack(BODY), CAP, "GET /v3/x") == BODY
