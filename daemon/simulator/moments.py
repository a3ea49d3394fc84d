"""Instants as the remote writes and reads them, and ids in its format. Knows no task."""

import re
from datetime import UTC, datetime, timedelta, timezone

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# docs: the text says hyphens between hours, minutes and seconds, every example uses colons; UTC is asked for,
# but examples carry +02:00.
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d)[:-](\d\d)[:-](\d\d)(?: ?([+-]\d\d:?\d\d|Z))?")


def as_text(at: int) -> str:
    """Write an instant as `2019-11-08 13:54:43 +00:00`."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S +00:00")


def as_local_text(at: int, offset_min: int, *, hyphens: bool) -> str:
    """Write an instant as the other readings of the docs have it: `2019-11-08 15-54-43 +02:00`."""
    zone = timezone(timedelta(minutes=offset_min))
    moment = datetime.fromtimestamp(at // 1000, zone)
    time = moment.strftime("%H-%M-%S" if hyphens else "%H:%M:%S")
    return f"{moment:%Y-%m-%d} {time} {moment.isoformat()[-6:]}"


def day_of(at: int) -> int:
    """Give the number of an instant's UTC day."""
    return at // DAY_MS


def read(text: object) -> int | None:
    """Read an instant in any of the documented spellings; None when it is none of them."""
    found = _MOMENT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    day, hours, minutes, seconds, zone = found.groups()
    zone = "+0000" if zone in {None, "Z"} else zone
    try:
        moment = datetime.strptime(f"{day} {hours}:{minutes}:{seconds} {zone}", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None
    return round(moment.timestamp() * 1000)


def task_id(at: int, user: str, function_code: str, number: int) -> str:
    """Make an id `MMDDHHMM-uuuu-ffff-0000-hash`.

    The leading time is local, two hours ahead of UTC, and has no year (samples): nobody should read it.
    """
    local = datetime.fromtimestamp(at / 1000, UTC) + timedelta(hours=2)
    return f"{local:%m%d%H%M}-{user}-{function_code}-0000-{number % 2**48:012x}"
