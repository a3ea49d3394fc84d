"""Tells systemd how the service is (sd_notify). Knows the socket and the words, and not what they are about.

The protocol is one datagram per message: man 3 sd_notify, "Notes" and man 7 systemd, "NOTIFY_SOCKET".
"""

import socket
from collections.abc import Mapping

_STATUS_CHARACTERS = 500


class Notifier:
    """Speaks to the service manager that started us; without one, and on any failure, it does nothing.

    A message that does not get through must never hurt the work it is about, so nothing here raises or waits.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Take the socket's address from `NOTIFY_SOCKET`: a path, or `@name` in the abstract namespace."""
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self) -> None:
        """Say that start-up is complete: the ledger is open and checked, the work has begun."""
        self._send("READY=1")

    def watchdog(self) -> None:
        """Say that work was completed; without this for WatchdogSec systemd restarts the service."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Set the one line that `systemctl status` shows."""
        # A line break would begin a new assignment, so a tag with one in it could say STOPPING=1.
        self._send("STATUS=" + " ".join(text.split())[:_STATUS_CHARACTERS])

    def stopping(self) -> None:
        """Say that the service is on its way out on purpose."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.setblocking(False)
                manager.connect(self._address)
                manager.send(message.encode(errors="replace"))
        except (OSError, ValueError):  # nobody listens, a full queue, an address that cannot be one
            return
