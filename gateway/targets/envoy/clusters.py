"""The upstream clusters: one for each distinct scheme, host, port, protocol and health check that a version names."""

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
# An address that is not reached, or says that it cannot, so often in a row is left out for a while. Any other answer, a
# 500 too, is the API's own. Where every address fails, all are tried as before (Envoy's panic threshold of 50 %), so
# that neither a wrong health check nor one API of a shared host closes it.
_OUTLIERS = {
    "split_external_local_origin_errors": True,
    "consecutive_local_origin_failure": 5,
    "consecutive_gateway_failure": 5,
    "enforcing_consecutive_gateway_failure": 100,
    "enforcing_consecutive_5xx": 0,
    "enforcing_success_rate": 0,
    "enforcing_local_origin_success_rate": 0,
    "base_ejection_time": "10s",
    "max_ejection_time": "30s",
    "max_ejection_percent": 100,
}


def cluster_name(version: Version) -> str:
    """A stable name: the host for people, a hash of everything for uniqueness."""
    scheme, host, port = _origin(version.upstream)
    protocol = "h2" if version.kind in _HTTP2_KINDS else "h1"
    check = version.health_check
    health = f"|{check.path}|{check.interval_s}" if check else ""
    digest = hashlib.sha256(f"{scheme}|{host}|{port}|{protocol}{health}".encode()).hexdigest()[:12]
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
        "outlier_detection": _OUTLIERS,
        # A name that does not resolve, or a backend that is not well, must not hold back the others.
        "wait_for_warm_on_init": False,
    }
    if not is_address(host):
        cluster["dns_lookup_family"] = "V4_PREFERRED"
    if version.health_check:
        cluster["health_checks"] = [_health_check(version)]
    if version.kind in _HTTP2_KINDS:
        options = {"@type": _HTTP_OPTIONS, "explicit_http_config": {"http2_protocol_options": {}}}
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
        }
    if scheme == "https":
        cluster["transport_socket"] = {"name": "tls", "typed_config": _tls(host, ca_file)}
    return cluster


def _health_check(version: Version) -> dict[str, Any]:
    """Asked by each Envoy: as often as stated while there are calls, else once a minute."""
    check = version.health_check
    if check is None:
        raise ValueError("no health check is stated")
    asked: dict[str, Any] = {"path": check.path, "host": urlsplit(version.upstream).netloc}
    if version.kind in _HTTP2_KINDS:
        asked["codec_client_type"] = "HTTP2"
    return {
        "timeout": "2s",
        "interval": f"{check.interval_s}s",
        "interval_jitter_percent": 20,
        "no_traffic_interval": f"{max(60, check.interval_s)}s",
        "unhealthy_threshold": 3,
        "healthy_threshold": 1,
        "http_health_check": asked,
    }


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
