"""What the api.yaml of an apictl project states, in the words of the x-wso2 extensions of a definition."""

from collections.abc import Iterator
from typing import Any

from apis.sources.fields import plain_text
from portal import safeyaml
from portal.errors import Invalid

ENDPOINTS = {
    "x-wso2-production-endpoints": ("production_endpoints", "productionUrl"),
    "x-wso2-sandbox-endpoints": ("sandbox_endpoints", "sandboxUrl"),
}
CORS = {
    "accessControlAllowOrigins": "access-control-allow-origins",
    "accessControlAllowMethods": "access-control-allow-methods",
    "accessControlAllowHeaders": "access-control-allow-headers",
    "accessControlExposeHeaders": "access-control-expose-headers",
    "accessControlAllowCredentials": "access-control-allow-credentials",
    "corsConfigurationEnabled": "corsConfigurationEnabled",
}
# What the operator's gateway does with the API, and Portico's does not.
SENTENCES = {
    "CREATED": "",
    "PUBLISHED": "",
    "DEPRECATED": "",
    "PROTOTYPED": "The project's lifecycle status is PROTOTYPED.",
    "BLOCKED": "The project's lifecycle status is BLOCKED; a publisher may block the version here too.",
    "RETIRED": "The project's lifecycle status is RETIRED; it is shown as deprecated as long as the object is there.",
}


def merged(data: dict[Any, Any], stated: dict[Any, Any]) -> dict[Any, Any]:
    """The definition with api.yaml's values where it has none of its own; name and version are api.yaml's.

    The operator's gateway reads the definition's extensions, so they go first.
    """
    if not stated:
        return data
    info = data.get("info")
    return {
        **{name: value for name, value in extensions(stated).items() if value},
        **{name: value for name, value in data.items() if value is not None},
        "info": {**(info if isinstance(info, dict) else {}), **info_of(stated)},
    }


def info_of(stated: dict[Any, Any]) -> dict[str, Any]:
    """Title, version, description and contact, as far as they are stated."""
    found = {
        "title": name_of(stated),
        "version": version_of(stated),
        "description": plain_text(stated.get("description"), 20_000),
        "contact": contact_of(stated),
    }
    return {name: value for name, value in found.items() if value}


def identity(stated: dict[Any, Any]) -> dict[Any, Any]:
    """Where apictl 3.x keeps name and version."""
    inner = stated.get("id")
    return inner if isinstance(inner, dict) else {}


def name_of(stated: dict[Any, Any]) -> str:
    """The API's name."""
    return plain_text(stated.get("name") or identity(stated).get("apiName"), 100)


def version_of(stated: dict[Any, Any]) -> str:
    """The API's version, where YAML may have made a number of it."""
    version = stated.get("version") or identity(stated).get("version")
    return str(version) if type(version) in (int, float) else plain_text(version, 100)


def contact_of(stated: dict[Any, Any]) -> dict[str, str]:
    """The business owner, else the technical one."""
    owners = stated.get("businessInformation")
    owners = owners if isinstance(owners, dict) else stated
    for role in ("businessOwner", "technicalOwner"):
        found = {"email": plain_text(owners.get(f"{role}Email")), "name": plain_text(owners.get(role))}
        if any(found.values()):
            return found
    return {}


def extensions(stated: dict[Any, Any]) -> dict[str, Any]:
    """Everything for which definitions have an extension."""
    cors = stated.get("corsConfiguration")
    found: dict[str, Any] = {
        "x-wso2-basePath": base_path_of(stated),
        "x-wso2-owner": plain_text(stated.get("provider") or identity(stated).get("providerName"), 200),
        "tags": [{"name": tag} for tag in texts(stated.get("tags"))],
        "x-wso2-cors": {ours: cors.get(theirs) for theirs, ours in CORS.items()}
        if isinstance(cors, dict)
        else None,
    }
    config = endpoint_config(stated)
    for extension, (name, url) in ENDPOINTS.items():
        urls = list(urls_of(config.get(name))) or list(urls_of({"url": stated.get(url)}))
        found[extension] = {"urls": urls} if urls else None
    return found


def base_path_of(stated: dict[Any, Any]) -> str:
    """The path at the gateway. API Manager puts the version behind a context that does not name its place."""
    version = version_of(stated)
    context = plain_text(stated.get("contextTemplate") or stated.get("context"), 300).rstrip("/")
    if not context:
        return ""
    if "{version}" in context:
        return context.replace("{version}", version)
    return context if not version or context.endswith(f"/{version}") else f"{context}/{version}"


def endpoint_config(stated: dict[Any, Any]) -> dict[Any, Any]:
    """The endpoints: a mapping, which apictl 3.x writes as JSON text."""
    config = stated.get("endpointConfig")
    if isinstance(config, str):
        try:
            config = safeyaml.load(config, max_bytes=100_000)
        except Invalid:
            return {}
    return config if isinstance(config, dict) else {}


def urls_of(endpoints: Any) -> Iterator[str]:
    """The addresses of one environment: one endpoint, or a list of them to balance between."""
    for endpoint in endpoints[:50] if isinstance(endpoints, list) else [endpoints]:
        url = plain_text(endpoint.get("url"), 500) if isinstance(endpoint, dict) else ""
        if url:
            yield url


def texts(value: Any) -> list[str]:
    """The texts of a list; mappings count by their name."""
    entries = value[:50] if isinstance(value, list) else []
    named = (entry.get("name") if isinstance(entry, dict) else entry for entry in entries)
    return list(dict.fromkeys(text for entry in named if (text := plain_text(entry, 100))))


def tiers_of(stated: dict[Any, Any]) -> list[str]:
    """The tiers under which the API may be subscribed to."""
    return texts(stated.get("policies") or stated.get("availableTiers"))


def schemes_of(stated: dict[Any, Any]) -> list[str]:
    """The security schemes: a list, which apictl 3.x writes as one text with commas."""
    text = stated.get("apiSecurity")
    listed = text.split(",") if isinstance(text, str) else stated.get("securityScheme")
    return [name.strip().lower() for name in texts(listed)]


def status_of(stated: dict[Any, Any]) -> str:
    """The lifecycle status in capitals, "" where none is stated."""
    return plain_text(stated.get("lifeCycleStatus") or stated.get("status"), 100).upper()


def sentences(stated: dict[Any, Any]) -> Iterator[str]:
    """What else is stated and left to the cluster's own gateway."""
    status = status_of(stated)
    if status and (sentence := SENTENCES.get(status, f"The project's lifecycle status is {status}.")):
        yield sentence
    visibility = plain_text(stated.get("visibility"), 100).upper()
    if visibility not in ("", "PUBLIC"):
        yield (
            f"The project's visibility is {visibility}; here the annotation portico.dev/visibility decides who sees it."
        )
    operations = stated.get("operations")
    operations = (
        [entry for entry in operations if isinstance(entry, dict)] if isinstance(operations, list) else []
    )
    if any(plain_text(entry.get("authType")).lower() == "none" for entry in operations):
        yield "Security is switched off for some operations; Portico's gateway asks for a token there too."
    if any(entry.get("operationPolicies") for entry in operations) or stated.get("mediationPolicies"):
        yield "Mediation policies are stated, which run in the cluster's own gateway only."
