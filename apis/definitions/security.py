"""Security requirements and scopes, which OpenAPI and AsyncAPI write in the same way."""

from typing import Any

from apis.definitions.reader import Path, Reader

Schemes = dict[str, tuple[dict[Any, Any], Path]]

# Only these kinds of scheme have scopes; for the others OpenAPI 3.1 allows role names, which a token does not carry.
WITH_SCOPES = ("oauth2", "openIdConnect")


def declared_scopes(reader: Reader, schemes: Schemes) -> dict[str, str]:
    """Every scope of every scheme, with its description."""
    scopes = {}
    for scheme, place in schemes.values():
        flows = [
            (scheme, place),
            *((flow, path) for _, flow, path in reader.items(scheme.get("flows"), (*place, "flows"))),
        ]
        for flow, path in flows:
            stated = reader.mapping(flow, path)
            # AsyncAPI 3 says availableScopes in flows; its `scopes` beside the flows is a list of what is needed.
            name = "availableScopes" if "availableScopes" in stated else "scopes"
            if isinstance(stated.get(name), list):
                continue
            for scope, description, where in reader.items(stated.get(name), (*path, name)):
                scopes[scope] = reader.text(description, where)
    return scopes


def required_scopes(reader: Reader, value: Any, path: Path, schemes: Schemes) -> tuple[str, ...]:
    """The scopes that a `security` list asks for.

    The list gives alternatives. A token is let through by one set of scopes, so the first alternative that a token can
    meet counts; where a later one asks for other scopes there is a finding.
    """
    alternatives = []
    for index, stated in enumerate(reader.sequence(value, path)):
        place = (*path, index)
        scopes: list[str] = []
        takes_token = False
        for name, listed, where in reader.items(stated, place):
            kind = scheme_kind(reader, name, where, schemes)
            # A scheme that nobody declared is taken for a token scheme where scopes are listed with it.
            if kind in WITH_SCOPES or (not kind and listed):
                takes_token = True
                scopes.extend(reader.texts(listed, where))
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
