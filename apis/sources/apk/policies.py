"""Authentication and APIPolicy: how callers prove who they are, CORS, and what only the cluster's gateway does."""

from collections.abc import Iterator
from typing import Any

from apis.sources.apk.kinds import DP, attached
from apis.sources.apk.values import mapping, mappings, merged, texts
from apis.sources.fields import plain_text, shown
from apis.sources.gateway_api import GROUP
from apis.sources.mediation import HEADER_NAME, METHOD, ORIGIN
from apis.sources.published import Cors, Security
from apis.sources.source import LookUp, Target
from portal.kube import Kind, KubeObject

TARGET_KINDS = {"API": DP, "Gateway": GROUP}


def targets_of(policy: KubeObject) -> Iterator[Target]:
    """What a policy's targetRef points at. APK looks at the kind alone: its own samples give API another group."""
    ref = mapping(mapping(policy.body.get("spec")).get("targetRef"))
    kind, name = plain_text(ref.get("kind"), 63), plain_text(ref.get("name"), 253)
    if kind and name:
        namespace = plain_text(ref.get("namespace"), 63) or policy.namespace
        group = TARGET_KINDS.get(kind) or plain_text(ref.get("group"), 253)
        yield Target(group, kind, namespace, name)


class Policies:
    """The policies of an API and of the Gateways that its routes hang on."""

    def __init__(self, api: KubeObject, gateways: tuple[KubeObject, ...], look_up: LookUp) -> None:
        self.api = api
        self.gateways = gateways
        self.look_up = look_up
        self.sentences: list[str] = []

    def merged(self, kinds: tuple[Kind, ...]) -> tuple[dict[Any, Any], str]:
        """The settings that count, and the names of the policies they are from.

        `override` goes before `default`; a Gateway's override goes before the API's, and its default behind it.
        """
        own = self.first(self.api, kinds)
        above = [policy for gateway in self.gateways for policy in self.first(gateway, kinds)]
        layers = [part_of(policy, "default") for policy in (*above, *own)]
        layers += [part_of(policy, "override") for policy in (*own, *above)]
        found: dict[Any, Any] = {}
        for layer in layers:
            found = merged(found, layer)
        names = dict.fromkeys(f"{policy.kind.kind} {policy.name}" for policy in (*own, *above))
        return found, ", ".join(names)[:300]

    def first(self, to: KubeObject, kinds: tuple[Kind, ...]) -> tuple[KubeObject, ...]:
        """The first policy by name that points at an object; the others are named in a sentence."""
        found = attached(self.look_up, kinds, to)
        if len(found) > 1:
            names = ", ".join(policy.name for policy in found[1:10])
            self.sentences.append(
                f"Several objects of the kind {kinds[0].kind} point at {to.kind.kind} {to.name}; Portico reads "
                f"{found[0].name}, and not {names[:500]}."
            )
        return found[:1]

    def security(self, kinds: tuple[Kind, ...]) -> Security:
        """What callers need. As in APK a token is asked for unless it is switched off; any proof is enough."""
        stated, name = self.merged(kinds)
        if stated.get("disabled") is True:
            return Security(oauth2=False, api_key=False, public=True)
        types = mapping(stated.get("authTypes"))
        oauth2 = mapping(types.get("oauth2"))
        keys = key_entries(types.get("apiKey"))
        by_token = oauth2.get("disabled") is not True
        by_key = bool(keys) or (isinstance(types.get("apiKey"), dict) and bool(types["apiKey"]))
        self.sentences += sentences_about(types, keys, name, by_token and by_key)
        if not (by_token or by_key):
            # Whatever is asked for, nobody is let through without proof.
            self.sentences.append(
                f"{name} asks for neither token nor key; Portico's gateway asks for a token."
            )
            by_token = True
        return Security(oauth2=by_token, api_key=by_key)

    def policy(self, kinds: tuple[Kind, ...]) -> Cors | None:
        """CORS as APIPolicy states it; the rest of it becomes sentences."""
        stated, name = self.merged(kinds)
        self.sentences += policy_sentences(stated, name)
        cors = mapping(stated.get("cORSPolicy"))
        if not cors or cors.get("enabled") is False:
            return None
        return self.cors(cors, name)

    def cors(self, stated: dict[Any, Any], name: str) -> Cors:
        """What browsers are told. Entries that cannot stand in a header's list are left out and counted."""
        lists = {
            "accessControlAllowOrigins": (ORIGIN, 20),
            "accessControlAllowMethods": (METHOD, 10),
            "accessControlAllowHeaders": (HEADER_NAME, 30),
            "accessControlExposeHeaders": (HEADER_NAME, 30),
        }
        found, lost = {}, []
        for key, (pattern, most) in lists.items():
            # * for methods and headers means all; for headers it is a name, which the header's grammar allows.
            entries = texts(stated, key)
            found[key] = tuple(entry for entry in entries if pattern.fullmatch(entry) or entry == "*")[:most]
            lost += [entry for entry in entries if entry not in found[key]]
        if lost:
            self.sentences.append(
                f"{name} has CORS entries that Portico leaves out: {', '.join(map(shown, lost[:10]))}."
            )
        age = stated.get("accessControlMaxAge")
        credentials = stated.get("accessControlAllowCredentials") is True
        origins = found["accessControlAllowOrigins"]
        if credentials and "*" in origins:
            self.sentences.append(
                f"{name} allows credentials for every origin, which browsers refuse; Portico allows none."
            )
        return Cors(
            allow_origins=origins,
            allow_methods=found["accessControlAllowMethods"],
            allow_headers=found["accessControlAllowHeaders"],
            expose_headers=found["accessControlExposeHeaders"],
            allow_credentials=credentials and "*" not in origins,
            max_age_seconds=min(age, 86_400) if type(age) is int and age >= 0 else None,
        )


