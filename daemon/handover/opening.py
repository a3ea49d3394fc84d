"""Builds the door of each target: the one place that knows which kind has which."""

from pathlib import Path

from daemon.dataforseo.addresses import is_loopback
from daemon.handover.directory import DirectoryDoor
from daemon.handover.door import Door
from daemon.handover.objects import ObjectDoor
from daemon.handover.target import TargetKind, TargetRule
from daemon.handover.web import WebDoor


def door_of(rule: TargetRule) -> Door:
    """Open nothing yet, but refuse what cannot work.

    Raises:
        SettingsError: an object store without obstore, or with a URL that it cannot use.
    """
    place = rule.place.reveal()
    if rule.kind is TargetKind.DIRECTORY:
        return DirectoryDoor(Path(place))
    if rule.kind is TargetKind.HTTP:
        return WebDoor(place, loopback=is_loopback(place))
    return ObjectDoor.open(place)
