"""Scope objects that routes name: the scopes that operations of the definition need."""

from collections.abc import Iterator

from apis import definitions
from apis.definitions import sandbox
from apis.sources.apk.filters import extensions_of, normal, relative
from apis.sources.apk.kinds import DP, SCOPES, newest
from apis.sources.apk.values import mapping, texts
from apis.sources.fields import Report
from apis.sources.gateway_api import EXACT, PREFIX, REGEX, Match, RouteRule
from apis.sources.portico_v1alpha1 import SCOPE
from apis.sources.published import DefinitionText, OperationScopes
from apis.sources.source import LookUp
from portal.errors import PorticoError


class Scopes:
    """Collects the scopes of the rules, environment by environment, and finds the operations that they are about."""

    def __init__(self, namespace: str, context: str, look_up: LookUp, report: Report) -> None:
        self.namespace = namespace
        self.context = context
        self.look_up = look_up
        self.report = report
        self.sentences: list[str] = []
        self._rules: list[dict[tuple[str, str], list[tuple[Match, tuple[str, ...]]]]] = []

    def add(self, rules: tuple[RouteRule, ...], field: str) -> None:
        """The rules of one environment."""
        by_path: dict[tuple[str, str], list[tuple[Match, tuple[str, ...]]]] = {}
        for rule in rules:
            scopes = self.scopes_of(rule, field)
            for match in rule.matches:
                path = normal(relative(match.path, self.context))
                path = path if match.type == EXACT else path.rstrip("/")
                by_path.setdefault((match.type, path), []).append((match, scopes))
        if any(scopes for entries in by_path.values() for _, scopes in entries):
            self._rules.append(by_path)

    def scopes_of(self, rule: RouteRule, field: str) -> tuple[str, ...]:
        """The scopes that one rule asks for."""
        found: list[str] = []
        for group, kind, name in extensions_of(rule):
            if (group, kind) != (DP, "Scope"):
                continue
            scope = newest(self.look_up, SCOPES, self.namespace, name)
            if scope is None:
                message = f"Scope {self.namespace}/{name} is not there"
                self.report.add(
                    field, message, "Create it, or take it out of the route. Portico will notice."
                )
                continue
            names = [
                text for text in texts(mapping(scope.body.get("spec")), "names") if SCOPE.fullmatch(text)
            ]
            if not names:
                message = f"Scope {self.namespace}/{name} names no scope"
                self.report.add(field, message, "Give spec.names scopes as RFC 6749 allows them.")
            found += names
        return tuple(dict.fromkeys(found))

    def nowhere(self) -> None:
        """Says that the scopes are not enforced, where all operations of an API are one path."""
        stated = (scopes for by_path in self._rules for entries in by_path.values() for _, scopes in entries)
        if names := dict.fromkeys(scope for scopes in stated for scope in scopes):
            listed = ", ".join(names)[:500]
            self.sentences.append(
                f"Scopes of single operations are stated ({listed}), which Portico's gateway cannot tell apart here."
            )

    def operations(self, definition: DefinitionText | None) -> Iterator[OperationScopes]:
        """The operations that need scopes. What no operation of the definition fits becomes a sentence."""
        used: set[tuple[Match, tuple[str, ...]]] = set()
        for operation in operations_in(definition) if self._rules else ():
            best = [self.best(by_path, operation) for by_path in self._rules]
            used.update(entry for entry in best if entry)
            scopes = tuple(dict.fromkeys(scope for entry in best if entry for scope in entry[1]))
            if scopes:
                yield OperationScopes(operation.method, operation.path, scopes)
        self.tell(used)

    def best(
        self,
        by_path: dict[tuple[str, str], list[tuple[Match, tuple[str, ...]]]],
        operation: definitions.Operation,
    ) -> tuple[Match, tuple[str, ...]] | None:
        """The match that a request for the operation takes: an exact path first, then the longest prefix."""
        path = normal(operation.path)
        parts = path.rstrip("/").split("/")
        keys = [(EXACT, path), (REGEX, path.rstrip("/"))]
        keys += [(PREFIX, "/".join(parts[:length])) for length in range(len(parts), 0, -1)]
        for key in keys:
            fitting = [entry for entry in by_path.get(key, ()) if entry[0].method in ("", operation.method)]
            if fitting:
                return max(fitting, key=lambda entry: bool(entry[0].method))
        return None

    def tell(self, used: set[tuple[Match, tuple[str, ...]]]) -> None:
        """Sentences about scopes that are not enforced as the cluster does it."""
        stated = [entry for by_path in self._rules for entries in by_path.values() for entry in entries]
        lost = [entry for entry in dict.fromkeys(stated) if entry[1] and entry not in used]
        for match, scopes in lost[:20]:
            called = f"{match.method or 'any method'} {match.path}"
            self.sentences.append(
                f"Scopes {', '.join(scopes)[:300]} are stated for {called[:300]}, where the definition has no operation."
            )
        if len(lost) > 20:
            self.sentences.append(f"Scopes are stated for {len(lost) - 20} more paths without an operation.")
        if any(len(scopes) > 1 for _, scopes in used):
            self.sentences.append(
                "The cluster's own gateway takes any one of the scopes of an operation; Portico's asks for all."
            )


def operations_in(definition: DefinitionText | None) -> tuple[definitions.Operation, ...]:
    """The operations of the definition, none where it cannot be read, which is told elsewhere."""
    try:
        return sandbox.parse(definition.text).operations if definition else ()
    except PorticoError:
        return ()
