"""What can be posted, listed and fetched: the simulator's own transcription of the remote's tables.

Written from the documentation, not from the client's catalogue: one misreading must not cancel itself out.
Knows no task and no time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

PLAIN = "plain"
SUMMARY = "summary"

_LETTERS = {"r": "regular", "a": "advanced", "h": "html", "j": "json", "p": PLAIN, "s": SUMMARY}

# (api, row shape, {function below the api: variants by first letter})
_TABLE: tuple[tuple[str, str, str], ...] = (
    (
        "serp",
        "A",
        (
            "baidu/organic:rah bing/organic:rah google/ads_advertisers:a google/ads_search:a "
            "google/ai_mode:ah google/autocomplete:a google/dataset_info:a "
            "google/dataset_search:a google/events:a google/finance_explore:ah "
            "google/finance_markets:ah google/finance_quote:ah google/finance_ticker_search:a "
            "google/images:ah google/jobs:ah google/local_finder:ah google/maps:a google/news:ah "
            "google/organic:rah google/search_by_image:a naver/organic:rah seznam/organic:rah "
            "yahoo/organic:rah youtube/organic:a youtube/video_comments:a youtube/video_info:a "
            "youtube/video_subtitles:a"
        ),
    ),
    ("ai_optimization", "B", "chat_gpt/llm_scraper:ah gemini/llm_scraper:ah"),
    ("ai_optimization", "D", "chat_gpt/llm_responses:p claude/llm_responses:p gemini/llm_responses:p"),
    (
        "app_data",
        "C",
        (
            "apple/app_info:a apple/app_list:a apple/app_reviews:a apple/app_searches:a "
            "google/app_info:ah google/app_list:ah google/app_reviews:ah google/app_searches:ah"
        ),
    ),
    (
        "merchant",
        "C",
        (
            "amazon/asin:ah amazon/products:ah amazon/sellers:ah google/product_info:a google/products:ah "
            "google/sellers:a"
        ),
    ),
    (
        "business_data",
        "D",
        (
            "google/extended_reviews:p google/hotel_info:ah google/hotel_searches:p "
            "google/my_business_info:p google/my_business_updates:p "
            "google/questions_and_answers:p google/reviews:p tripadvisor/reviews:p "
            "tripadvisor/search:p trustpilot/reviews:p trustpilot/search:p"
        ),
    ),
    (
        "keywords_data",
        "D",
        (
            "bing/audience_estimation:p bing/search_volume_history:p google_ads/ad_traffic_by_keywords:p "
            "google_ads/keywords_for_keywords:p google_ads/keywords_for_site:p google_ads/search_volume:p "
            "google_trends/explore:p"
        ),
    ),
    (
        "keywords_data",
        "E",
        (
            "bing/keyword_performance:p bing/keywords_for_keywords:p bing/keywords_for_site:p "
            "bing/search_volume:p"
        ),
    ),
    ("on_page", "F", ":s"),
    ("on_page", "G", "lighthouse:j"),
)

# docs: se and se_type of a row need not be the segments of its URL.
_ROW_NAMES = {
    "merchant/amazon/products": ("amazon", "organic"),
    "merchant/amazon/asin": ("amazon", "shopping"),
    "merchant/google/sellers": ("google", "shopping"),
    "merchant/google/product_info": ("google", "shopping_specifications"),
    "ai_optimization/chat_gpt/llm_responses": ("LLM model", "llm_responses"),
    "ai_optimization/claude/llm_responses": ("LLM model", "llm_responses"),
    "ai_optimization/gemini/llm_responses": ("LLM model", "llm_responses"),
}

UMBRELLAS = ("serp", "merchant", "app_data", "business_data")
"""APIs with a list of their own; Keywords Data, AI Optimization and OnPage have none (docs)."""

ERROR_APIS = (
    "serp", "keywords_data", "merchant", "app_data", "business_data", "on_page", "backlinks",
    "dataforseo_labs", "domain_analytics",
)  # fmt: skip
ID_LIST_APIS = (*ERROR_APIS, "content_analysis")

_FIXED = (
    "baidu/organic bing/organic naver/organic seznam/organic yahoo/organic google/ai_mode "
    "google/autocomplete google/dataset_info google/dataset_search google/images google/jobs "
    "google/local_finder google/maps google/news google/organic google/search_by_image "
    "youtube/organic youtube/video_comments youtube/video_info youtube/video_subtitles"
)

_PRICES = {
    "serp": 0.0006,
    "merchant": 0.001,
    "app_data": 0.0012,
    "business_data": 0.00075,
    "keywords_data": 0.05,
    "ai_optimization": 0.01,
    "on_page": 0.000125,
}
"""US dollars for one task of normal priority; the real price tree is far bushier."""


@dataclass(frozen=True, slots=True)
class Function:
    """What a task can be posted to."""

    name: str
    api: str
    se: str | None
    se_type: str | None
    shape: str
    variants: tuple[str, ...]
    post_code: str
    row_se: str | None
    row_se_type: str | None

    @property
    def takes_priority(self) -> bool:
        """Say whether priority 2 can be bought here."""
        plain_api = self.api in {"keywords_data", "on_page"}
        return not plain_api and not self.name.endswith("llm_responses")

    @property
    def takes_webhooks(self) -> bool:
        """Say whether tag, pingback and postback exist here (spec: one function lacks them)."""
        return self.name != "keywords_data/bing/audience_estimation"

    @property
    def price(self) -> float:
        """Give US dollars per task of normal priority."""
        return _PRICES[self.api]

    def get_path(self, variant: str, task_id: str) -> str | None:
        """Give the path that fetches a result, or None where the variant does not exist."""
        if variant not in self.variants:
            return None
        if variant == SUMMARY:
            return f"/v3/on_page/summary/{task_id}"
        middle = "" if variant == PLAIN else f"{variant}/"
        return f"/v3/{self.name}/task_get/{middle}{task_id}"


@dataclass(frozen=True, slots=True)
class Listing:
    """One tasks_ready or tasks_fixed URL and the functions it covers."""

    path: str
    functions: tuple[str, ...]
    level: str
    code: str
    fixed: bool = False


def _code(base: int, api: str, suffix: str) -> str:
    """Give group 3 of an id: it encodes the called function (samples)."""
    known = {("serp", "post"): "0066", ("serp", "ready"): "0087", ("on_page", "post"): "0216",
             ("on_page", "ready"): "0217"}  # fmt: skip
    return known.get((api, suffix), f"{base:04d}")


def _functions() -> Iterator[Function]:
    number = 300
    for api, shape, words in _TABLE:
        for word in words.split():
            rest, _, letters = word.partition(":")
            name = f"{api}/{rest}" if rest else api
            se, _, se_type = rest.partition("/") if "/" in rest else ("", "", rest)
            row_se, row_se_type = _ROW_NAMES.get(name, (se or None, se_type or None))
            number += 2
            yield Function(
                name, api, se or None, se_type or None, shape, tuple(_LETTERS[letter] for letter in letters),
                _code(number, api, "post"), row_se, row_se_type,
            )  # fmt: skip


FUNCTIONS: dict[str, Function] = {function.name: function for function in _functions()}


def _listings() -> Iterator[Listing]:
    for number, function in enumerate(FUNCTIONS.values()):
        code = _code(600 + number, function.api, "ready")
        yield Listing(f"/v3/{function.name}/tasks_ready", (function.name,), "type", code)
    for api in UMBRELLAS:
        names = tuple(name for name, function in FUNCTIONS.items() if function.api == api)
        yield Listing(f"/v3/{api}/tasks_ready", names, "umbrella", _code(700, api, "ready"))
    # docs page only; the official clients lack it
    for se in sorted({function.se or "" for function in FUNCTIONS.values() if function.api == "serp"}):
        names = tuple(name for name in FUNCTIONS if name.startswith(f"serp/{se}/"))
        yield Listing(f"/v3/serp/{se}/tasks_ready", names, "engine", "0087")
    for rest in _FIXED.split():
        yield Listing(f"/v3/serp/{rest}/tasks_fixed", (f"serp/{rest}",), "type", "0088", fixed=True)


LISTINGS: dict[str, Listing] = {listing.path: listing for listing in _listings()}
REPARSED: frozenset[str] = frozenset(f"serp/{rest}" for rest in _FIXED.split())
"""Functions whose results the remote may parse again."""
