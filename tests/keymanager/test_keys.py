import hashlib
import re
import tomllib
from pathlib import Path

import pytest
from django.conf import settings

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


# ---- what the docs tell scanners ------------------------------------------------------------------------------------
DOCS = Path(settings.BASE_DIR) / "docs/reference/secrets.md"


def in_docs(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]


def test_docs_find_what_leaked():
    rule: dict = {}
    exec(in_docs("python"), rule)
    made = [keys.new_api_key("production"), keys.new_api_key("sandbox")]
    made += [keys.new_client_secret(), keys.new_personal_token()]
    wrong = made[0][:-1] + ("a" if made[0][-1] != "a" else "b")
    text = f'KEY={made[0]}\n"{made[1]}", {wrong} https://x/?k={made[2]}&t={made[3]} ptk_live_short'
    assert rule["leaked"](text) == made
    assert rule["PATTERN"] == keys.PATTERN
    assert all(rule["checksum"](one[:-6]) == one[-6:] == keys.checksum(one[:-6]) for one in made)


def test_docs_say_the_expression_everywhere():
    assert f"\n{keys.PATTERN}\n" in DOCS.read_text()
    [rule] = tomllib.loads(in_docs("toml"))["rules"]
    assert rule["regex"] == keys.PATTERN
    for prefix in (*keys.KEY_PREFIXES.values(), keys.CLIENT_SECRET_PREFIX, keys.PERSONAL_TOKEN_PREFIX):
        assert f"{prefix}_" in rule["keywords"]
