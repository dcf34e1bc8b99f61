"""Security requirements and scopes, which OpenAPI and AsyncAPI write in the same way."""

from collections.abc import Mapping
from typing import Any

from apis.definitions.reader import LONGEST_NAME, Path, Reader

Schemes = dict[str, tuple[dict[Any, Any], Path]]
# The scopes of each scheme, with their descriptions.
Declared = Mapping[str, Mapping[str, str]]

# Only these kinds of scheme have scopes; for the others OpenAPI 3.1 allows role names, which a token does not carry.
WITH_SCOPES = ("oauth2", "openIdConnect")


def declared_scopes(reader: Reader, schemes: Schemes) -> Declared:
    """The scopes of every scheme."""
    return {name: scopes_of(reader, scheme, place) for name, (scheme, place) in schemes.items()}


def scopes_of(reader: Reader, scheme: dict[Any, Any], place: Path) -> dict[str, str]:
    """The scopes that one scheme declares, with their descriptions."""
    scopes = {}
    flows = reader.items(scheme.get("flows"), (*place, "flows"))
    for flow, path in [(scheme, place), *((flow, path) for _, flow, path in flows)]:
        stated = reader.mapping(flow, path)
        # AsyncAPI 3 says availableScopes in flows; its `scopes` beside the flows is a list of what is needed.
        name = "availableScopes" if "availableScopes" in stated else "scopes"
        if isinstance(stated.get(name), list):
            continue
        for scope, description, where in reader.items(stated.get(name), (*path, name)):
            scopes[scope[:LONGEST_NAME]] = reader.text(description, where)
    return scopes


def all_scopes(declared: Declared) -> dict[str, str]:
    """Every scope of every scheme, with its description."""
    return {scope: text for scopes in declared.values() for scope, text in scopes.items()}


def asked_scopes(
    reader: Reader, value: Any, path: Path, declared: Mapping[str, str] | None
) -> tuple[str, ...]:
    """The scopes of a list; those that are not among the declared ones are found. None: any may be asked for."""
    scopes = []
    for entry, where in reader.entries(value, path):
        scope = reader.text(entry, where)[:LONGEST_NAME]
        if not scope:
            continue
        scopes.append(scope)
        if declared is not None and scope not in declared:
            message = f"The scope {scope} is used but its security scheme does not declare it"
            reader.find("undefined-scope", message, where)
    return tuple(dict.fromkeys(scopes))


def required_scopes(
    reader: Reader, value: Any, path: Path, schemes: Schemes, declared: Declared | None = None
) -> tuple[str, ...]:
    """The scopes that a `security` list asks for.

    The list gives alternatives. A token is let through by one set of scopes, so the first alternative that a token can
    meet counts; where a later one asks for other scopes there is a finding.
    """
    alternatives = []
    for stated, place in reader.entries(value, path):
        scopes: list[str] = []
        takes_token = False
        for name, listed, where in reader.items(stated, place):
            kind = scheme_kind(reader, name, where, schemes)
            # A scheme that nobody declared is taken for a token scheme where scopes are listed with it.
            if kind in WITH_SCOPES or (not kind and listed):
                takes_token = True
                known = declared.get(name) if declared is not None and kind == "oauth2" else None
                scopes.extend(asked_scopes(reader, listed, where, known))
        if takes_token:
            alternatives.append(tuple(dict.fromkeys(scopes)))
    if len(set(alternatives)) > 1:
        message = "Several alternatives ask for different scopes; the first one is enforced"
        reader.find("alternative-scopes", message, path)
    return alternatives[0] if alternatives else ()


def scheme_kind(reader: Reader, name: str, path: Path, schemes: Schemes) -> str:
    """The type of a scheme, empty if it is not declared, which is a finding."""
    if name not in schemes:
        reader.find(
            "undefined-security-scheme", f"The security scheme {name[:200]} is used but not defined", path
        )
        return ""
    scheme, place = schemes[name]
    return reader.text(scheme.get("type"), (*place, "type"))
