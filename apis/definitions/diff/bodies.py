"""Compares what requests and responses carry."""

from collections.abc import Mapping

from apis.definitions.diff.changes import ABSENT, Direction, canonical
from apis.definitions.diff.facts import Steps
from apis.definitions.diff.scope import Scope
from apis.definitions.diff.views import Body, Media, Parameter, Response, View

REQUEST, RESPONSE = Direction


def compare_request_bodies(scope: Scope, old: Body | None, new: Body | None) -> None:
    """The request body, before and after."""
    place = ("requestBody",)
    if old is None and new is not None:
        code = "required-body-added" if new.required else "optional-body-added"
        scope.add(code, f"There is a request body now, and it is {state(new)}.", place, new=state(new))
    elif old is not None and new is None:
        scope.add("body-removed", "The request body is gone.", place, old=state(old))
    elif old is not None and new is not None:
        if old.required != new.required:
            code = "body-became-required" if new.required else "body-became-optional"
            scope.add(code, f"The request body is {state(new)} now.", place, old=state(old), new=state(new))
        compare_content(scope, old.content, new.content, REQUEST, place, "the request body")


def state(body: Body) -> str:
    """Whether a body has to be sent."""
    return "required" if body.required else "optional"


def compare_content(
    scope: Scope,
    old: Mapping[str, Media],
    new: Mapping[str, Media],
    direction: Direction,
    place: Steps,
    where: str,
) -> None:
    """Media types; one that a range such as `application/*` covers is compared with that."""
    verb = "taken" if direction is REQUEST else "sent"
    for name, media in old.items():
        path = (*place, "content", name)
        match = covering(name, new)
        if match is None:
            # A body without a described media type says nothing to compare with.
            message = f"{name[:100]} is no longer {verb} as {where}."
            scope.add("media-type-removed", message, path, direction=direction, old=name)
            continue
        after = new[match]
        scope.compare(media.schema, after.schema, direction, (*path, "schema"), where)
        if canonical(media.encoding) != canonical(after.encoding):
            message = f"The parts of {where} as {name[:100]} are written in another way."
            scope.add("encoding-changed", message, (*path, "encoding"), old=value(media), new=value(after))
    taken = {covering(other, new) for other in old}
    for name in new:
        if covering(name, old) is None and name not in taken:
            message = f"{name[:100]} is now {verb} as {where}."
            scope.add("media-type-added", message, (*place, "content", name), direction=direction, new=name)


def value(media: Media) -> object:
    """The encoding, ABSENT if there is none."""
    return ABSENT if media.encoding is None else media.encoding


def covering(name: str, content: Mapping[str, object]) -> str | None:
    """The media type, or the range that holds it."""
    for candidate in (name, name.split("/", 1)[0] + "/*", "*/*"):
        if candidate in content:
            return candidate
    return None


def compare_responses(scope: Scope, old: View, new: View) -> None:
    """Statuses; one that `4XX` or `default` covers is compared with that."""
    for code, response in old.responses.items():
        match = covering_status(code, new.responses)
        if match is None:
            kind = "success" if is_success(code) else "error"
            message = f"The status {code} is no longer described."
            scope.add(f"{kind}-status-removed", message, ("responses", code), direction=RESPONSE, old=code)
        else:
            compare_response(scope, response, new.responses[match], match)
    met = {covering_status(other, new.responses) for other in old.responses}
    for code, response in new.responses.items():
        if code in old.responses or code in met:
            continue
        match = covering_status(code, old.responses)
        # `default` promises nothing about success.
        if match is None or (match == "default" and is_success(code)):
            kind = "success" if is_success(code) else "error"
            message = f"There is a new status {code}."
            scope.add(f"{kind}-status-added", message, ("responses", code), direction=RESPONSE, new=code)
        else:
            compare_response(scope, old.responses[match], response, code)


def covering_status(code: str, responses: Mapping[str, Response]) -> str | None:
    """The status, or the range that holds it, or `default` for what is no success."""
    for candidate in (code, code[:1] + "XX", "default"):
        if candidate in responses and not (candidate == "default" and is_success(code)):
            return candidate
    return None


def is_success(code: str) -> bool:
    """Whether consumers take a status for what they asked for."""
    return code[:1] in ("1", "2", "3")


def compare_response(scope: Scope, old: Response, new: Response, code: str) -> None:
    """One answer, before and after."""
    place = ("responses", code)
    compare_headers(scope, old.headers, new.headers, code)
    compare_content(scope, old.content, new.content, RESPONSE, place, f"the response {code}")


def compare_headers(
    scope: Scope, old: Mapping[str, Parameter], new: Mapping[str, Parameter], code: str
) -> None:
    """The headers of an answer. In Swagger 2 none is promised."""
    for key, header in old.items():
        place = ("responses", code, "headers", header.name)
        named = f"The header {header.name[:100]} of the response {code}"
        after = new.get(key)
        if after is None:
            kind = "required" if header.required else "optional"
            message = f"{named} is gone."
            scope.add(f"{kind}-header-removed", message, place, direction=RESPONSE, old=header.name)
            continue
        if header.required != after.required:
            code_ = "header-became-required" if after.required else "header-became-optional"
            stated = "is always sent now" if after.required else "may be missing now"
            scope.add(
                code_,
                f"{named} {stated}.",
                place,
                direction=RESPONSE,
                old=header.required,
                new=after.required,
            )
        where = f"the header {header.name[:100]} of the response {code}"
        scope.compare(header.schema, after.schema, RESPONSE, (*place, "schema"), where)
    for key, header in new.items():
        if key not in old:
            message = f"The response {code} has a new header {header.name[:100]}."
            place = ("responses", code, "headers", header.name)
            scope.add("header-added", message, place, direction=RESPONSE, new=header.name)
