"""Large route tables: some fifty comparisons find the operation among thousands.

Envoy compares the routes of a list one after the other, and each template is an expression of its own: 5,000 of them
took 12 ms of every call, with or without a credential. Here the method is looked up first, and then one expression says
for a whole group of routes whether any of them is meant. What it says is exact and the groups keep the list's order, so
that the route found is the one that the list would have found.
"""

import re
from typing import Any

from gateway.targets.envoy.replies import TYPE

# As many are compared one by one.
FEW = 32
_BRANCHES = 16
# Characters of the expressions that one expression joins: RE2 makes up to three times as many instructions of them.
_LONGEST = 6000
_ROUTE_LIST = TYPE + "envoy.config.route.v3.RouteList"
_HEADER_INPUT = TYPE + "envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
_PREFLIGHT = "access-control-request-method"
# Where a method goes that no route names.
_ANY = ""
Route = dict[str, Any]


def first_match(routes: list[Route], otherwise: Route) -> dict[str, Any]:
    """A matcher's on_match that takes the first of `routes` that a request matches, or else `otherwise`."""
    if len(routes) <= FEW:
        return _listed([*routes, otherwise])
    methods = sorted({_method(route) for route in routes} | {_ANY})
    branches = {
        method: _of_method(method, [r for r in routes if _method(r) in (method, _ANY)], otherwise)
        for method in methods
    }
    rest = branches.pop(_ANY)
    if not branches:
        return rest
    tree = {"input": header_input(":method"), "exact_match_map": {"map": branches}}
    return {"matcher": {"matcher_tree": tree, "on_no_match": rest}}


def _of_method(method: str, routes: list[Route], otherwise: Route) -> dict[str, Any]:
    """A preflight's route is told by a header too: those who do not send it get the tree without."""
    plain = [route for route in routes if not _is_preflight(route)]
    tree = _tree(plain, otherwise)
    if len(plain) == len(routes):
        return tree
    asked = {"predicate": _single(_PREFLIGHT, r"\C*"), "on_match": _tree(routes, otherwise)}
    return {"matcher": {"matcher_list": {"matchers": [asked]}, "on_no_match": tree}}


def _tree(routes: list[Route], otherwise: Route) -> dict[str, Any]:
    if len(routes) <= FEW:
        return _listed([*routes, otherwise])
    matchers = [
        {"predicate": _any_of(group), "on_match": _tree(group, otherwise)} for group in _groups(routes)
    ]
    return {"matcher": {"matcher_list": {"matchers": matchers}, "on_no_match": _listed([otherwise])}}


def _groups(routes: list[Route]) -> list[list[Route]]:
    """Slices in order, of which each is smaller than the whole."""
    size = max(FEW // 2, -(-len(routes) // _BRANCHES))
    groups: list[list[Route]] = []
    length = 0
    for route in routes:
        own = len(_expression(route))
        if not groups or len(groups[-1]) == size or length + own > _LONGEST:
            groups.append([])
            length = 0
        groups[-1].append(route)
        length += own
    return groups


def _any_of(routes: list[Route]) -> dict[str, Any]:
    """Whether one of them has this path. The header ends with the query, which may be any bytes."""
    return _single(":path", f"(?:{'|'.join(map(_expression, routes))})(?:\\?\\C*)?")


def _expression(route: Route) -> str:
    """What the route's match says of the path, for a text that may go on with a query."""
    match: dict[str, Any] = route["match"]
    if "path" in match:
        return re.escape(match["path"])
    if "path_separated_prefix" in match:
        return f"{re.escape(match['path_separated_prefix'])}(?:/\\C*)?"
    expression: str = match["safe_regex"]["regex"]
    # Literal brackets are escaped, so these are the variables.
    return expression.replace("[^/]+", "[^/?]+")


def _method(route: Route) -> str:
    values = (
        header["string_match"]["exact"]
        for header in route["match"].get("headers", ())
        if header["name"] == ":method"
    )
    return next(values, _ANY)


def _is_preflight(route: Route) -> bool:
    return any(header["name"] == _PREFLIGHT for header in route["match"].get("headers", ()))


def _listed(routes: list[Route]) -> dict[str, Any]:
    return {"action": {"name": "routes", "typed_config": {"@type": _ROUTE_LIST, "routes": routes}}}


def _single(header: str, expression: str) -> dict[str, Any]:
    match = {"safe_regex": {"google_re2": {}, "regex": expression}}
    return {"single_predicate": {"input": header_input(header), "value_match": match}}


def header_input(name: str) -> dict[str, Any]:
    """A matcher's input: the value of a request's header."""
    return {"name": "h", "typed_config": {"@type": _HEADER_INPUT, "header_name": name}}
