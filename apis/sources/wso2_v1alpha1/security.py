"""How callers prove who they are: Security objects that the definition's `security` names (pkg/security)."""

from typing import Any

from apis.sources.fields import Report, plain_text, shown
from apis.sources.published import Security
from apis.sources.source import LookUp
from apis.sources.wso2_v1alpha1.endpoints import operations_of
from apis.sources.wso2_v1alpha1.kinds import SECURITY
from portal.kube import KubeObject

# pkg/security/default.go: used where a definition names none; the operator brings it along.
DEFAULT = "default-security-jwt"
BY_TOKEN = ("jwt", "oauth")


def security_names(data: dict[Any, Any]) -> tuple[str, ...]:
    """The names that the definition uses, for the whole API and for operations, in order."""
    lists = [data.get("security"), *(operation.get("security") for operation in operations_of(data))]
    entries = [
        entry for listed in lists if isinstance(listed, list) for entry in listed if isinstance(entry, dict)
    ]
    return tuple(dict.fromkeys(name for entry in entries for name in entry if isinstance(name, str)))[:50]


def security_of(
    data: dict[Any, Any], obj: KubeObject, look_up: LookUp, report: Report
) -> tuple[Security, tuple[str, ...]]:
    """The API's security, and sentences about what else is stated."""
    if data.get("x-wso2-disable-security") is True:
        return Security(oauth2=False, api_key=False, public=True), ()
    types, sentences = set(), []
    for name in security_names(data):
        security = look_up(SECURITY, obj.namespace, name)
        if security is None:
            if name != DEFAULT:
                message = f"Security {obj.namespace}/{name[:200]} is not there"
                remedy = "Create it, or take it out of the definition's security. Portico will notice."
                report.add("security", message, remedy)
            continue
        stated = security.body.get("spec")
        stated = stated if isinstance(stated, dict) else {}
        kind = plain_text(stated.get("type")).lower()
        types.add(kind)
        sentences += sentences_of(name, kind, stated)
    # Whatever is asked for, nobody is let through without proof.
    by_key = "apikey" in types
    return Security(oauth2=not by_key or bool(types & {*BY_TOKEN, "basic"}), api_key=by_key), tuple(sentences)


def sentences_of(name: str, kind: str, spec: dict[Any, Any]) -> list[str]:
    """What a Security states that Portico's gateway does not do: it trusts Portico's own tokens and keys alone."""
    if kind == "basic":
        return [f"Security {name} asks for a user name and password; Portico's gateway asks for a token."]
    if kind not in (*BY_TOKEN, "apikey"):
        return [
            f"Security {name} has the unknown type {shown(spec.get('type'))}; Portico's gateway asks for a token."
        ]
    configs = spec.get("securityConfig")
    entries = [entry for entry in configs if isinstance(entry, dict)] if isinstance(configs, list) else []
    issuers = [plain_text(entry.get("issuer") or entry.get("endpoint"))[:200] for entry in entries[:10]]
    return [
        f"Security {name} trusts {issuer}; Portico's gateway trusts what Portico issues, and nothing else."
        for issuer in dict.fromkeys(issuers)
        if issuer
    ]
