"""Where the routes of one environment send requests: a Backend of APK, or a Service."""

from collections.abc import Iterator
from typing import Any

from apis.sources.addresses import checked_url, service_url
from apis.sources.apk.kinds import BACKENDS, DP, ENVOY_BACKENDS, TLS_POLICIES, attached, newest
from apis.sources.apk.values import mapping, mappings
from apis.sources.fields import SLUG, Report, plain_text, shown
from apis.sources.gateway_api import BackendRef, RouteRule
from apis.sources.published import Upstream
from apis.sources.source import LookUp, Target
from portal.errors import Invalid
from portal.kube import KubeObject

ENVOY = ENVOY_BACKENDS[0].group
USABLE = ((DP, "Backend"), (ENVOY, "Backend"), ("", "Service"))
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
# What a Backend states for the cluster's own gateway alone.
NOT_ENFORCED = {
    "security": "has credentials that the cluster's own gateway sends along; Portico's gateway sends none.",
    "tls": "has certificates of its own, which Portico's gateway does not read.",
    "circuitBreaker": "has a circuit breaker, which Portico's gateway does not apply.",
    "healthCheck": "has a health check, which Portico's gateway does not make.",
    "retry": "is tried again by the cluster's own gateway; Portico's gateway tries once.",
}


class Backends:
    """Finds the one address that an environment's rules agree on. Problems go to the report, at `field`."""

    def __init__(self, look_up: LookUp, report: Report, field: str) -> None:
        self.look_up = look_up
        self.report = report
        self.field = field
        self.sentences: list[str] = []

    def upstream(self, rules: tuple[RouteRule, ...], environment: str) -> Upstream | None:
        """The first backend in the order of the rules; a sentence names the others.

        Portico's gateway knows one address for an environment. The first is taken because an API without any would
        be no use at all, and the sentence tells its publisher what to merge.
        """
        refs = list(dict.fromkeys(ref for rule in rules for ref in rule.backends))
        targets = list(dict.fromkeys((ref.kind, ref.namespace, ref.name, ref.port) for ref in refs))
        usable = [ref for ref in refs if (ref.group, ref.kind) in USABLE]
        if not usable:
            self.sentences.append(
                f"No route of {environment} names a backend that Portico's gateway can call; it is not served there."
            )
            return None
        if len(targets) > 1:
            names = ", ".join(f"{kind} {namespace}/{name}" for kind, namespace, name, _ in targets[:10])
            self.sentences.append(
                f"The routes of {environment} share requests out among {names[:1_000]}; Portico's gateway sends all of them "
                f"to {usable[0].kind} {usable[0].namespace}/{usable[0].name}."
            )
        return self.service(usable[0]) if usable[0].kind == "Service" else self.backend(usable[0])

    def service(self, ref: BackendRef) -> Upstream | None:
        """A Service, which has to be named with its port."""
        if not (ref.port and SLUG.fullmatch(ref.name) and SLUG.fullmatch(ref.namespace)):
            message = f"Service {ref.namespace}/{ref.name} is named without a port, or is no Service's name"
            self.report.add(self.field, message[:500], "Name the Service and its port in the route.")
            return None
        return Upstream(service_url(ref.name, ref.namespace, ref.port))

    def backend(self, ref: BackendRef) -> Upstream | None:
        """A Backend, which has exactly one host."""
        name = f"Backend {ref.namespace}/{ref.name}"
        kinds = ENVOY_BACKENDS if ref.group == ENVOY else BACKENDS
        found = newest(self.look_up, kinds, ref.namespace, ref.name)
        if found is None:
            remedy = "Create it, or name another one in the route. Portico will notice."
            self.report.add(self.field, f"{name} is not there", remedy)
            return None
        try:
            stated = self.envoy_address(found) if ref.group == ENVOY else address_of(found)
            url = checked_url(stated, found.namespace)
        except Invalid as error:
            self.report.add(self.field, f"{name}: {error.message}"[:900], error.remedy)
            return None
        spec = mapping(found.body.get("spec"))
        self.sentences += [f"{name} {sentence}" for key, sentence in NOT_ENFORCED.items() if spec.get(key)]
        return Upstream(url, timeout_of(spec), backend=name)

    def envoy_address(self, backend: KubeObject) -> str:
        """The address of the first endpoint of Envoy Gateway's Backend. Raises Invalid where it states none.

        It speaks TLS where it says so itself, or where a BackendTLSPolicy points at it.
        """
        spec = mapping(backend.body.get("spec"))
        endpoints = mappings(spec, "endpoints")
        endpoint = mapping(endpoints[0].get("fqdn") or endpoints[0].get("ip")) if endpoints else {}
        host, port = endpoint.get("hostname") or endpoint.get("address"), endpoint.get("port")
        if not isinstance(host, str) or type(port) is not int:
            raise Invalid("spec.endpoints has no host and port", remedy="Give one endpoint by fqdn or ip.")
        if len(endpoints) > 1:
            self.sentences.append(
                f"Backend {backend.namespace}/{backend.name} has several endpoints; Portico's gateway uses {host[:253]}."
            )
        policies = attached(self.look_up, TLS_POLICIES, backend)
        self.sentences += [
            f"BackendTLSPolicy {policy.name} {NOT_ENFORCED['tls']}" for policy in policies[:10]
        ]
        tls = mapping(spec.get("tls")) or policies
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if tls else 'http'}://{host[:260]}:{port}"


def tls_targets(policy: KubeObject) -> Iterator[Target]:
    """What a BackendTLSPolicy points at."""
    for ref in mappings(mapping(policy.body.get("spec")), "targetRefs"):
        group, kind, name = (plain_text(ref.get(key), 253) for key in ("group", "kind", "name"))
        if kind and name:
            yield Target(group, kind, policy.namespace, name)


def address_of(backend: KubeObject) -> str:
    """The address that a Backend states. Raises Invalid where it states none."""
    spec = mapping(backend.body.get("spec"))
    service = next(iter(mappings(spec, "services")), {})
    host, port = plain_text(service.get("host"), 253), service.get("port")
    protocol = plain_text(spec.get("protocol"), 20) or "http"
    if not host or type(port) is not int:
        raise Invalid("spec.services has no host and port", remedy="Give one host and port.")
    if protocol not in SCHEMES:
        raise Invalid(f"spec.protocol is {shown(protocol)}", remedy="Give one of http, https, ws and wss.")
    path = plain_text(spec.get("basePath"), 500).strip("/")
    return f"{SCHEMES[protocol]}://{host}:{port}" + (f"/{path}" if path else "")


def timeout_of(spec: dict[Any, Any]) -> int:
    """How long the backend may take, in seconds."""
    seconds = mapping(spec.get("timeout")).get("upstreamResponseTimeout")
    return min(seconds, 600) if type(seconds) is int and seconds > 0 else 30


def rule_sentences(rules: tuple[RouteRule, ...]) -> Iterator[str]:
    """What rules state about matching and forwarding that Portico's gateway does not do."""
    besides = sorted({word for rule in rules for match in rule.matches for word in match.besides})
    if besides:
        yield f"Routes match on {' and '.join(besides)} too; Portico's gateway matches path and method alone."
    if any(rule.timeout for rule in rules):
        yield "Some routes have timeouts of their own, which Portico's gateway does not apply."
    if any(ref.filtered for rule in rules for ref in rule.backends):
        yield "Some backends have filters of their own, which Portico's gateway does not apply."
