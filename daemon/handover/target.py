"""What the settings say of one target. Does not open it."""

from dataclasses import dataclass
from enum import StrEnum

from daemon.settings_secret import Secret


class TargetKind(StrEnum):
    """What a target is."""

    DIRECTORY = "directory"
    HTTP = "http"
    OBJECT = "object"


class Form(StrEnum):
    """What a target gets."""

    JSON = "json"  # the answer's text
    GZIP = "gzip"  # the bytes as they came


@dataclass(frozen=True, slots=True)
class TargetRule:
    """One entry of [[target]]; patterns that are None match everything."""

    name: str
    kind: TargetKind
    place: Secret  # a path or a URL; a URL may hold a token, so it is shown nowhere
    function: str | None = None
    tag: str | None = None
    form: Form = Form.JSON
    backfill: bool = False  # also what was collected before the target was first seen
