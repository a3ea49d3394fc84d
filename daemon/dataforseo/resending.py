"""The answer of webhook_resend: what the remote says of each task whose webhook is to go out again. Decides nothing.

Read with care: `result` is always null (docs), so the codes are all there is; whether each task has an entry of its own
is not documented, and entries may echo the task in their data or have its id themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon.dataforseo import shapes
from daemon.dataforseo.codes import OK, Kind, kind_of
from daemon.dataforseo.errors import Garbled
from daemon.dataforseo.shapes import Element
from daemon.dataforseo.wire import few

MOST_RESENDS = 100
"""docs webhook_resend: the most tasks of one call."""

PATH = "/v3/appendix/webhook_resend"

OTHER_ACCOUNT = 40001
"""An id of another account: about this one task, unlike the other words about accounts."""


@dataclass(frozen=True, slots=True)
class ResendWord:
    """What the remote says of one task; 20000 means that its webhook goes out again."""

    code: int | None
    message: str | None

    @property
    def accepted(self) -> bool:
        """Say whether the webhook goes out again."""
        return self.code == OK


@dataclass(frozen=True, slots=True)
class ResendAnswer:
    """What a call says of its tasks, by id; of a task without a word nobody knows."""

    code: int | None
    message: str | None
    words: Mapping[str, ResendWord]
    problems: tuple[str, ...]


def read_resend(body: bytes, ids: Sequence[str]) -> ResendAnswer:
    """Read the answer to a call that named these tasks, in this order.

    Raises:
        Garbled: this is no answer of webhook_resend.
    """
    about = f"The answer of {PATH}"
    call = shapes.read_call(body, about)
    if not call.elements and call.code in (None, OK):
        raise Garbled(f"{about} says nothing of any task", call.code)
    for element in call.elements:
        if element.segments and element.segments[-1] != "webhook_resend":
            raise Garbled(f"{about} answers another call, {'/'.join(element.segments)[:120]!r}")
    for element in call.elements:
        if _is_about_the_call(element.code):
            return ResendAnswer(element.code, element.message, {}, ())
    problems: list[str] = []
    matched = _matched(call.elements, ids, problems)
    words = {task_id: ResendWord(one.code, one.message) for task_id, one in matched}
    return ResendAnswer(call.code, call.message, words, few(problems))


def _is_about_the_call(code: int | None) -> bool:
    kind = kind_of(code)
    return kind is Kind.THROTTLE or (kind is Kind.ACCOUNT and code != OTHER_ACCOUNT)


def _matched(
    elements: Sequence[Element], ids: Sequence[str], problems: list[str]
) -> list[tuple[str, Element]]:
    """Tell whose entry each is: by the id that it names, else by its place, else one stands for all."""
    asked, found, nameless = set(ids), dict[str, Element](), list[tuple[int, Element]]()
    for place, element in enumerate(elements):
        named = _named(element, asked)
        if named is None:
            nameless.append((place, element))
        else:
            found.setdefault(named, element)
    if len(elements) == len(ids):
        for place, element in nameless:
            found.setdefault(ids[place], element)
    elif nameless and len(elements) == 1:
        return [(one, nameless[0][1]) for one in ids]
    elif nameless:
        problems.append(f"{len(ids)} tasks were named and {len(elements)} entries came; places prove nothing")
    return list(found.items())


def _named(element: Element, asked: set[str]) -> str | None:
    data = shapes.value(element.data)
    echoed = data.get("id") if isinstance(data, dict) else None
    return next(
        (one for one in (echoed, shapes.text(element.id)) if isinstance(one, str) and one in asked), None
    )
