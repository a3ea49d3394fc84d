"""The catalogue: what is listed where, and where a result is fetched."""

import pytest

from daemon.dataforseo.catalogue import (
    DAY_MS,
    FUNCTIONS,
    LISTINGS,
    Endpoint,
    function_of_endpoint,
    get_path,
    is_endpoint,
    is_task_id,
    read_endpoint,
    retention_ms,
    usual_variant,
)

ID = "11230915-9999-0066-0000-0000000000aa"


def test_there_are_74_listings_of_70_functions() -> None:
    assert len(LISTINGS) == 74
    assert len(FUNCTIONS) == 70
    assert sum(listing.umbrella for listing in LISTINGS.values()) == 4


def test_every_function_has_exactly_one_list_of_its_own() -> None:
    own = [listing.only_function for listing in LISTINGS.values() if not listing.umbrella]
    assert sorted(map(str, own)) == sorted(FUNCTIONS)
    assert all(
        path == f"/v3/{listing.only_function}/tasks_ready"
        for path, listing in LISTINGS.items()
        if not listing.umbrella
    )


@pytest.mark.parametrize(
    ("api", "count"), [("serp", 27), ("merchant", 6), ("app_data", 8), ("business_data", 11)]
)
def test_an_umbrella_covers_all_functions_of_its_api(api: str, count: int) -> None:
    umbrella = LISTINGS[f"/v3/{api}/tasks_ready"]
    assert umbrella.umbrella
    assert umbrella.only_function is None
    assert umbrella.functions == {name for name in FUNCTIONS if name.split("/")[0] == api}
    assert len(umbrella.functions) == count


@pytest.mark.parametrize("api", ["keywords_data", "ai_optimization"])
def test_these_apis_have_no_umbrella(api: str) -> None:
    assert f"/v3/{api}/tasks_ready" not in LISTINGS


def test_the_list_of_on_page_covers_crawls_and_not_lighthouse() -> None:
    assert LISTINGS["/v3/on_page/tasks_ready"].functions == {"on_page"}
    assert not LISTINGS["/v3/on_page/tasks_ready"].umbrella
    assert LISTINGS["/v3/on_page/lighthouse/tasks_ready"].functions == {"on_page/lighthouse"}


def test_seven_row_shapes_are_in_use() -> None:
    assert {listing.shape for listing in LISTINGS.values()} == set("ABCDEFG")


@pytest.mark.parametrize(
    ("function", "variants", "usual"),
    [
        ("serp/google/organic", ("regular", "advanced", "html"), "advanced"),
        ("serp/google/maps", ("advanced",), "advanced"),
        ("ai_optimization/gemini/llm_scraper", ("advanced", "html"), "advanced"),
        ("business_data/google/hotel_info", ("advanced", "html"), "advanced"),
        ("business_data/google/reviews", ("plain",), "plain"),
        ("on_page", ("summary",), "summary"),
        ("on_page/lighthouse", ("json",), "json"),
    ],
)
def test_variants_and_the_usual_one(function: str, variants: tuple[str, ...], usual: str) -> None:
    assert FUNCTIONS[function].variants == variants
    assert usual_variant(function) == usual


@pytest.mark.parametrize(
    ("function", "variant", "path"),
    [
        ("serp/google/organic", "advanced", f"/v3/serp/google/organic/task_get/advanced/{ID}"),
        ("serp/google/organic", "html", f"/v3/serp/google/organic/task_get/html/{ID}"),
        (
            "keywords_data/google_ads/search_volume",
            "plain",
            f"/v3/keywords_data/google_ads/search_volume/task_get/{ID}",
        ),
        ("on_page", "summary", f"/v3/on_page/summary/{ID}"),
        ("on_page/lighthouse", "json", f"/v3/on_page/lighthouse/task_get/json/{ID}"),
    ],
)
def test_the_path_of_a_result(function: str, variant: str, path: str) -> None:
    assert get_path(function, variant, ID) == path


