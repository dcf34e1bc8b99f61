"""The routes of an API: HTTPRoutes, GQLRoutes and GRPCRoutes, read into one form."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from apis.sources.apk.backends import Backends, rule_sentences
from apis.sources.apk.filters import extensions_of, mediation_of
from apis.sources.apk.kinds import DP, GQLROUTES, GRPCROUTES, HTTPROUTES, newest
from apis.sources.apk.scopes import Scopes
from apis.sources.apk.values import mapping, mappings
from apis.sources.fields import Report, plain_text
from apis.sources.gateway_api import (
    EXACT,
    GATEWAY,
    REGEX,
    Match,
    RouteRule,
    backends_of,
    hostnames_of,
    parents_of,
    rules_of,
)
from apis.sources.published import Cors, DefinitionText, Mediation, OperationScopes, Upstream
from apis.sources.source import LookUp
from portal.kube import Kind, KubeObject

KINDS_OF_TYPE = {"graphql": GQLROUTES, "grpc": GRPCROUTES}


@dataclass(slots=True)
class Serving:
    """What the routes of all environments say together."""

    upstreams: dict[str, Upstream] = field(default_factory=dict)
    mediation: Mediation = field(default_factory=Mediation)
    scopes: tuple[OperationScopes, ...] = ()
    sentences: tuple[str, ...] = ()


class Routes:
    """Reads the routes of one API. Problems go to the report, at the field that an environment's routes are named in."""

    def __init__(self, api: KubeObject, api_type: str, look_up: LookUp, report: Report) -> None:
        self.api = api
        self.type = api_type
        self.look_up = look_up
        self.report = report
        self.routes: dict[str, tuple[KubeObject, ...]] = {}
        self.fields: dict[str, str] = {}

    def add(self, environment: str, routes: tuple[KubeObject, ...], place: str) -> None:
        """The routes of one environment."""
        self.routes[environment] = (*self.routes.get(environment, ()), *routes)
        self.fields.setdefault(environment, place)

    def named(
        self, names: tuple[str, ...], place: str, kinds: tuple[Kind, ...] = ()
    ) -> tuple[KubeObject, ...]:
        """Routes by their names, in the API's namespace: of the kinds given, else of those that the API's type has."""
        kinds = kinds or KINDS_OF_TYPE.get(self.type, HTTPROUTES)
        found = []
        for index, name in enumerate(names):
            route = newest(self.look_up, kinds, self.api.namespace, name)
            if route:
                found.append(route)
            else:
                message = f"{kinds[0].kind} {self.api.namespace}/{name} is not there"
                remedy = "Create it, or name another one. Portico will notice."
                self.report.add(f"{place}[{index}]", message, remedy)
        return tuple(found)

    def gateways(self) -> tuple[KubeObject, ...]:
        """The Gateways that the routes hang on, whose policies count as well."""
        parents = [
            parent for routes in self.routes.values() for route in routes for parent in parents_of(route)
        ]
        places = {(p.namespace, p.name): None for p in parents if p.kind == GATEWAY.kind and p.name}
        found = (self.look_up(GATEWAY, namespace, name) for namespace, name in list(places)[:10])
        return tuple(gateway for gateway in found if gateway)

    def read(self, context: str, definition: DefinitionText | None, cors: Cors | None) -> Serving:
        """Everything that the routes say. `context` is what their paths have in common with the base path."""
        by_environment = {
            environment: tuple(rule for route in routes for rule in all_rules(route))
            for environment, routes in self.routes.items()
        }
        rules = tuple(rule for found in by_environment.values() for rule in found)
        upstreams, about_backends = self.upstreams(by_environment)
        scopes, about_scopes = self.scopes(by_environment, context, definition)
        mediation, about_filters = mediation_of(rules, context, cors)
        if self.type == "graphql":
            mediation = Mediation(mediation.request_headers, mediation.response_headers, cors=cors)
        sentences = (
            *about_backends,
            *about_scopes,
            *about_filters,
            *rule_sentences(rules),
            *extension_sentences(rules),
            *self.hosts(),
        )
        return Serving(upstreams, mediation, scopes, sentences)

    def upstreams(
        self, rules: dict[str, tuple[RouteRule, ...]]
    ) -> tuple[dict[str, Upstream], tuple[str, ...]]:
        """The backend of each environment."""
        found, sentences = {}, []
        for environment, of_environment in rules.items():
            backends = Backends(self.look_up, self.report, self.fields[environment])
            if upstream := backends.upstream(of_environment, environment):
                found[environment] = upstream
            sentences += backends.sentences
        return found, tuple(dict.fromkeys(sentences))

    def scopes(
        self, rules: dict[str, tuple[RouteRule, ...]], context: str, definition: DefinitionText | None
    ) -> tuple[tuple[OperationScopes, ...], tuple[str, ...]]:
        """The scopes of operations. All operations of GraphQL and gRPC are one path, so theirs are only stated."""
        scopes = Scopes(self.api.namespace, context, self.look_up, self.report)
        for environment, of_environment in rules.items():
            scopes.add(of_environment, self.fields[environment])
        if self.type == "rest":
            return tuple(scopes.operations(definition)), tuple(scopes.sentences)
        scopes.nowhere()
        return (), tuple(scopes.sentences)

    def hosts(self) -> Iterator[str]:
        """Where the cluster's own gateway serves the API."""
        for environment, routes in self.routes.items():
            names = dict.fromkeys(name for route in routes for name in hostnames_of(route))
            if names:
                listed = ", ".join(list(names)[:10])
                yield f"The cluster's own gateway serves this API at {listed[:500]} too ({environment})."


