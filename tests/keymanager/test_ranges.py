import pytest

from keymanager import ranges
from portal.errors import Invalid


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([], []),
        (["203.0.113.0/24"], ["203.0.113.0/24"]),
        ([" 203.0.113.7 "], ["203.0.113.7/32"]),
        (["10.0.0.0/255.0.0.0"], ["10.0.0.0/8"]),
        (["2001:DB8:0::/32"], ["2001:db8::/32"]),
        (["2001:db8::1"], ["2001:db8::1/128"]),
        (["10.0.0.0/8", "", "192.0.2.0/24", "10.0.0.0/8"], ["10.0.0.0/8", "192.0.2.0/24"]),
        (["0.0.0.0/0", "::/0"], ["0.0.0.0/0", "::/0"]),
    ],
)
def test_parse(given, kept):
    assert ranges.parse(given) == kept


@pytest.mark.parametrize(
    "text",
    [
        "office",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "10.0.0",
        "010.0.0.0/8",
        "10.0.0.0/8/8",
        "2001:db8::1/32",
        "::ffff:203.0.113.0/120",
        "fe80::1%eth0",
        "10.0.0.0-10.0.0.9",
        "1",
        "/8",
        "x" * 10_000,
    ],
)
def test_parse_refuses(text):
    with pytest.raises(Invalid) as refusal:
        ranges.parse([text])
    assert refusal.value.field == "allowed_ranges"
    assert len(refusal.value.message) < 120


def test_parse_says_what_was_meant():
    with pytest.raises(Invalid) as refusal:
        ranges.parse(["10.1.2.3/8"])
    assert "10.0.0.0/8" in refusal.value.remedy


def test_parse_at_most_fifty():
    many = [f"10.0.{n}.0/24" for n in range(51)]
    assert len(ranges.parse(many[:50])) == 50
    with pytest.raises(Invalid):
        ranges.parse(many)


def test_longest_fits_its_column():
    from keymanager.models import Credential

    longest = ranges.parse(["2001:db81:1111:1111:1111:1111:1111:1111"])[0]
    assert len(longest) <= Credential._meta.get_field("allowed_ranges").base_field.max_length
