"""The remote's status codes and their words. Knows nothing else."""

OK = 20000
CREATED = 20100

MESSAGES: dict[int, str] = {
    20000: "Ok.",
    20100: "Task Created.",
    40000: "You can set only one task at a time.",
    40001: "This id is used by another client, check the id.",
    40002: "This id is used by another search engine, check the Path.",
    40003: "This id is used by another search type, check the Path.",
    40004: "This id is used by another function, check the id.",
    40006: "You can set no more than 100 tasks at a time.",
    40100: "You are not authorized to access this resource.",
    40101: "Internal SE Server Error.",
    40102: "No Search Results.",
    40103: "Task execution failed, please try to resubmit the task.",
    40104: "Please verify your account before using the API.",
    40106: "Task completed with partial results.",
    40200: "Payment Required.",
    40201: "We noticed some unusual activity in your account, so access is paused.",
    40202: "The rate-limit per minute has been exceeded.",
    40203: "The cost limit has been exceeded.",
    40204: "Access denied. Activate your subscription.",
    40205: "The duplicate task limit per hour has been exceeded.",
    40206: "The duplicate task limit per day has been exceeded.",
    40207: "Access denied. Your IP is not whitelisted.",
    40209: "Too many simultaneous queries.",
    40210: "Insufficient Funds. Your account's balance is too low to complete this request.",
    40400: "Not Found.",
    40401: "Task Not Found.",
    40402: "Invalid Path.",
    40403: "Results Expired.",
    40404: "No Prepared Data Found. Please Contact Our Support Team.",
    40501: "Invalid Field.",
    40502: "POST Data Is Empty.",
    40503: "POST Data Is Invalid.",
    40601: "Task Handed.",
    40602: "Task In Queue.",
    50000: "Internal Error.",
    50001: "Internal Error while checking the balance.",
    50100: "Not Implemented.",
    50301: "3rd Party API Service Unavailable.",
    50303: "Update is in progress. Please try again in a few minutes.",
    50304: "The function is temporarily unavailable.",
    50401: "Internal Error - Timeout.",
    50402: "Target page took too long to answer.",
}


def message(code: int, detail: str | None = None) -> str:
    """Give the words of a code; with `detail` as the remote does: `Invalid Field: 'tag'.`"""
    words = MESSAGES.get(code, "Unknown.")
    return words if detail is None else f"{words.rstrip('.')}: {detail}."