def all_rules(route: KubeObject) -> tuple[RouteRule, ...]:
    """The rules of a route of any kind."""
    readers = {"GQLRoute": gql_rules, "GRPCRoute": grpc_rules}
    return readers.get(route.kind.kind, rules_of)(route)


def gql_rules(route: KubeObject) -> tuple[RouteRule, ...]:
    """The rules of a GQLRoute, all of which have the backends of the route. A rule's path is a field of the schema."""
    spec = mapping(route.body.get("spec"))
    backends = tuple(backends_of(spec, route.namespace))
    found = [
        RouteRule(
            matches=tuple(
                Match(EXACT, plain_text(match.get("path"), 1_024), plain_text(match.get("type"), 20))
                for match in mappings(rule, "matches")
            ),
            backends=backends,
            filters=tuple(mappings(rule, "filters")),
        )
        for rule in mappings(spec, "rules")
    ]
    return tuple(found) or (RouteRule((), backends, ()),)


def grpc_rules(route: KubeObject) -> tuple[RouteRule, ...]:
    """The rules of a GRPCRoute. A method is the path /service/method."""
    return tuple(
        RouteRule(
            matches=tuple(grpc_match(match) for match in mappings(rule, "matches")),
            backends=tuple(backends_of(rule, route.namespace)),
            filters=tuple(mappings(rule, "filters")),
        )
        for rule in mappings(mapping(route.body.get("spec")), "rules")
    )


def grpc_match(match: dict[Any, Any]) -> Match:
    """One match of a GRPCRoute."""
    method = mapping(match.get("method"))
    service, name = plain_text(method.get("service"), 500), plain_text(method.get("method"), 500)
    kind = REGEX if method.get("type") == REGEX else EXACT
    besides = ("headers",) if mappings(match, "headers") else ()
    return Match(kind, f"/{service or '.*'}/{name or '.*'}", besides=besides)


def extension_sentences(rules: tuple[RouteRule, ...]) -> Iterator[str]:
    """Objects that single routes name: policies for a part of the API, which Portico does not have."""
    handled = {(DP, "Scope"), (DP, "RouteMetadata")}
    named = dict.fromkeys(
        f"{kind} {name}"
        for rule in rules
        for group, kind, name in extensions_of(rule)
        if (group, kind) not in handled
    )
    for entry in list(named)[:30]:
        yield f"{entry[:300]} is stated for some routes, and works in the cluster's own gateway only."
    if len(named) > 30:
        yield f"{len(named) - 30} more objects are stated for some routes."
