"""Durations, instants, sizes and names as people write them. Pure; knows no record and no terminal."""

import re
from datetime import datetime

from ledger.times import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, from_datetime

_UNITS = ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "m"), (SECOND_MS, "s"))
EARLIEST_AT = from_datetime(datetime.fromisoformat("2015-01-01T00:00:00+00:00"))
"""No task was posted before; an earlier time is a typo, or the date of a file that has lost its own."""


def duration(ms: int) -> str:
    """Write a duration with its two largest units: `2d 4h`, `3h 12m`, `45s`; under a second: `0s`."""
    seconds = abs(ms) // SECOND_MS
    written: list[str] = []
    for unit_ms, name in _UNITS:
        count, seconds = divmod(seconds, unit_ms // SECOND_MS)
        if count or written:
            written.append(f"{count}{name}")
        if len(written) == 2:
            break
    kept = [one for one in written if not one.startswith("0")]
    return ("-" if ms <= -SECOND_MS else "") + (" ".join(kept) or "0s")


def brief(ms: int) -> str:
    """Write a duration in at most four characters or so, for a narrow column: `2.9d`, `47h`, `12m`, `-3h`."""
    sign, ms = ("-" if ms < 0 else ""), abs(ms)
    if ms >= 10 * DAY_MS:
        return f"{sign}{ms // DAY_MS}d"
    if ms >= 2 * DAY_MS:
        return f"{sign}{ms // (DAY_MS // 10) / 10}d"
    for unit_ms, name in _UNITS[1:]:
        if ms >= unit_ms:
            return f"{sign}{ms // unit_ms}{name}"
    return "0s"


def ago(at: int | None, now: int) -> str:
    """Write how long ago something was: `35s ago`, `in 10m`, or `never`."""
    if at is None:
        return "never"
    return f"in {duration(at - now)}" if at - now >= SECOND_MS else f"{duration(now - at)} ago"


def left(deadline_at: int, now: int) -> str:
    """Write how long is left until a deadline, or since when it is over."""
    return (
        f"{duration(deadline_at - now)} left"
        if deadline_at >= now
        else f"over for {duration(now - deadline_at)}"
    )


def size(count: int) -> str:
    """Write a number of bytes: `412 B`, `1.2 kB`, `3.4 MB`."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for name in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {name}"
    return f"{value / 1000:.1f} TB"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: `1 task`, `1,150 tasks`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def clean(text: str | None) -> str:
    """Make a text of unknown origin fit for a terminal: control characters cannot act, and it stays one line."""
    if not text:
        return "-"
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


_ASKED_AGAIN = re.compile(
    r"(?:Nothing to do: |The task is kept and )?(?:it is )?asked (?:for )?again later", re.IGNORECASE
)


def unrepeated(sentence: str) -> str:
    """Write what the remote did to a command that ends now: such sentences are a daemon's, and promise another try.

    Without the full stop at its end, so that more may follow.
    """
    return clean(_ASKED_AGAIN.sub(_give_again, sentence).removesuffix("."))


def _give_again(found: re.Match[str]) -> str:
    return f"{'Give' if found[0][0].isupper() else 'give'} the command again later"


def moment(text: str, now: int) -> int:
    """Read an instant as people write it, `2026-11-23 14:02Z` or `2026-11-23T14:02:11+01:00`; UTC ms.

    Raises:
        ValueError: no instant, no time zone, before there was an API, or not over yet; the sentence says which.
    """
    example = "write it like 2026-11-23 14:02Z"
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        msg = f"{text[:40]!r} is no time; {example}"
        raise ValueError(msg) from None
    if read.tzinfo is None:
        msg = f"{text[:40]!r} names no time zone; {example}"
        raise ValueError(msg)
    try:
        at = from_datetime(read)
    except OverflowError:
        at = 0
    if not EARLIEST_AT <= at <= now:
        msg = f"{text[:40]!r} is {'in the future' if at > now else 'too long ago'}; {example}"
        raise ValueError(msg)
    return at


_SPAN = re.compile(r"(?:\d{1,6}[dhms] ?)+")


def since(text: str, now: int) -> int:
    """Read a duration back from now (`3d`, `12h`, `90m`, `1d 12h`), or an instant as `moment` does; UTC ms.

    Raises:
        ValueError: neither; the sentence says what to write.
    """
    given = text.strip()
    if not _SPAN.fullmatch(given):
        try:
            return moment(text, now)
        except ValueError as error:
            msg = f"{error}, or a duration like 3d, 12h or 90m"
            raise ValueError(msg) from None
    units = {name: unit_ms for unit_ms, name in _UNITS}
    span = sum(int(number) * units[name] for number, name in re.findall(r"(\d+)([dhms])", given))
    if not span:
        msg = f"{text[:40]!r} is no time at all; write a duration like 3d, 12h or 90m"
        raise ValueError(msg)
    return now - span
