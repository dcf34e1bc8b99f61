"""Which machines Portico may call on the word of an object's author: resolved once, then called by their address alone."""

import contextlib
import ipaddress
import socket
import threading
import time
from dataclasses import dataclass
from typing import TypeAlias

from django.conf import settings

from portal.errors import ClusterUnavailable, Invalid

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Where clouds hand out credentials, beside the link-local nets: AWS over IPv6, Alibaba, Azure, Oracle.
METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
PRIVATE_REMEDY = (
    "An operator permits a private host, or plain http, by naming it in PORTICO_SERVICE_ADDRESSES."
)


class Deadline:
    """A moment after which nothing is waited for any more."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """The seconds that are left. Raises TimeoutError if there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


@dataclass(frozen=True, slots=True)
class Host:
    """A host under its name, the addresses that may be called for it, and the port where the settings give one."""

    name: str
    addresses: tuple[Address, ...]
    port: int | None = None

    def connect(self, port: int, deadline: Deadline) -> socket.socket:
        """A connection to the first address that takes one. Raises OSError, TimeoutError after the deadline."""
        refusal: OSError = OSError("no address")
        for address in self.addresses:
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(deadline.left())
                sock.connect((str(address), self.port or port))
            except OSError as error:
                sock.close()
                refusal = error
            else:
                return sock
        raise refusal


def host_of(name: str, deadline: Deadline, *, public: bool = False) -> Host:
    """The host of that name. PORTICO_SERVICE_ADDRESSES goes before DNS, and may name this machine.

    With `public` no other host may stand in a private network. Raises Invalid for hosts that must not be called, ClusterUnavailable for unknown ones.
    """
    service, _, rest = name.lower().rstrip(".").partition(".svc")
    mapped = settings.SERVICE_ADDRESSES.get(service) if rest in ("", ".cluster.local") else None
    if mapped:
        place, _, port = mapped.rpartition(":")
        addresses = resolved(place.strip("[]"), deadline)
        return Host(name, checked(name, addresses, loopback=True), int(port))
    addresses = checked(name, resolved(name, deadline), loopback=False)
    if public and not all(unwrapped(address).is_global for address in addresses):
        raise Invalid(f"The host {name[:253]} stands in a private network", remedy=PRIVATE_REMEDY)
    return Host(name, addresses)


def resolved(name: str, deadline: Deadline) -> tuple[Address, ...]:
    """The addresses of a name, in the system's order. Raises ClusterUnavailable where there are none."""
    with contextlib.suppress(ValueError):
        return (ipaddress.ip_address(name),)
    found: list[tuple[Address, ...]] = []

    def ask() -> None:
        # The system's resolver knows no deadline, so it is left behind in its thread when it takes too long.
        with contextlib.suppress(OSError, UnicodeError, ValueError):
            rows = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            found.append(tuple(dict.fromkeys(ipaddress.ip_address(row[4][0]) for row in rows)))

    thread = threading.Thread(target=ask, name="portico-resolve", daemon=True)
    thread.start()
    thread.join(deadline.left())
    if thread.is_alive():
        raise TimeoutError
    if not found or not found[0]:
        remedy = "Check the name. Outside the cluster, PORTICO_SERVICE_ADDRESSES says where its Services are."
        raise ClusterUnavailable(f"The host {name[:253]} is not known", remedy=remedy)
    return found[0]


def checked(name: str, addresses: tuple[Address, ...], *, loopback: bool) -> tuple[Address, ...]:
    """The addresses if every one of them may be called. Raises Invalid."""
    if any(is_refused(address, loopback=loopback) for address in addresses):
        remedy = "Give the address of a Service or of a public host."
        raise Invalid(f"The host {name[:253]} is one that Portico does not call", remedy=remedy)
    return addresses


def is_refused(address: Address, *, loopback: bool) -> bool:
    """Whether an address belongs to this machine, to its link, to nobody, or to a cloud's metadata."""
    inner = unwrapped(address)
    if inner.is_loopback:
        return not loopback
    return (
        inner.is_link_local
        or inner.is_multicast
        or inner.is_unspecified
        or inner.is_reserved
        or inner in METADATA
    )


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address
