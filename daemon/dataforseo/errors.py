"""What can go wrong between us and the remote, one class per thing to do about it. Knows no HTTP library.

Each error is a sentence for people: what happened, to which call, what comes next or what to do. None holds
a password.
"""
# ruff: noqa: N818  these are answers of the remote, named as such; `ThrottledError` says nothing more


class RemoteError(Exception):
    """A call that brought no usable answer. `code` is the remote's own status code, when it gave one."""

    def __init__(self, sentence: str, code: int | None = None) -> None:
        """Keep the sentence and the code."""
        super().__init__(sentence)
        self.code = code


class Unreachable(RemoteError):
    """No answer, or not a whole one: network, time, a server in trouble. The same call may work later."""


class NotSent(Unreachable):
    """No connection came about, so nothing of the call has left this machine."""


class Throttled(RemoteError):
    """The remote says that we ask too often or too much at once."""

    def __init__(self, sentence: str, code: int | None = None, retry_after_ms: int | None = None) -> None:
        """Keep the pause the remote asked for, ms; None when it named none."""
        super().__init__(sentence, code)
        self.retry_after_ms = retry_after_ms


class AccountRefused(RemoteError):
    """The remote refuses the account: credentials, payment, subscription, address.

    `everywhere`: whatever is asked. Otherwise it may concern only the API that was asked (40204: a subscription).
    """

    def __init__(self, sentence: str, code: int | None = None, *, everywhere: bool = True) -> None:
        """Keep how far the refusal goes."""
        super().__init__(sentence, code)
        self.everywhere = everywhere


class RequestRefused(RemoteError):
    """The remote refuses this call; asked again in the same way, it will be refused again."""


class Garbled(RemoteError):
    """An answer came whole, and cannot be understood."""


class TooLarge(RemoteError):
    """An answer is larger than we are willing to hold."""
