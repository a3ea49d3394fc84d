"""An object store behind a URL, through obstore. Knows no provider and no credentials: the store finds its own.

They come from the environment (`AWS_ACCESS_KEY_ID`, ...) or from the machine's role, never from our settings.
"""

import re
from typing import TYPE_CHECKING, Any

from daemon.handover.door import HandoverError
from daemon.handover.parcel import Parcel, ParcelError
from daemon.handover.target import Form
from daemon.settings_secret import SettingsError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

INSTALL = (
    "an object target needs obstore, which is not installed; install readyd with its extra: readyd[object]"
)

NO_RETRIES: Any = {"max_retries": 0}
"""We try again ourselves, and remember it. The store's own timeouts stay (30 s for a request): options of the client
that are given here would switch off those of the environment, such as AWS_ALLOW_HTTP."""

_SHOWN = 200
_SECRETIVE = re.compile(r"[?<].*|[a-z]+://\S*", re.DOTALL)
"""URLs, their queries (a SAS token is one) and answers in XML (which repeat the key's id)."""


class ObjectDoor:
    """Puts objects under one prefix; each appears whole or not at all."""

    def __init__(self, store: "ObjectStore", *, typed: bool = True) -> None:
        """Use a store; `typed`: it keeps a content type beside an object."""
        self._store = store
        self._typed = typed

    @classmethod
    def open(cls, url: str) -> "ObjectDoor":
        """Choose the store by the scheme of the URL; connects to nothing.

        Raises:
            SettingsError: obstore is missing, or it cannot use the URL or its configuration from the environment.
        """
        try:
            from obstore.store import from_url  # noqa: PLC0415  an optional dependency
        except ImportError:
            raise SettingsError(INSTALL) from None
        scheme = url.partition(":")[0]
        remote: dict[str, Any] = {} if scheme in ("file", "memory") else {"retry_config": NO_RETRIES}
        try:
            store = from_url(url, **remote)
        except Exception as error:
            msg = f"the URL of an object target cannot be used: {described(error)}"
            raise SettingsError(msg) from None
        return cls(store, typed=scheme not in ("file", "memory"))

    async def put(self, parcel: Parcel) -> None:
        """Put one object; see `Door.put`."""
        import obstore  # noqa: PLC0415

        try:
            content = b"".join(parcel.pieces())
            attributes = {"Content-Type": _content_type(parcel)} if self._typed else None
            await obstore.put_async(self._store, parcel.name, content, attributes=attributes)
        except ParcelError as error:
            raise HandoverError(str(error), about_result=True) from None
        except Exception as error:  # obstore raises its own, and Python's, for the same reasons
            about_result = type(error).__name__ == "InvalidPathError"
            raise HandoverError(described(error), about_result=about_result) from None

    async def aclose(self) -> None:
        """Nothing is held open."""


def described(error: Exception) -> str:
    """Say what a store said, without URLs, queries and the text of its answer."""
    first = str(error).strip().partition("\n")[0]
    said = " ".join(_SECRETIVE.sub(" ", first).split())[:_SHOWN]
    return f"the store refused ({type(error).__name__}{': ' if said else ''}{said})"


def _content_type(parcel: Parcel) -> str:
    return "application/json" if parcel.form is Form.JSON else "application/gzip"
