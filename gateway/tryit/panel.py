"""The panel beside an operation: what can be filled in, with what, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apis.models import ApiVersion, DescribedOperation, Document
from portal.accounts.models import Viewer

from . import proof
from .answer import Answer
from .shape import Shape, shape_of


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing was sent, and what to do. `field` is the input it is about."""

    message: str
    remedy: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a try has come to: an answer, or the problem with it. `given` is what was filled in, never a key."""

    given: Mapping[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    problem: Problem | None = None


NOT_TRIED = Tried()


def panel_of(
    version: ApiVersion,
    document: Document,
    operation: DescribedOperation,
    *,
    by: Viewer,
    environment: str,
    tried: Tried,
    subscribed: bool = True,
) -> dict[str, Any]:
    """The context of gateway/_try.html; without `shape` where there is nothing to call.

    `subscribed`: whether some application of the person's may be; where it is known that none is, nothing is asked.
    """
    shape = shape_of(document, operation)
    if shape is None or not version.base_urls:
        return {"shape": None}
    given = tried.given
    subscriptions = proof.granted(version, by) if subscribed and by.is_authenticated else []
    choices = proof.choices(version, subscriptions)
    return {
        "shape": shape,
        "live": shape.live or shape.socket,
        "rows": [
            (one, given.get(one.name, one.value), f"try-{number}") for number, one in enumerate(shape.fields)
        ],
        "body": given.get("body", shape.body),
        "variables": given.get("variables", shape.variables),
        "media": given.get("type", ""),
        "over": given.get("over", ""),
        "environments": list(version.base_urls),
        "environment": environment_of(version, given.get("environment", environment)),
        "choices": choices,
        "credential": given["credential"] if given.get("credential") in choices else next(iter(choices)),
        "takes_key": "key" in choices,
        "no_access": not subscriptions and not version.security.get("public"),
        "tried": tried,
        "grpcurl": grpcurl(version, shape) if shape.kind == "grpc" else "",
    }


def environment_of(version: ApiVersion, wish: str) -> str:
    """The wish where the version is served there; else the sandbox, where a try does no harm, or what there is."""
    urls = version.base_urls
    return wish if wish in urls else "sandbox" if "sandbox" in urls else next(iter(urls), "")


def grpcurl(version: ApiVersion, shape: Shape) -> str:
    """A call for a shell. `-proto` is the file that the page offers for download."""
    url = version.base_urls[environment_of(version, "")]
    host = url.partition("://")[2].partition("/")[0]
    plain = " -plaintext" if url.startswith("http://") else ""
    method = shape.path.strip("/")
    return (
        f"grpcurl{plain} -proto {version.api.slug}.proto \\\n"
        "  -H 'Authorization: Bearer ACCESS_TOKEN' \\\n"
        f"  -d '{{}}' {host} {method}"
    )
