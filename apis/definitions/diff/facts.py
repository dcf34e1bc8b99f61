"""What differs between two schemas themselves, without those that they hold."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from apis.definitions.diff.changes import ABSENT
from apis.definitions.diff.shapes import LIMITS, Shape

# Each holds all values of the one before it.
LARGER_FORMATS = {("int32", "int64"), ("float", "double")}
MOST_VALUES_NAMED = 10

Steps = tuple[str | int, ...]


class Fact(NamedTuple):
    """A difference at a place below a schema. `predicate` makes a sentence after the place's name."""

    code: str
    predicate: str
    old: Any = ABSENT
    new: Any = ABSENT
    steps: Steps = ()


def own_facts(old: Shape, new: Shape) -> Iterator[Fact]:
    """Everything about the values themselves, types left out."""
    yield from enum_facts(old, new)
    yield from limit_facts(old, new)
    yield from format_facts(old, new)
    yield from pattern_facts(old, new)
    yield from default_facts(old, new)
    yield from additional_facts(old, new)
    yield from discriminator_facts(old, new)
    yield from other_facts(old, new)
    if new.deprecated and not old.deprecated:
        yield Fact("schema-deprecated", "is deprecated now", old=False, new=True)


def type_facts(old: Shape, new: Shape) -> Iterator[Fact]:
    """Types, and null, which OpenAPI 3.0 keeps apart from them."""
    if old.types != new.types:
        fewer = new.types is not None and (old.types is None or bool(old.types - new.types))
        more = old.types is not None and (new.types is None or bool(new.types - old.types))
        code = "type-changed" if fewer and more else "type-narrowed" if fewer else "type-widened"
        before, after = type_names(old), type_names(new)
        yield Fact(code, f"is {after} instead of {before}", before, after, ("type",))
    if old.null != new.null and (old.types is None) == (new.types is None):
        code = "null-allowed" if new.null else "null-forbidden"
        yield Fact(code, "may be null now" if new.null else "may no longer be null", old.null, new.null)


def disjoint(old: Shape, new: Shape) -> bool:
    """Whether no value can be of both types, so that nothing more is worth comparing."""
    return old.types is not None and new.types is not None and not old.types & new.types


def type_names(shape: Shape) -> str:
    """The types as people name them."""
    types = shape.types
    if types is None:
        return "any type"
    return " or ".join(sorted(types - {"integer"} if "number" in types else types)) or "no type"


def enum_facts(old: Shape, new: Shape) -> Iterator[Fact]:
    """Possible values; a list that comes or goes as a whole is one change."""
    step = ("enum",)
    if old.enum is None and new.enum is not None:
        yield Fact(
            "enum-introduced", f"is now one of {named(new.enum)}", new=[*new.enum.values()], steps=step
        )
    elif old.enum is not None and new.enum is None:
        yield Fact("enum-dropped", "is no longer one of a list of values", [*old.enum.values()], steps=step)
    elif old.enum is not None and new.enum is not None and old.enum.keys() != new.enum.keys():
        gone = {key: value for key, value in old.enum.items() if key not in new.enum}
        come = {key: value for key, value in new.enum.items() if key not in old.enum}
        if gone:
            yield Fact("enum-value-removed", f"can no longer be {named(gone)}", sorted(gone), steps=step)
        if come:
            yield Fact("enum-value-added", f"can now be {named(come)}", new=sorted(come), steps=step)


def named(values: dict[str, Any]) -> str:
    """Some of the values, in an order of their own."""
    shown = [key[:60] for key in sorted(values)[:MOST_VALUES_NAMED]]
    more = len(values) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "") if shown else "no value at all"


def limit_facts(old: Shape, new: Shape) -> Iterator[Fact]:
    """Lengths, sizes and bounds."""
    for keyword in LIMITS:
        before, after = old.limits.get(keyword), new.limits.get(keyword)
        if (before and before[0]) == (after and after[0]):
            continue
        tighter = after is not None and (before is None or after[0] > before[0])
        code = "limit-tightened" if tighter else "limit-loosened"
        stated = f"has {keyword} {limit_text(after)}" if after else f"has no {keyword} any more"
        if before and after:
            stated += f" instead of {limit_text(before)}"
        yield Fact(code, stated, before[1] if before else ABSENT, after[1] if after else ABSENT, (keyword,))