def test_each_variant_of_each_function_has_a_path_that_leads_back_to_it() -> None:
    for name, function in FUNCTIONS.items():
        for variant in function.variants:
            path = get_path(name, variant, ID)
            assert path is not None
            assert is_endpoint(path)
            assert read_endpoint(path) == Endpoint(path, name, variant, ID)


@pytest.mark.parametrize(
    ("function", "variant", "task_id"),
    [
        ("serp/google/maps", "html", ID),
        ("on_page", "plain", ID),
        ("serp/yandex/organic", "advanced", ID),
        ("serp/google/maps", "advanced", "../../appendix/user_data"),
        ("serp/google/maps", "advanced", ""),
    ],
)
def test_there_is_no_path_for_what_the_remote_does_not_have(
    function: str, variant: str, task_id: str
) -> None:
    assert get_path(function, variant, task_id) is None


def test_an_endpoint_of_a_retired_function_still_tells_its_function() -> None:
    assert function_of_endpoint(f"/v3/serp/yandex/organic/task_get/regular/{ID}") == "serp/yandex/organic"
    assert usual_variant("serp/yandex/organic") == "advanced"


@pytest.mark.parametrize(
    "endpoint",
    [
        f"/v3/serp/google/organic/{ID}",
        "/v3/on_page/tasks_ready",
        "/v3/serp/task_gets/x",
        "",
        "/v3/",
    ],
)
def test_a_path_without_a_result_tells_no_function(endpoint: str) -> None:
    assert function_of_endpoint(endpoint) is None


def test_a_path_without_a_function_tells_none() -> None:
    assert function_of_endpoint(f"/v3/task_get/{ID}") is None
    assert function_of_endpoint(f"/v3/Serp/google/task_get/{ID}") is None


@pytest.mark.parametrize(
    "path",
    [
        f"https://evil.example/v3/serp/google/organic/task_get/advanced/{ID}",
        f"//evil.example/v3/serp/task_get/{ID}",
        f"/v2/serp/google/organic/task_get/{ID}",
        f"/v3/serp/../appendix/task_get/{ID}",
        f"/v3/serp/google//task_get/{ID}",
        f"/v3/serp/google/organic/task_get/{ID}?x=1",
        f"/v3/serp/google/organic/task_get/{ID}#x",
        f"/v3/serp/google/organic/task_get/{ID}\r\nX: y",
        f"/v3/serp/google/organic/task_get/%2e%2e/{ID}",
        f"/v3/serp/google/organic/task_get/{ID}/",
        "/v3/serp/" + "a" * 600,
    ],
)
def test_a_path_that_leaves_the_api_is_no_endpoint(path: str) -> None:
    assert not is_endpoint(path)


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a b", "a\n", "é", "-a", "x" * 129])
def test_a_task_id_is_one_plain_segment(text: str) -> None:
    assert not is_task_id(text)
    assert is_task_id(ID)


def test_html_is_kept_for_a_week_and_everything_else_for_a_month() -> None:
    assert retention_ms("html") == 7 * DAY_MS
    assert {retention_ms(variant) for variant in ("regular", "advanced", "plain", "json", "summary")} == {
        30 * DAY_MS
    }


def test_what_task_post_takes() -> None:
    without_priority = {one.name for one in FUNCTIONS.values() if not one.priority}
    assert without_priority == {
        name
        for name in FUNCTIONS
        if name.startswith(("keywords_data/", "on_page")) or name.endswith("/llm_responses")
    }
    assert [one.name for one in FUNCTIONS.values() if not one.tag] == [
        "keywords_data/bing/audience_estimation"
    ]
    assert {one.name for one in FUNCTIONS.values() if not one.postback} == {
        "keywords_data/bing/audience_estimation",
        "on_page",
    }
    assert {one.name for one in FUNCTIONS.values() if not one.pingback} == {
        "keywords_data/bing/audience_estimation"
    }
