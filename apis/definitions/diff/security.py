"""Compares what operations ask of a caller."""

from collections.abc import Sequence

from apis.definitions.diff.scope import Scope
from apis.definitions.diff.views import Need

PLACE = ("security",)


def compare_security(scope: Scope, old: Sequence[Need], new: Sequence[Need]) -> None:
    """Every old way to be let in has to suffice still; ways that nothing asked for before are safe."""
    if is_open(old) and is_open(new):
        return
    if is_open(old):
        message = "The operation asks for authentication now."
        scope.add("security-required", message, PLACE, new=described(new))
    elif is_open(new):
        message = "The operation can be called without authentication now."
        scope.add("security-dropped", message, PLACE, old=described(old))
    else:
        compare_needs(scope, old, new)


def is_open(needs: Sequence[Need]) -> bool:
    """Whether one can do without any credential."""
    return not needs or any(not need for need in needs)


def compare_needs(scope: Scope, old: Sequence[Need], new: Sequence[Need]) -> None:
    """Alternatives on both sides."""
    for need in old:
        if any(suffices(need, other) for other in new):
            continue
        like = next((other for other in new if other.keys() == need.keys()), None)
        if like is None:
            message = f"{name_of(need)} alone is no longer enough to be let in."
            scope.add("security-changed", message, PLACE, old=name_of(need), new=described(new))
        else:
            for scope_name in sorted(scopes_of(like) - scopes_of(need)):
                message = f"The scope {scope_name[:100]} is needed now."
                scope.add("scope-added", message, PLACE, new=scope_name)
    for need in new:
        if any(suffices(need, other) for other in old):
            continue
        like = next((other for other in old if other.keys() == need.keys()), None)
        if like is None:
            scope.add("security-added", f"{name_of(need)} lets callers in now.", PLACE, new=name_of(need))
        else:
            for scope_name in sorted(scopes_of(like) - scopes_of(need)):
                message = f"The scope {scope_name[:100]} is no longer needed."
                scope.add("scope-removed", message, PLACE, old=scope_name)


def suffices(have: Need, asked: Need) -> bool:
    """Whether who meets one need meets the other too."""
    return all(scheme in have and scopes <= have[scheme] for scheme, scopes in asked.items())


def scopes_of(need: Need) -> frozenset[str]:
    """All scopes of one alternative."""
    return frozenset().union(*need.values())


def described(needs: Sequence[Need]) -> str:
    """The alternatives as people read them."""
    return " or ".join(sorted(map(name_of, needs)))


def name_of(need: Need) -> str:
    """One alternative as people read it."""
    parts = []
    for scheme, scopes in sorted(need.items()):
        name = " ".join(filter(None, scheme))
        parts.append(f"{name} ({', '.join(sorted(scopes))})" if scopes else name)
    return " with ".join(parts)[:200] or "Nothing"