def limit_text(limit: tuple[tuple[Any, bool], Any]) -> str:
    """The number, and whether it is itself ruled out."""
    return f"{limit[1]}{' (exclusive)' if limit[0][1] else ''}"


def format_facts(old: Shape, new: Shape) -> Iterator[Fact]:
    """Formats; of the usual numeric ones it is known which holds the other."""
    if old.format == new.format:
        return
    if not old.format or (new.format, old.format) in LARGER_FORMATS:
        code = "format-narrowed"
    elif not new.format or (old.format, new.format) in LARGER_FORMATS:
        code = "format-widened"
    else:
        code = "format-changed"
    stated = f"has the format {new.format[:60]}" if new.format else "has no format any more"
    before, after = old.format or ABSENT, new.format or ABSENT
    yield Fact(
        code,
        f"{stated} instead of {old.format[:60]}" if old.format and new.format else stated,
        before,
        after,
        ("format",),
    )


def pattern_facts(old: Shape, new: Shape) -> Iterator[Fact]:
    """Patterns are compared as written: which of two takes more is not decided."""
    if old.patterns == new.patterns:
        return
    if old.patterns < new.patterns:
        code, stated = "pattern-added", "has to match a pattern now"
    elif new.patterns < old.patterns:
        code, stated = "pattern-removed", "no longer has to match a pattern"
    else:
        code, stated = "pattern-changed", "has to match another pattern"
    yield Fact(code, stated, one_text(old.patterns), one_text(new.patterns), ("pattern",))


def one_text(texts: set[str]) -> Any:
    """The texts as one, ABSENT if there are none."""
    return " and ".join(sorted(texts)) if texts else ABSENT


def default_facts(old: Shape, new: Shape) -> Iterator[Fact]:
    """What counts for a value that is left out."""
    if old.default is ABSENT and new.default is not ABSENT:
        yield Fact("default-added", "has a default now", new=new.default, steps=("default",))
    elif old.default is not ABSENT and (
        new.default is ABSENT or (type_key(old.default) != type_key(new.default))
    ):
        stated = "has no default any more" if new.default is ABSENT else "has another default"
        yield Fact("default-changed", stated, old.default, new.default, ("default",))


def type_key(value: Any) -> Any:
    """The value so that true is not 1."""
    return repr(value) if isinstance(value, bool) else value


def additional_facts(old: Shape, new: Shape) -> Iterator[Fact]:
    """Properties that are not described: ruled out, free, or by a schema (then compared as such)."""
    before, after = old.additional, new.additional
    if (before is False) == (after is False) and (before is True) == (after is True):
        return
    if after is False:
        code, stated = "additional-properties-forbidden", "takes no other properties any more"
    elif before is True:
        code, stated = "additional-properties-restricted", "has other properties only by a schema now"
    else:
        code, stated = "additional-properties-allowed", "takes other properties now"
    yield Fact(code, stated, before, after, ("additionalProperties",))


def discriminator_facts(old: Shape, new: Shape) -> Iterator[Fact]:
    """What tells alternatives apart."""
    step = ("discriminator",)
    if old.discriminator != new.discriminator:
        code = (
            "discriminator-changed"
            if old.discriminator and new.discriminator
            else "discriminator-mapping-changed"
        )
        before, after = old.discriminator or ABSENT, new.discriminator or ABSENT
        yield Fact(code, "is told apart by another property", before, after, step)
    elif old.mapping != new.mapping:
        stated = "is told apart by other values"
        yield Fact(
            "discriminator-mapping-changed", stated, old.mapping or ABSENT, new.mapping or ABSENT, step
        )


def other_facts(old: Shape, new: Shape) -> Iterator[Fact]:
    """Keywords that are only compared as they are written."""
    for keyword in old.others.keys() | new.others.keys():
        before, after = old.others.get(keyword, set()), new.others.get(keyword, set())
        if before != after:
            code = "reference-changed" if keyword == "$ref" else "schema-rule-changed"
            stated = "refers to something else" if keyword == "$ref" else f"has another rule `{keyword}`"
            yield Fact(code, stated, one_text(before), one_text(after), (keyword,))
    if len(old.prefix) != len(new.prefix):
        stated = "describes another number of first entries"
        yield Fact("schema-rule-changed", stated, len(old.prefix), len(new.prefix), ("prefixItems",))
