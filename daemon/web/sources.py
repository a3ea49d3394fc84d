"""Where requests come from, and which of these addresses are let in. Pure; knows no request and no secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PRESETS = {
    # The addresses that v3 sends webhooks from, as the help center names them (pingbacks and postbacks).
    "dataforseo": (
        "144.76.154.130",
        "144.76.153.113",
        "144.76.153.106",
        "94.130.155.89",
        "178.63.193.217",
        "94.130.93.29",
    ),
}
"""Names that stand for several addresses."""


def networks(words: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses, networks and names of presets.

    Raises:
        ValueError: one of them is none of these.
    """
    return tuple(ip_network(one, strict=False) for word in words for one in PRESETS.get(word, (word,)))


@dataclass(frozen=True, slots=True)
class Sources:
    """Whom to let in; nobody in `allow` means everybody. Only `proxies` are believed whom they speak for."""

    allow: tuple[Network, ...] = ()
    proxies: tuple[Network, ...] = ()

    def let_in(self, peer: str | None, forwarded: Sequence[str]) -> bool:
        """Say whether a request may come in. `forwarded` are the values of X-Forwarded-For, in order."""
        if not self.allow:
            return True
        sender = self._sender(peer, forwarded)
        return sender is not None and _within(sender, self.allow)

    def _sender(self, peer: str | None, forwarded: Sequence[str]) -> Address | None:
        """Find the first address, from our side, that is no proxy of ours: what is left of it anybody can write."""
        hops = [hop.strip() for value in forwarded for hop in value.split(",")]
        sender = _address(peer)
        while sender is not None and _within(sender, self.proxies) and hops:
            sender = _address(hops.pop())
        return sender


def _within(address: Address, those: Sequence[Network]) -> bool:
    return any(address.version == one.version and address in one for one in those)


def _address(text: str | None) -> Address | None:
    try:
        found = ip_address(text or "")
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