def part_of(policy: KubeObject, name: str) -> dict[Any, Any]:
    """`default` or `override`."""
    return mapping(mapping(policy.body.get("spec")).get(name))


def key_entries(stated: Any) -> list[dict[Any, Any]]:
    """Where API keys may be: a list in v1alpha1, under `keys` in v1alpha2."""
    return (
        mappings({"keys": stated}, "keys") if isinstance(stated, list) else mappings(mapping(stated), "keys")
    )


def sentences_about(
    types: dict[Any, Any], keys: list[dict[Any, Any]], name: str, both: bool
) -> Iterator[str]:
    """What Authentication states beyond whether tokens and keys are taken."""
    oauth2, jwt, mtls = (mapping(types.get(kind)) for kind in ("oauth2", "jwt", "mtls"))
    header = plain_text(oauth2.get("header"), 100)
    if header and header.lower() != "authorization":
        yield f"{name} has tokens in the header {header}; Portico's gateway reads Authorization."
    needed = [mapping(types.get(kind)).get("required") == "mandatory" for kind in ("oauth2", "apiKey")]
    if both and all(needed):
        yield f"{name} makes both token and API key mandatory; Portico's gateway takes either."
    elif both:
        yield f"{name} takes tokens and API keys by rules of its own; Portico's gateway takes either."
    for entry in keys[:10]:
        place, key = plain_text(entry.get("in"), 20), plain_text(entry.get("name"), 100)
        yield f"{name} has API keys in {place or 'Header'} {key}; Portico's gateway has its own place for them."
    if mtls and mtls.get("disabled") is not True:
        needed_word = "mandatory" if mtls.get("required") == "mandatory" else "optional"
        yield f"{name} makes mutual TLS {needed_word}, which Portico's gateway does not ask for."
    if jwt and jwt.get("disabled") is not True:
        audience = ", ".join(texts(jwt, "audience"))[:300]
        about = f" for the audience {audience}" if audience else ""
        yield f"{name} takes JWTs of other issuers{about}; Portico's gateway trusts what Portico issues."
    if mapping(types.get("testConsoleKey")):
        yield f"{name} takes keys of a test console, which Portico's gateway does not."
    sections = [oauth2, jwt, mapping(types.get("testConsoleKey")), *keys]
    if any(section.get("sendTokenToUpstream") is True for section in sections):
        yield f"{name} passes tokens or keys on to the backend, which Portico's gateway does not."


def policy_sentences(stated: dict[Any, Any], name: str) -> Iterator[str]:
    """What APIPolicy states for the cluster's own gateway alone."""
    for key, word in (("requestInterceptors", "A request"), ("responseInterceptors", "A response")):
        if mappings(stated, key):
            yield f"{word} interceptor is stated in {name}, which runs in the cluster's own gateway only."
    if stated.get("subscriptionValidation") is True:
        yield f"{name} has the cluster's own gateway ask for its own subscriptions; Portico's asks for Portico's."
    if mapping(stated.get("backendJwtPolicy")):
        yield f"{name} has a JWT made for the backend, which Portico's gateway does not make."
    if mapping(stated.get("aiProvider")):
        yield f"{name} names an AI provider, whose rules work in the cluster's own gateway only."
    if mapping(stated.get("modelBasedRoundRobin")):
        yield f"{name} shares requests out among models, which the cluster's own gateway does alone."
