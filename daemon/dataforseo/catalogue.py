"""Functions and listings of the remote, read from `catalogue.toml`. Knows paths; knows no answer."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any

PLAIN = "plain"
SUMMARY = "summary"

VARIANTS = ("advanced", PLAIN, "json", SUMMARY, "regular", "html")
"""Every form of a result, the most useful first: `regular` lacks the SERP features that `advanced` has."""

DAY_MS = 86_400_000
HTML_RETENTION_MS = 7 * DAY_MS
RETENTION_MS = 30 * DAY_MS

ON_PAGE = "on_page"
"""The function of an OnPage crawl: the API itself, for its path is /v3/on_page/task_post."""

MAX_ENDPOINT = 512
"""Longest path that is followed; a documented one has fewer than 120 characters."""

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
_ENDPOINT = re.compile(rf"/v3(?:/{_SEGMENT.pattern})+")
_RESULT = re.compile(
    rf"/v3/(?:([a-z0-9_]+(?:/[a-z0-9_]+)*)/task_get(?:/({_SEGMENT.pattern}))?/({_SEGMENT.pattern})"
    rf"|on_page/summary/({_SEGMENT.pattern}))"
)


@dataclass(frozen=True, slots=True)
class Function:
    """What a task is posted to, and what its task_post takes."""

    name: str  # "serp/google/organic"
    api: str  # "serp"
    shape: str  # of its rows in the lists, "A" to "G"
    variants: tuple[str, ...]  # task_get variants
    priority: bool
    tag: bool
    pingback: bool
    postback: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path that fetches a result, taken apart."""

    path: str
    function: str
    variant: str
    task_id: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One tasks_ready URL and its scope."""

    path: str  # "/v3/serp/tasks_ready"
    api: str
    functions: frozenset[str]
    umbrella: bool  # covers all functions of its API
    shape: str  # of its rows

    @property
    def only_function(self) -> str | None:
        """Name the function of a list that covers just one."""
        return next(iter(self.functions)) if len(self.functions) == 1 else None


def usual_variant(function: str) -> str:
    """Name the variant that is fetched unless somebody wishes another; `advanced` where nothing is known."""
    return _USUAL.get(function, "advanced")


def retention_ms(variant: str) -> int:
    """How long after posting the remote keeps a result of this variant."""
    return HTML_RETENTION_MS if variant == "html" else RETENTION_MS


def get_path(function: str, variant: str, task_id: str) -> str | None:
    """Give the path that fetches a result, or None when the function has no such variant or is not known."""
    known = FUNCTIONS.get(function)
    if known is None or variant not in known.variants or not is_task_id(task_id):
        return None
    if variant == SUMMARY:
        return f"/v3/{function}/summary/{task_id}"
    if variant == PLAIN:
        return f"/v3/{function}/task_get/{task_id}"
    return f"/v3/{function}/task_get/{variant}/{task_id}"


def is_task_id(text: str) -> bool:
    """Say whether a text can be a task id: opaque, but one plain segment of a path."""
    return _SEGMENT.fullmatch(text) is not None


def is_endpoint(path: str) -> bool:
    """Say whether a path stays within the API: below /v3/, without host, query, `..` or odd characters."""
    return len(path) <= MAX_ENDPOINT and _ENDPOINT.fullmatch(path) is not None


def read_endpoint(path: str) -> Endpoint | None:
    """Take apart a path that fetches a result; None when it is none. The catalogue need not know its function."""
    match = _RESULT.fullmatch(path) if len(path) <= MAX_ENDPOINT else None
    if match is None:
        return None
    function, variant, task_id, crawl_id = match.groups()
    if crawl_id is not None:
        return Endpoint(path, ON_PAGE, SUMMARY, crawl_id)
    return Endpoint(path, function, variant or PLAIN, task_id)


def function_of_endpoint(endpoint: str) -> str | None:
    """Name the function of a result path, known to the catalogue or not: retired ones are still listed."""
    found = read_endpoint(endpoint)
    return None if found is None else found.function


def _data() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("catalogue.toml").read_text("utf-8"))


def _functions(groups: list[dict[str, Any]]) -> Iterator[Function]:
    for group in groups:
        for name, variants in group["functions"].items():
            yield Function(
                name="/".join(filter(None, (group["api"], name))),
                variants=tuple(variants),
                **{key: group[key] for key in ("api", "shape", "priority", "tag", "pingback", "postback")},
            )


def _listings(groups: list[dict[str, Any]], functions: Mapping[str, Function]) -> Iterator[Listing]:
    for one in functions.values():
        yield Listing(
            f"/v3/{one.name}/tasks_ready", one.api, frozenset({one.name}), umbrella=False, shape=one.shape
        )
    for group in groups:
        if group["umbrella"]:
            api = group["api"]
            scope = frozenset(one.name for one in functions.values() if one.api == api)
            yield Listing(f"/v3/{api}/tasks_ready", api, scope, umbrella=True, shape=group["shape"])


def _fixed(names: list[str], functions: Mapping[str, Function]) -> Iterator[Listing]:
    for one in (functions[name] for name in names):
        yield Listing(
            f"/v3/{one.name}/tasks_fixed", one.api, frozenset({one.name}), umbrella=False, shape=one.shape
        )


_DATA = _data()
_GROUPS: list[dict[str, Any]] = _DATA["group"]

FUNCTIONS: Mapping[str, Function] = MappingProxyType({one.name: one for one in _functions(_GROUPS)})
"""Every documented function with a Standard queue, by name."""

_USUAL = {name: next(one for one in VARIANTS if one in known.variants) for name, known in FUNCTIONS.items()}

LISTINGS: Mapping[str, Listing] = MappingProxyType({one.path: one for one in _listings(_GROUPS, FUNCTIONS)})
"""Every documented Tasks Ready list, by path: the type lists, then the umbrellas."""

FIXED: Mapping[str, Listing] = MappingProxyType(
    {one.path: one for one in _fixed(_DATA["tasks_fixed"], FUNCTIONS)}
)
"""Every documented list of re-parsed tasks, by path (docs tasks_fixed)."""

ID_LIST_APIS: tuple[str, ...] = tuple(_DATA["id_list"])
"""The APIs whose id_list shows what was posted to them; that of ai_optimization is named by the help center only."""

ERROR_APIS: tuple[str, ...] = tuple(_DATA["errors"])
"""The APIs that tell why deliveries of webhooks failed."""
