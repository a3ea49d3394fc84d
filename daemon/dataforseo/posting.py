"""The answer of task_post: what the remote says of each task that was sent. Decides nothing about them.

Read with care: a task is billed although its neighbour was refused; entries come in the order of sending, but nobody
promises it, so the echoed tag is believed first; one entry with an error may stand for the whole call.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from daemon.dataforseo import shapes
from daemon.dataforseo.catalogue import FUNCTIONS, Function, is_task_id
from daemon.dataforseo.codes import CREATED, OK, Kind, kind_of
from daemon.dataforseo.errors import Garbled
from daemon.dataforseo.shapes import Call, Element
from daemon.dataforseo.wire import few
from ledger.keys import MOST_TAG, split_tag

MOST_TASKS = 100
"""docs task_post: the most tasks of one call (40006 beyond)."""

MOST_COST = 1_000_000.0
"""US dollars: what claims to have cost more than an account ever held says nothing, and would spoil every sum."""


@dataclass(frozen=True, slots=True)
class Word:
    """What the remote says of one task. `documented`: the code is one that refuses a task for what it is."""

    task_id: str | None
    code: int | None
    message: str | None
    cost: float | None  # USD
    documented: bool = False


@dataclass(frozen=True, slots=True)
class PostingAnswer:
    """What a call says of its tasks, by key. `code` is the call's own; a task without a word is not in doubt alone."""

    code: int | None
    message: str | None
    words: Mapping[str, Word]
    problems: tuple[str, ...]


def read_posting(body: bytes, keys: Sequence[str]) -> PostingAnswer:
    """Read the answer to a call that sent tasks with these keys, in this order.

    Raises:
        Garbled: this is no answer of task_post, so nobody knows what became of its tasks.
    """
    about = "The answer of task_post"
    call = shapes.read_call(body, about)
    if call.code is None and not call.elements:
        raise Garbled(f"{about} has no status code; what became of its tasks is looked up")
    _check_path(call, about)
    problems: list[str] = []
    alone = _about_the_call(call, keys)
    if alone is not None:
        return PostingAnswer(alone.code, alone.message, {}, ())
    if not call.elements and call.code in (OK, CREATED):
        raise Garbled(f"{about} says nothing of any task; what became of them is looked up", call.code)
    words = {key: _word(one) for key, one in _matched(call.elements, keys, problems).items()}
    return PostingAnswer(call.code, call.message, _each_its_own(words, problems), few(problems))


def _each_its_own(words: dict[str, Word], problems: list[str]) -> dict[str, Word]:
    """Leave out what is said of tasks that were given one id together: nobody can tell whose it is."""
    times = Counter(word.task_id for word in words.values() if word.task_id is not None)
    shared = {task_id for task_id, many in times.items() if many > 1}
    if shared:
        problems.append(f"the answer gives the id {min(shared)} to more than one task; they are looked up")
    return {key: word for key, word in words.items() if word.task_id not in shared}


def path_of(function: str) -> str | None:
    """Give the path that takes tasks of a function; None when there is no such function."""
    return f"/v3/{function}/task_post" if function in FUNCTIONS else None


def carries_tag(function: str) -> bool:
    """Say whether tasks of a function have a tag, by which they are found again."""
    known = FUNCTIONS.get(function)
    return known is not None and known.tag


def _check_path(call: Call, about: str) -> None:
    for element in call.elements:
        if element.segments and element.segments[-1] != "task_post":
            path = "/".join(element.segments)
            raise Garbled(f"{about} answers another call, {path[:120]!r}; its tasks are looked up")


def _about_the_call(call: Call, keys: Sequence[str]) -> Element | None:
    """Find the one entry with an error that stands for all tasks: it echoes none of them."""
    if len(call.elements) != 1 or len(keys) == 1 or call.odd:
        return None
    (one,) = call.elements
    return one if one.code not in (OK, CREATED) and _key(one) is None else None


def _matched(elements: Sequence[Element], keys: Sequence[str], problems: list[str]) -> dict[str, Element]:
    """Tell whose entry each is: by the tag that it echoes, else by its place."""
    found: dict[str, Element] = {}
    sent, nameless = set(keys), list[tuple[int, Element]]()
    for place, element in enumerate(elements):
        key = _key(element)
        if key is None:
            nameless.append((place, element))
        elif key not in sent:
            problems.append(f"an entry of the answer is about another task ({key}); it was ignored")
        elif key in found:
            problems.append(f"the answer holds the task with the key {key} twice; the first was taken")
        else:
            found[key] = element
            if place >= len(keys) or keys[place] != key:
                problems.append(
                    f"the entry of the task with the key {key} is not in its place; its tag counts"
                )
    if nameless and len(elements) != len(keys):
        problems.append(f"{len(keys)} tasks were sent and {len(elements)} entries came; places prove nothing")
        return found
    for place, element in nameless:
        found.setdefault(keys[place], element)
    return found


def _key(element: Element) -> str | None:
    data = shapes.value(element.data)
    tag = data.get("tag") if isinstance(data, dict) else None
    return split_tag(tag)[1] if isinstance(tag, str) else None


def _word(element: Element) -> Word:
    task_id = shapes.text(element.id)
    usable = task_id is not None and is_task_id(task_id)
    refuses = kind_of(element.code, posting=True) in (Kind.REQUEST, Kind.DEAD, Kind.EMPTY, Kind.NOT_FOUND)
    cost = shapes.number(shapes.value(element.cost))
    priced = cost is not None and 0 <= cost < MOST_COST
    return Word(task_id if usable else None, element.code, element.message, cost if priced else None, refuses)


def problem_with(function: str, fields: Mapping[str, object]) -> str | None:
    """Say why the remote would not take a task, as far as that can be known here; None: nothing is wrong with it."""
    known = FUNCTIONS.get(function)
    if known is None:
        near = get_close_matches(function, FUNCTIONS, 1)
        return f"there is no function {function!r:.80}" + (f"; did you mean {near[0]}?" if near else "")
    for name, taken in (
        ("tag", known.tag),
        ("priority", known.priority),
        ("pingback_url", known.pingback),
        ("postback_url", known.postback),
    ):
        if fields.get(name) is not None and not taken:
            return f"{function} takes no {name}; leave it out"
    return _problem_with_fields(known, fields)


def _problem_with_fields(known: Function, fields: Mapping[str, object]) -> str | None:
    tag = fields.get("tag")
    if isinstance(tag, str) and len(tag) > MOST_TAG:
        return f"its tag has {len(tag)} characters; {MOST_TAG} are allowed"
    if fields.get("priority") not in (None, 1, 2, "1", "2"):
        return "its priority must be 1 or 2"
    for name in ("pingback_url", "postback_url"):
        url = fields.get(name)
        if url is not None and (not isinstance(url, str) or not url.startswith(("http://", "https://"))):
            return f"its {name} is no http or https address"
    forms = {"regular", "advanced", "html"} & set(known.variants)
    if fields.get("postback_url") and forms and not fields.get("postback_data"):
        return f"it has a postback_url and no postback_data; name one of {', '.join(sorted(forms))}"
    return None
