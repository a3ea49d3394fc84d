"""What user_data says of the account."""

from typing import Any

import pytest

from daemon.dataforseo.account import AccountFacts, read_account
from daemon.dataforseo.errors import Garbled


def read(remote: Any, facts: Any) -> AccountFacts:
    return read_account(remote.listing([facts], "/v3/appendix/user_data")).facts


def test_the_limits_and_the_balance_are_read(remote: Any) -> None:
    assert read(remote, remote.account()) == AccountFacts("shop@example.org", 10_000, 20, 61.25)


@pytest.mark.parametrize(
    ("balance", "taken"),
    [
        ("12.5", 12.5),
        (0, 0.0),
        (-3, -3.0),
        ("much", None),
        (True, None),
        ({}, None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_a_balance_may_be_a_number_or_a_text(remote: Any, balance: Any, taken: float | None) -> None:
    assert read(remote, remote.account() | {"money": {"balance": balance}}).balance == taken


@pytest.mark.parametrize("total", [0, -5, None, "lots", [], 10**30])
def test_a_limit_that_is_none_is_not_known(remote: Any, total: Any) -> None:
    account = remote.account()
    account["rates"]["limits"]["minute"]["total"] = total
    assert read(remote, account).general_limit is None


def test_without_a_limit_for_serp_lists_the_strictest_other_one_is_taken(remote: Any) -> None:
    account = remote.account()
    del account["rates"]["limits"]["minute"]["serp"]
    assert read(remote, account).tasks_ready_limit == 12


@pytest.mark.parametrize("rates", [None, [], {}, {"limits": None}, {"limits": {"minute": 7}}])
def test_missing_limits_are_not_known(remote: Any, rates: Any) -> None:
    facts = read(remote, remote.account() | {"rates": rates})
    assert (facts.general_limit, facts.tasks_ready_limit) == (None, None)
    assert facts.balance == 61.25


def test_a_refusal_has_its_code_and_no_facts(remote: Any) -> None:
    answer = read_account(remote.refusal(40100, "No entry."))
    assert (answer.code, answer.message) == (40100, "No entry.")
    assert answer.facts == AccountFacts(None, None, None, None)


def test_an_answer_about_something_else_is_refused(remote: Any) -> None:
    for body in (remote.listing([{"code": 20000}]), remote.listing(None), b"{}", b"[]"):
        with pytest.raises(Garbled):
            read_account(body)
