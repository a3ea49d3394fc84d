"""Status codes: what each asks of a collector."""

import pytest

from daemon.dataforseo.codes import MEANING, Kind, fact_of, kind_of


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (Kind.OK, [20000]),
        (Kind.EMPTY, [40102]),
        (Kind.PARTIAL, [40106]),
        (Kind.PENDING, [20100, 40601, 40602]),
        (Kind.DEAD, [40101, 40103, 40404, 40405, 40408, 50402]),
        (Kind.EXPIRED, [40403]),
        (Kind.NOT_FOUND, [40401]),
        (Kind.ACCOUNT, [40001, 40100, 40104, 40200, 40201, 40203, 40204, 40207, 40210]),
        (Kind.THROTTLE, [40202, 40209]),
        (Kind.RETRY, [50000, 50001, 50301, 50302, 50303, 50304, 50401]),
        (
            Kind.REQUEST,
            [
                *(40000, 40002, 40003, 40004, 40005, 40006, 40205, 40206, 40400, 40402, 40406, 40407),
                *(40501, 40502, 40503, 40504, 40505, 40506, 50100),
            ],
        ),
    ],
)
def test_every_documented_code_asks_for_one_thing(kind: Kind, codes: list[int]) -> None:
    assert [code for code, fact in sorted(MEANING.items()) if fact.kind is kind] == codes


def test_created_is_a_success_of_a_post_and_not_yet_on_a_get() -> None:
    assert kind_of(20100) is Kind.PENDING
    assert kind_of(20100, posting=True) is Kind.OK
    assert kind_of(40501, posting=True) is Kind.REQUEST


@pytest.mark.parametrize("code", [None, 0, 20001, 40999, 45000, 50999, 60001, 99999, -1])
def test_a_code_nobody_documents_is_unknown_whatever_its_range(code: int | None) -> None:
    assert kind_of(code) is Kind.UNKNOWN
    assert fact_of(code).advice.endswith(".")


def test_the_advice_for_an_unknown_code_shows_the_code() -> None:
    assert "40999" in fact_of(40999).advice


def test_every_code_has_a_message_and_advice_in_sentences() -> None:
    for fact in MEANING.values():
        assert fact.message.endswith(".")
        assert fact.advice.endswith(".")
        assert fact.advice[0].isupper()
