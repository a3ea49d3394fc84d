"""systemd hears what it should, and nothing that goes wrong there reaches the service."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.setblocking(False)
        yield listener, path


def say_everything(notifier: Notifier) -> None:
    notifier.ready()
    notifier.watchdog()
    notifier.status("37 outstanding")
    notifier.stopping()


def heard(listener: socket.socket, count: int) -> list[bytes]:
    return [listener.recv(4096) for _ in range(count)]


def test_every_message_is_one_datagram(manager: tuple[socket.socket, str]) -> None:
    listener, path = manager
    say_everything(Notifier({"NOTIFY_SOCKET": path}))
    assert heard(listener, 4) == [b"READY=1", b"WATCHDOG=1", b"STATUS=37 outstanding", b"STOPPING=1"]


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0readyd-test-notify")
        listener.setblocking(False)
        Notifier({"NOTIFY_SOCKET": "@readyd-test-notify"}).ready()
        assert heard(listener, 1) == [b"READY=1"]


def test_a_status_cannot_smuggle_in_another_message(manager: tuple[socket.socket, str]) -> None:
    listener, path = manager
    Notifier({"NOTIFY_SOCKET": path}).status("tag\nSTOPPING=1\r\x85ü\udc80" + "x" * 10_000)
    (message,) = heard(listener, 1)
    assert message.startswith("STATUS=tag STOPPING=1 ü?".encode())
    assert len(message.splitlines()) == 1
    assert len(message) < 600


@pytest.mark.parametrize(
    "address",
    ["", "/nobody/listens/here", "/" + "x" * 200, "with\0nul", "relative", "@", "vsock:2:1", "\udc80"],
)
def test_nothing_happens_without_a_manager(address: str) -> None:
    say_everything(Notifier({"NOTIFY_SOCKET": address}))
    say_everything(Notifier({}))


def test_a_manager_that_does_not_read_does_not_hold_the_service_up(
    manager: tuple[socket.socket, str],
) -> None:
    listener, path = manager
    notifier = Notifier({"NOTIFY_SOCKET": path})
    for _ in range(5_000):
        notifier.watchdog()
    assert heard(listener, 1) == [b"WATCHDOG=1"]
