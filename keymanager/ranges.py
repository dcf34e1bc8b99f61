"""Networks that a credential may be used from, as people write them and as they are kept."""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network

from django.utils.translation import gettext as _

from portal.errors import Invalid

RANGES_MAX = 50


def parse(texts: Iterable[str]) -> list[str]:
    """Networks in CIDR notation, each once, in the order given. A single address becomes a network of one.

    Raises Invalid, for `allowed_ranges`, where one is no network, has bits set beyond its mask, or there are too many.
    """
    found = dict.fromkeys(_network(text.strip()) for text in texts if text.strip())
    if len(found) > RANGES_MAX:
        raise Invalid(_("At most {ranges_max} ranges.").format(ranges_max=RANGES_MAX), field="allowed_ranges")
    return list(found)


def _network(text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise _invalid(text, _("Write it like 203.0.113.0/24 or 2001:db8::/32.")) from None
    address = ip_address(text.partition("/")[0])
    if address != network.network_address:
        raise _invalid(
            text,
            _("{address} lies inside {network}: write that, or the address alone.").format(
                address=address, network=network
            ),
        )
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address.scope_id):
        raise _invalid(text, _("Write an IPv4 address as such, and an IPv6 address without a zone."))
    return str(network)


def _invalid(text: str, remedy: str) -> Invalid:
    return Invalid(
        _("{text!r} is not a range of addresses.").format(text=text[:60]),
        remedy=remedy,
        field="allowed_ranges",
    )
