import hashlib
import re

import pytest

from keymanager import keys
from keymanager.hashers import GeneratedSecretHasher


@pytest.mark.parametrize(("environment", "prefix"), [("production", "ptk_live_"), ("sandbox", "ptk_test_")])
def test_key_form(environment, prefix):
    key = keys.new_api_key(environment)
    assert re.fullmatch(prefix + "[0-9A-Za-z]{30}", key)
    assert re.fullmatch(keys.PATTERN, key)
    assert keys.is_ours(key)


@pytest.mark.parametrize(
    "new", [keys.new_client_secret, keys.new_personal_token, lambda: keys.new_api_key("sandbox")]
)
def test_checksum_tells_ours_from_chance(new):
    text = new()
    assert keys.is_ours(text)
    for position in range(text.rindex("_") + 1, len(text)):
        other = "a" if text[position] != "a" else "b"
        assert not keys.is_ours(text[:position] + other + text[position + 1 :])


def test_checksum_known_value():
    # Fixed for ever: scanners outside carry their own copy of the rule.
    assert keys.checksum("ptk_live_0123456789ABCDEFGHIJKLMN") == "4Lq6Zv"


def test_keys_differ():
    assert len({keys.new_api_key("production") for _ in range(1000)}) == 1000


def test_prefix_shows_the_beginning_only():
    key = keys.new_api_key("production")
    assert keys.prefix_of(key) == key[:13]
    assert keys.prefix_of(keys.new_client_secret()).startswith("pcs_")


def test_key_hash_is_sha256():
    assert keys.key_hash("ptk_test_x") == hashlib.sha256(b"ptk_test_x").hexdigest()


def test_hasher_salts_and_verifies():
    hasher = GeneratedSecretHasher()
    first, second = (hasher.encode("secret", hasher.salt()) for _ in range(2))
    assert first != second
    assert hasher.verify("secret", first)
    assert not hasher.verify("other", first)
