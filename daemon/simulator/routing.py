"""What a URL means. Knows paths, not people and not tasks."""

from daemon.simulator.catalogue import ERROR_APIS, FUNCTIONS, ID_LIST_APIS, LISTINGS, PLAIN, SUMMARY
from daemon.simulator.records import Route

_APPENDIX = {
    ("GET", "user_data"): "user_data",
    ("GET", "status"): "status",
    ("GET", "errors"): "codes",
    ("POST", "webhook_resend"): "webhook_resend",
}


def resolve(method: str, path: str) -> Route | None:
    """Give the meaning of a request line, or None when there is no such endpoint."""
    parts = [part for part in path.split("/") if part]
    if len(parts) < 3 or parts[0] != "v3":
        return None
    if parts[1] == "appendix":
        verb = _APPENDIX.get((method, parts[2])) if len(parts) == 3 else None
        return Route("errors" if verb == "codes" else verb, api="appendix") if verb else None
    if method == "POST":
        return _post(parts)
    return _get("/" + "/".join(parts), parts) if method == "GET" else None


def _post(parts: list[str]) -> Route | None:
    api, last = parts[1], parts[-1]
    function = FUNCTIONS.get("/".join(parts[1:-1]))
    if last == "task_post" and function is not None:
        return Route("task_post", function, api=api)
    if len(parts) == 3 and last == "id_list" and api in ID_LIST_APIS:
        return Route("id_list", api=api)
    if len(parts) == 3 and last == "errors" and api in ERROR_APIS:
        return Route("errors", api=api)
    return None


def _get(path: str, parts: list[str]) -> Route | None:
    listing = LISTINGS.get(path)
    if listing is not None:
        return Route("tasks_fixed" if listing.fixed else "tasks_ready", listing=listing, api=parts[1])
    if parts[1:3] == ["on_page", "summary"] and len(parts) == 4:
        return Route("task_get", FUNCTIONS["on_page"], api="on_page", variant=SUMMARY, task_id=parts[3])
    if "task_get" not in parts:
        return None
    place = parts.index("task_get")
    function = FUNCTIONS.get("/".join(parts[1:place]))
    rest = parts[place + 1 :]
    if function is None or function.variants == (SUMMARY,) or not 1 <= len(rest) <= 2:
        return None
    variant = rest[0] if len(rest) == 2 else PLAIN
    if variant not in function.variants:
        return None
    return Route("task_get", function, api=function.api, variant=variant, task_id=rest[-1])
