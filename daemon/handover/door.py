"""What every door does, and how it says that it could not. Knows no target in particular."""

from typing import Protocol

from daemon.handover.parcel import Parcel


class HandoverError(Exception):
    """A parcel was not taken; `str()` is a short clause that holds no URL and no credentials."""

    def __init__(
        self, problem: str, *, about_result: bool = False, retry_after_ms: int | None = None
    ) -> None:
        """Say what happened; `about_result`: another result may well be taken."""
        super().__init__(problem)
        self.about_result = about_result
        self.retry_after_ms = retry_after_ms


class Door(Protocol):
    """Hands parcels over, one at a time."""

    async def put(self, parcel: Parcel) -> None:
        """Return when the target has the parcel, durably as far as it can tell.

        Raises:
            HandoverError: it may have it or not; handing it over again is harmless.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections and threads."""
        ...
