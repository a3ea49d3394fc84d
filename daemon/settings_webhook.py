"""The settings of the receiver, [webhook]: where it listens, whom it lets in, where its secret is. Opens nothing."""

from dataclasses import dataclass
from pathlib import Path

from daemon.settings_secret import SettingsError

CREDENTIAL = "readyd.webhook_secret"
"""The systemd credential that holds the secrets; it wins over the file."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """How webhooks come in. Off unless `listen` is set."""

    listen: str | None = None  # "host:port"
    public_url: str | None = None  # what the internet calls it, up to the path
    secret_file: Path | None = None
    credential: Path | None = None  # the secrets as systemd hands them over
    allow: tuple[str, ...] = ()  # addresses, networks, presets; empty: everybody
    proxy: tuple[str, ...] = ()  # whose X-Forwarded-For is believed
    verify: bool = False  # fetch what a postback brings once more, by id

    def address(self) -> tuple[str, int]:
        """Give host and port."""
        host, _, port = (self.listen or "").rpartition(":")
        return host.strip("[]"), int(port)

    def secret_path(self) -> Path:
        """Give the file that holds the secrets.

        Raises:
            SettingsError: none is set; the sentence says what to do.
        """
        path = self.credential or self.secret_file
        if path is None:
            raise SettingsError(
                "no webhook secret is set: name a file with webhook.secret_file and let"
                f" readyd webhook-url --new-secret fill it, or pass the systemd credential {CREDENTIAL}"
            )
        return path
