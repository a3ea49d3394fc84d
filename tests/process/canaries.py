"""Secrets made up for tests, in every disguise that text puts them in, and a search for them. Knows no program."""

import base64
import gzip
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

LOGIN = "canary@readyd.local"
PASSWORD = "C4nary+pass/w0rd=1%7"
WRONG_PASSWORD = "Wr0ng+c4nary/pass=2%7"
HOOK = "H00kC4naryH00kC4naryH00kC4naryH00kC4nary_-x"
PATH_TOKEN = "P4thT0kenC4naryP4thT0ken"
QUERY_TOKEN = "Qu3ryT0kenC4nary/Qu3ry+T0ken"
STORE_KEY = "St0reC4nary/St0reC4nary+St0reC4narySt0r"
PROXY_PASSWORD = "Pr0xyC4nary+Pr0xy=1"

SECRETS = {
    "password": PASSWORD,
    "wrong password": WRONG_PASSWORD,
    "webhook secret": HOOK,
    "token in a path": PATH_TOKEN,
    "token in a query": QUERY_TOKEN,
    "key of a store": STORE_KEY,
    "password of a proxy": PROXY_PASSWORD,
}


def disguises(secret: str) -> set[bytes]:
    """A secret as it is, as JSON, Python and URLs write it, and in base64, alone or behind the login."""
    texts = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret), quote(secret, safe="")}
    texts.add(quote_plus(secret))
    for plain in (secret, f"{LOGIN}:{secret}"):
        texts |= {base64.b64encode(plain.encode()).decode().rstrip("=")}
        texts |= {base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")}
    return {text.encode() for text in texts}


FORMS = {name: disguises(secret) for name, secret in SECRETS.items()}


def found_in(where: str, content: bytes) -> set[str]:
    """Name the secrets that some bytes hold, and where that was."""
    return {f"{name} in {where}" for name, forms in FORMS.items() if any(form in content for form in forms)}


def found_under(directory: Path, *, but: tuple[str, ...] = ()) -> set[str]:
    """Name the secrets in all files of a directory, also inside what is compressed there."""
    found: set[str] = set()
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.name not in but:
            content = path.read_bytes()
            found |= found_in(path.name, content)
            for number, body in enumerate(_compressed(path, content)):
                found |= found_in(f"{path.name}, body {number}", body)
    return found


def _compressed(path: Path, content: bytes) -> Iterator[bytes]:
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    if path.suffix == ".db" and content.startswith(b"SQLite") and path.parent.name == "results":
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            for (body,) in database.execute("select gzip from bodies"):
                yield gzip.decompress(body)
        finally:
            database.close()
