"""Policies of a RestApi: those that Portico's gateway can enforce too, and sentences about the rest.

Names and parameters are those of WSO2's own policies (wso2/gateway-controllers, docs/<policy>).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from apis.sources.api_platform.operations import PlatformOperation
from apis.sources.fields import plain_text
from apis.sources.portico_v1alpha1 import SCOPE
from apis.sources.published import Cors, HeaderRules, Mediation, OperationScopes, Security
from apis.sources.routing import cors_of, header_rules, unique

MOST = 50
KEY_HEADER = "x-api-key"


def policies_in(value: Any) -> list[Mapping[str, Any]]:
    """The policies of a list, malformed ones left out."""
    return [entry for entry in value[:MOST] if isinstance(entry, dict)] if isinstance(value, list) else []


class Policies:
    """Collects what policies for the whole API ask for, and what those of single operations do."""

    def __init__(self) -> None:
        self.oauth2 = False
        self.api_key = False
        self.scopes: tuple[str, ...] = ()
        self.cors: Cors | None = None
        self.changes: dict[str, tuple[dict[str, str], list[str]]] = {
            "request": ({}, []),
            "response": ({}, []),
        }
        self.sentences: list[str] = []

    def take(self, policy: Mapping[str, Any]) -> None:
        """One policy of the whole API."""
        name = plain_text(policy.get("name"), 100)
        known: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "jwt-auth": self.by_token,
            "api-key-auth": self.by_key,
            "cors": self.take_cors,
            "set-headers": self.set_headers,
            "remove-headers": self.remove_headers,
            "modify-headers": self.modify_headers,
        }
        if name not in known or policy.get("executionCondition"):
            self.sentences.append(sentence_of(policy))
            return
        params = policy.get("params")
        known[name](params if isinstance(params, dict) else {})

    def by_token(self, params: Mapping[str, Any]) -> None:
        self.oauth2 = True
        self.scopes = scopes_of(params)
        issuers = ", ".join(texts(params.get("issuers"))[:10])
        if issuers:
            self.sentences.append(
                f"Tokens of {issuers} are asked for; Portico's gateway trusts what Portico issues, and nothing else."
            )
        if any(params.get(name) for name in ("audiences", "requiredClaims", "claimMappings")):
            self.sentences.append(
                "Audiences or claims of tokens are stated, which Portico's gateway does not read."
            )

    def by_key(self, params: Mapping[str, Any]) -> None:
        self.api_key = True
        key, place = plain_text(params.get("key"), 100), plain_text(params.get("in"), 20) or "header"
        if key and (key.lower(), place) != (KEY_HEADER, "header"):
            self.sentences.append(
                f"API keys are expected in the {place} {key}; Portico's gateway reads {KEY_HEADER}."
            )

    def take_cors(self, params: Mapping[str, Any]) -> None:
        age = params.get("maxAge")
        self.cors, left = cors_of(
            texts(params.get("allowedOrigins", ["*"])),
            texts(params.get("allowedMethods")),
            texts(params.get("allowedHeaders")),
            texts(params.get("exposedHeaders")),
            params.get("allowCredentials") is True,
            age if type(age) is int else None,
        )
        self.sentences += left

    def set_headers(self, params: Mapping[str, Any]) -> None:
        for where in self.changes:
            for entry in policies_in(mapping(params.get(where)).get("headers")):
                self.change(where, "SET", entry)

    def remove_headers(self, params: Mapping[str, Any]) -> None:
        for where in self.changes:
            for entry in policies_in(mapping(params.get(where)).get("headers")):
                self.change(where, "DELETE", entry)

    def modify_headers(self, params: Mapping[str, Any]) -> None:
        for where in self.changes:
            listed = params.get(f"{where}Headers", mapping(params.get(where)).get("headers"))
            for entry in policies_in(listed):
                self.change(where, plain_text(entry.get("action"), 20).upper() or "SET", entry)

    def change(self, where: str, action: str, entry: Mapping[str, Any]) -> None:
        """One header that is set or removed; any other action becomes a sentence."""
        name, (to_set, removed) = plain_text(entry.get("name"), 256), self.changes[where]
        if name and action == "SET":
            to_set[name] = plain_text(entry.get("value"), 4_096)
        elif name and action == "DELETE":
            removed.append(name)
        elif name:
            self.sentences.append(
                f"The {where} header {name[:100]} is changed in the cluster, not by Portico's gateway."
            )

    def mediation(self) -> Mediation:
        """The changes to headers and CORS. Call it before the sentences are read: it adds to them."""
        rules: dict[str, HeaderRules] = {}
        for where, (to_set, removed) in self.changes.items():
            rules[where], left = header_rules(to_set.items(), removed, where)
            self.sentences += left
        return Mediation(rules["request"], rules["response"], None, self.cors)

    def security(self, operations: Iterable[PlatformOperation]) -> Security:
        """How callers prove who they are. Whatever is asked for, nobody is let through without proof."""
        scopes = []
        for operation in operations:
            own = [*self.scopes]
            for policy in policies_in(operation.fields.values.get("policies")):
                params = policy.get("params")
                if policy.get("name") == "jwt-auth" and not policy.get("executionCondition"):
                    self.oauth2 = True
                    own += scopes_of(params if isinstance(params, dict) else {})
                else:
                    where = f"{operation.method} {operation.path[:100]}"
                    self.sentences.append(sentence_of(policy, f" for {where}"))
            if own:
                scopes.append(OperationScopes(operation.method, operation.path, unique(own)[:10]))
        oauth2 = self.oauth2 or not self.api_key
        return Security(oauth2, self.api_key or not self.oauth2, scopes=tuple(scopes)[:300])


def sentence_of(policy: Mapping[str, Any], where: str = "") -> str:
    """That a policy is the cluster's alone."""
    name = " ".join(filter(None, (plain_text(policy.get(field), 100) for field in ("name", "version"))))
    condition = " under a condition" if policy.get("executionCondition") else ""
    return f"The policy {name or 'without a name'} is stated{where}{condition}, which the cluster's own gateway applies alone."


def scopes_of(params: Mapping[str, Any]) -> tuple[str, ...]:
    """The scopes that a token needs."""
    return tuple(scope for scope in texts(params.get("requiredScopes")) if SCOPE.fullmatch(scope))[:10]


def texts(value: Any) -> tuple[str, ...]:
    """The texts of a list."""
    entries = value[:MOST] if isinstance(value, list) else ()
    return unique(text for entry in entries if (text := plain_text(entry, 300)))


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping, empty for anything else."""
    return value if isinstance(value, dict) else {}
