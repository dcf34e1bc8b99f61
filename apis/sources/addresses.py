"""Addresses of backends, written in one way whoever states them."""

import ipaddress
import re
from urllib.parse import urlsplit

from portal.errors import Invalid

HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\.?")
PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")
REMEDY = "Give an http or https address with a host, without user, query and fragment."


def service_url(name: str, namespace: str, port: int | str, scheme: str = "http") -> str:
    """The address of a Service inside its cluster."""
    return f"{scheme}://{name}.{namespace}.svc:{port}"


def checked_url(url: str, namespace: str) -> str:
    """The address if the gateway can use it; a host of one label is a Service of the namespace. Raises Invalid."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Invalid(f"{url[:200]} is not an address: {error}", remedy=REMEDY) from None
    if parts.scheme not in ("http", "https") or parts.query or parts.fragment or "@" in parts.netloc:
        raise Invalid(f"{url[:200]} is not an address the gateway can use", remedy=REMEDY)
    if not is_host(host) or port == 0 or not PATH.fullmatch(parts.path) or is_dotted(parts.path):
        raise Invalid(f"{url[:200]} is not an address the gateway can use", remedy=REMEDY)
    if "." in host or ":" in host or host == "localhost":
        return url.rstrip("/")
    default = 443 if parts.scheme == "https" else 80
    return service_url(host, namespace, port or default, parts.scheme) + parts.path.rstrip("/")


def is_host(host: str) -> bool:
    """Whether a host may be called: a name, or an address outside the link-local nets where clouds keep credentials."""
    if host[-1:].isdigit() or ":" in host:  # as every address is written
        try:
            return not ipaddress.ip_address(host).is_link_local
        except ValueError:
            pass
    return bool(HOST.fullmatch(host)) and ".." not in host


def is_dotted(path: str) -> bool:
    """Whether a path climbs."""
    return any(segment in (".", "..") for segment in path.split("/"))
