"""Plausible results of a task: documented envelopes, seeded content, sizes that can be chosen. Knows no time.

A run of the demo fetches thousands of results, so the text is written once as a pool of JSON fragments and a
result is a few joins. The same task and revision always gives the same bytes.
"""

import random
from typing import Any

from daemon.simulator.catalogue import SUMMARY, Function
from daemon.simulator.envelopes import as_bytes

_TEXT = (
    "harbour lantern copper meadow ticket orchard winter signal marble cotton river engine paper "
    "window garden travel budget review market simple bright quiet northern public open modern "
    "daily local gentle clever screws flowers bicycle kettle tent mattress drill heater camera "
    "printer notebook sofa lamp carpet boots"
)
_WORDS = _TEXT.split()

# The official client picks a model by the item's type; these are types that its unions know.
_ITEM_TYPES = {
    "serp/google/maps": "maps_search",
    "serp/google/news": "news_search",
    "serp/google/images": "images_search",
    "serp/google/jobs": "google_jobs_item",
    "serp/google/autocomplete": "autocomplete",
    "serp/google/local_finder": "local_pack",
    "serp/google/dataset_search": "dataset",
    "serp/google/dataset_info": "dataset",
    "serp/google/events": "event_item",
    "serp/google/ads_search": "ads_search",
    "serp/google/ads_advertisers": "ads_advertiser",
    "serp/google/ai_mode": "ai_overview",
    "serp/google/finance_explore": "google_finance_hero_groups",
    "serp/google/finance_markets": "google_finance_market_trends",
    "serp/google/finance_quote": "google_finance_quote",
    "serp/google/finance_ticker_search": "google_finance_market_instrument",
    "serp/youtube/organic": "youtube_video",
    "serp/youtube/video_comments": "youtube_comment",
    "serp/youtube/video_info": "youtube_video_info",
    "serp/youtube/video_subtitles": "youtube_subtitles",
    "merchant/amazon/asin": "amazon_product_info",
    "merchant/amazon/products": "amazon_serp",
    "merchant/amazon/sellers": "amazon_seller_item",
    "merchant/google/products": "google_shopping_serp",
    "merchant/google/product_info": "product_info_element",
    "merchant/google/sellers": "shops_list",
    "business_data/google/reviews": "google_reviews_search",
    "business_data/google/extended_reviews": "google_reviews_search",
    "business_data/google/hotel_searches": "hotel_search_item",
    "business_data/google/my_business_info": "google_business_info",
    "business_data/google/my_business_updates": "google_business_post",
    "business_data/google/questions_and_answers": "google_business_question_item",
    "business_data/trustpilot/reviews": "trustpilot_review_search",
    "business_data/trustpilot/search": "trustpilot_search_organic",
    "business_data/tripadvisor/reviews": "tripadvisor_review_search",
    "business_data/tripadvisor/search": "tripadvisor_search_organic",
    "app_data/apple/app_info": "app_store_info_organic",
    "app_data/apple/app_list": "app_store_search_organic",
    "app_data/apple/app_reviews": "app_store_reviews_search",
    "app_data/apple/app_searches": "app_store_search_organic",
    "app_data/google/app_info": "google_play_info_organic",
    "app_data/google/app_list": "google_play_search_organic",
    "app_data/google/app_reviews": "google_play_reviews_search",
    "app_data/google/app_searches": "google_play_search_organic",
    "ai_optimization/chat_gpt/llm_scraper": "chat_gpt_text",
    "ai_optimization/gemini/llm_scraper": "gemini_text",
}

_POOL = 64


