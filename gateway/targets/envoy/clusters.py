"""The upstream clusters: one for each distinct scheme, host, port and protocol that a version names."""

import hashlib
import ipaddress
import ssl
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from gateway.snapshot import Version
from gateway.targets.envoy.replies import TYPE

_HTTP_OPTIONS = TYPE + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS = TYPE + "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_HTTP2_KINDS = frozenset({"grpc"})


def cluster_name(version: Version) -> str:
    """A stable name: the host for people, a hash of everything for uniqueness."""
    scheme, host, port = _origin(version.upstream)
    protocol = "h2" if version.kind in _HTTP2_KINDS else "h1"
    digest = hashlib.sha256(f"{scheme}|{host}|{port}|{protocol}".encode()).hexdigest()[:12]
    return f"{host}-{digest}"


def cluster_resources(versions: Iterable[Version], ca_file: str) -> list[dict[str, Any]]:
    """The CDS resources, sorted by name."""
    needed = {cluster_name(version): version for version in versions}
    return [_cluster(name, needed[name], ca_file) for name in sorted(needed)]


def _origin(upstream: str) -> tuple[str, str, int]:
    parts = urlsplit(upstream)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def is_address(host: str) -> bool:
    """Tell an IP literal from a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _cluster(name: str, version: Version, ca_file: str) -> dict[str, Any]:
    scheme, host, port = _origin(version.upstream)
    endpoint = {"address": {"socket_address": {"address": host, "port_value": port}}}
    cluster: dict[str, Any] = {
        "@type": TYPE + "envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC" if is_address(host) else "STRICT_DNS",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
    }
    if not is_address(host):
        # A name that does not resolve yet must not hold back the others.
        cluster |= {"dns_lookup_family": "V4_PREFERRED", "wait_for_warm_on_init": False}
    if version.kind in _HTTP2_KINDS:
        options = {"@type": _HTTP_OPTIONS, "explicit_http_config": {"http2_protocol_options": {}}}
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
        }
    if scheme == "https":
        cluster["transport_socket"] = {"name": "tls", "typed_config": _tls(host, ca_file)}
    return cluster


def _tls(host: str, ca_file: str) -> dict[str, Any]:
    """TLS that checks the certificate's issuer and name; there is no way to turn the check off."""
    san_type = "IP_ADDRESS" if is_address(host) else "DNS"
    validation = {
        "trusted_ca": {"filename": ca_file or system_ca_file()},
        "match_typed_subject_alt_names": [{"san_type": san_type, "matcher": {"exact": host}}],
    }
    context: dict[str, Any] = {"@type": _TLS, "common_tls_context": {"validation_context": validation}}
    if not is_address(host):
        context["sni"] = host
    return context


def system_ca_file() -> str:
    """The machine's own bundle of certificate authorities."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.openssl_cafile
