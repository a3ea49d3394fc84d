"""`readyd webhook-url`: the URLs to put into task_post, the one place that shows the secret; how the receiver is."""

import json
from typing import TYPE_CHECKING, Any

import click

from daemon.cli import words
from daemon.cli.options import DONE, Shared, WrongUseError, examples, json_option, shared_options
from daemon.cli.render import say, write_json

if TYPE_CHECKING:
    from daemon.settings import Settings
    from daemon.settings_webhook import Webhook

_FIELDS = {"ping": "pingback_url", "post": "postback_url"}


@click.command(
    "webhook-url",
    short_help="Print the URLs for pingback_url and postback_url.",
    epilog=examples(
        "readyd webhook-url",
        "readyd webhook-url --postback --function serp/google/organic",
        "readyd webhook-url --new-secret",
    ),
)
@click.option("--pingback", "kind", flag_value="ping", help="Only the URL for pingback_url.")
@click.option("--postback", "kind", flag_value="post", help="Only the URL for postback_url.")
@click.option("--function", metavar="F", help="What is posted to, such as serp/google/organic.")
@click.option(
    "--new-secret",
    is_flag=True,
    help="Make a new secret first. The newest old one stays valid, for tasks under way.",
)
@json_option
@shared_options
@click.pass_obj
def webhook_url(
    shared: Shared, kind: str | None, function: str | None, new_secret: bool, as_json: bool
) -> int:
    """Print the URLs to put into pingback_url or postback_url of task_post, as they are: DataForSEO fills in $id and
    $tag. They hold the secret that lets webhooks in; keep them out of logs and tickets.

    With --function, only what that function takes, and the postback_data that readyd would fetch. A running daemon
    takes a new secret from webhook.secret_file by itself; one that has it as a systemd credential must be restarted.
    """
    settings = shared.settings()
    wanted = _wanted(kind, function)
    secret = _secret(settings.webhook, new_secret=new_secret)
    base = _base(settings.webhook)
    lines = {_FIELDS[one]: f"{base}/hook/{secret}/{one}?id=$id&tag=$tag" for one in wanted}
    if "post" in wanted and function is not None:
        lines |= _postback_data(settings, function)
    if as_json:
        write_json(lines)
    else:
        for name, value in lines.items():
            click.echo(f"{name}  {value}")
    return DONE


def _wanted(kind: str | None, function: str | None) -> list[str]:
    """Choose what to print: what was asked for, as far as the function takes it."""
    from daemon.dataforseo.catalogue import FUNCTIONS
    from daemon.settings_keys import did_you_mean

    kinds = [kind] if kind else list(_FIELDS)
    if function is None:
        return kinds
    known = FUNCTIONS.get(function)
    if known is None:
        msg = f"no function {words.clean(function)!r} is known; {did_you_mean(function, FUNCTIONS)}"
        raise WrongUseError(msg[:300])
    takes = {"ping": known.pingback, "post": known.postback}
    if not any(takes[one] for one in kinds):
        raise WrongUseError(f"tasks of {function} take no {' and no '.join(_FIELDS[one] for one in kinds)}")
    return [one for one in kinds if takes[one]]


def _secret(webhook: "Webhook", *, new_secret: bool) -> str:
    from daemon.settings import SettingsError
    from daemon.web import secrets

    if not new_secret:
        return secrets.read(webhook.secret_path())[0]
    if webhook.secret_file is None:
        msg = "no webhook.secret_file is set, so there is no place for a new secret"
        raise SettingsError(msg)
    fresh = secrets.replace(webhook.secret_file)
    say(
        f"{webhook.secret_file} holds {words.counted(len(fresh), 'secret')} now; the new one is in the URLs below"
    )
    return fresh[0]


def _base(webhook: "Webhook") -> str:
    from daemon.settings import SettingsError

    if webhook.public_url is not None:
        return webhook.public_url
    if webhook.listen is None:
        msg = "webhook.public_url is not set: it must be what the internet calls the receiver, https://..."
        raise SettingsError(msg)
    say("webhook.public_url is not set; this URL works on this machine only, for readyd simulate")
    return f"http://{webhook.listen}"


def _postback_data(settings: "Settings", function: str) -> dict[str, str]:
    """Name the form that readyd would fetch, where a function has several (docs: postback_data)."""
    from daemon.dataforseo.catalogue import FUNCTIONS, PLAIN, usual_variant
    from daemon.policy.choices import variant_of

    variants = FUNCTIONS[function].variants
    wish = variant_of(function, None, settings.variants)
    variant = wish if wish in variants else usual_variant(function)
    return {} if variant == PLAIN else {"postback_data": str(variant)}


def receiver(settings: "Settings", fact: str | None, *, running: bool) -> dict[str, Any] | None:
    """Tell how the receiver was when it last said so; None when none is wanted."""
    if settings.webhook.listen is None:
        return None
    try:
        said = json.loads(fact or "{}")
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) and said.get("listen") == settings.webhook.listen else {}
    return {
        "listen": settings.webhook.listen,
        "listening": running and bool(said.get("since")),
        "since": said.get("since") if running else None,
        "problem": said.get("problem"),
        "counts": said.get("counts") or {},
    }


def sentence(one: dict[str, Any], now: int) -> str:
    """Say it in words."""
    if not one["listening"]:
        return f"not listening{': ' + words.clean(str(one['problem'])) if one['problem'] else ''}"
    counted = ", ".join(f"{count:,} {word}" for word, count in one["counts"].items())
    since = words.duration(now - one["since"])
    return f"listening on {one['listen']} for {since}; {counted or 'nothing yet'} (as of the last hour)"