class Bodies:
    """A pool of text and the ways to make results of it."""

    def __init__(self, seed: int, size_kb: tuple[float, float]) -> None:
        """Write the pool; `size_kb` bounds the size of a result before compression."""
        self._seed = seed
        self._least, self._most = (round(bound * 1024) for bound in size_kb)
        dice = random.Random(seed ^ 0xB0D1E5)
        self._texts = [" ".join(dice.choices(_WORDS, k=dice.randint(20, 60))) for _ in range(_POOL)]
        self._links = [_link(dice) for _ in range(_POOL)]

    def result(
        self, function: Function, variant: str, fields: dict[str, Any], number: int, revision: int, when: str
    ) -> tuple[bytes, int]:
        """Give the `result` array as JSON and how many elements it has."""
        dice = random.Random((self._seed * 1_000_003 + number) * 31 + revision)
        size = round(self._least * (self._most / self._least) ** dice.random())
        first = dice.randrange(_POOL)
        if function.api == "on_page":
            return self._page(variant, size, first, fields), 1
        if function.api == "keywords_data":
            return self._keywords(size, first, fields)
        if function.name.endswith("llm_responses"):
            return self._answer(size, first, when), 1
        return self._search(function, variant, fields, size, first, when, revision), 1

    def _search(
        self,
        function: Function,
        variant: str,
        fields: dict[str, Any],
        size: int,
        first: int,
        when: str,
        revision: int,
    ) -> bytes:
        """Write what a search engine showed: a head and items."""
        head: dict[str, Any] = {
            "keyword": _subject(fields),
            "type": function.se_type,
            "se_domain": f"{function.se}.com",
            "location_code": _number(fields.get("location_code"), 2840),
            "language_code": str(fields.get("language_code") or "en"),
            "check_url": f"https://www.{function.se}.com/search?q={first}",
            "datetime": when,
        }
        if function.api == "app_data" and "app_id" in fields:
            head["app_id"] = str(fields["app_id"])
        if variant == "html":
            items = self._pages(size, first, when)
        else:
            head |= {
                "spell": None,
                "item_types": [self._type(function)],
                "se_results_count": 1000 * (first + 1),
            }
            items = self._items(self._type(function), size, first, revision)
        head["items_count"] = len(items)
        return b"[" + as_bytes(head)[:-1] + b',"items":[' + b",".join(items) + b"]}]"

    @staticmethod
    def _type(function: Function) -> str:
        return _ITEM_TYPES.get(function.name, "organic")

    def _items(self, kind: str, size: int, first: int, revision: int) -> list[bytes]:
        items: list[bytes] = []
        left = size
        while left > 0:
            rank = len(items) + 1
            place = (first + rank * revision) % _POOL
            text, link = self._texts[place], self._links[place]
            item = (
                f'{{"type":"{kind}","rank_group":{rank},"rank_absolute":{rank},"position":"left",'
                f'"domain":"{link.split("/")[2]}","title":"{text[:60]}","description":"{text}","url":"{link}"}}'
            ).encode()
            items.append(item)
            left -= len(item)
        return items

    def _pages(self, size: int, first: int, when: str) -> list[bytes]:
        paragraphs = "".join(f"<p>{text}</p>" for text in self._filling(size, first))
        page = f"<!DOCTYPE html><html><body>{paragraphs}</body></html>"
        return [as_bytes({"page": 1, "date": when, "html": page})]

    def _filling(self, size: int, first: int) -> list[str]:
        texts: list[str] = []
        while size > 0:
            texts.append(self._texts[(first + len(texts)) % _POOL])
            size -= len(texts[-1])
        return texts

    def _keywords(self, size: int, first: int, fields: dict[str, Any]) -> tuple[bytes, int]:
        """Write one element per keyword, as the keyword tools do."""
        rows = [
            {
                "keyword": text[:40],
                "location_code": _number(fields.get("location_code"), 2840),
                "language_code": str(fields.get("language_code") or "en"),
                "search_volume": 10 * (place + first),
                "cpc": 0.5 + place / 100,
                "note": text,
            }
            for place, text in enumerate(self._filling(size, first))
        ]
        return as_bytes(rows), len(rows)

    def _answer(self, size: int, first: int, when: str) -> bytes:
        sections = [
            {"type": "text", "text": text, "annotations": None} for text in self._filling(size, first)
        ]
        return as_bytes(
            [
                {
                    "model_name": "simulated-1",
                    "input_tokens": 40 + first,
                    "output_tokens": size // 4,
                    "web_search": False,
                    "money_spent": 0.001,
                    "datetime": when,
                    "items": [{"type": "message", "sections": sections}],
                }
            ]
        )

    def _page(self, variant: str, size: int, first: int, fields: dict[str, Any]) -> bytes:
        notes = self._filling(size, first)
        if variant == SUMMARY:
            crawl = {"max_crawl_pages": 10, "pages_in_queue": 0, "pages_crawled": 10}
            return as_bytes(
                [{**crawl_head("finished", crawl), "domain_info": {"name": _subject(fields)}, "notes": notes}]
            )
        audits = {f"audit-{place}": {"title": text} for place, text in enumerate(notes)}
        return as_bytes([{"requestedUrl": _subject(fields), "lighthouseVersion": "12.0.0", "audits": audits}])


def crawl_head(progress: str, status: dict[str, int]) -> dict[str, Any]:
    """Give the beginning of an OnPage summary: `in_progress` or `finished`."""
    return {"crawl_progress": progress, "crawl_status": status, "crawl_stop_reason": None}


def _link(dice: random.Random) -> str:
    first, second, third = dice.choices(_WORDS, k=3)
    return f"https://www.{first}-{second}.example/{third}/{dice.randrange(10_000)}"


def _subject(fields: dict[str, Any]) -> str:
    for name in ("keyword", "target", "url", "app_id", "asin", "product_id", "domain", "url_path"):
        if isinstance(fields.get(name), str):
            return str(fields[name])
    return "simulated"


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
