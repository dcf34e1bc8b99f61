"""Comparing is pure: hashes in, objects to read again out."""

from apis.sync.compare import UNREADABLE, Key, differing
from apis.sync.recorded import STALE

ONE, TWO, THREE = (Key("group/v1/Api", "shop", name) for name in ("one", "two", "three"))
PLAN = Key("group/v1/Plan", "", "gold")


def differences(observed, recorded, *, unknown=(), partial=()):
    sets = [{key: frozenset(prints) for key, prints in side.items()} for side in (observed, recorded)]
    return differing(*sets, unknown=set(unknown), partial=set(partial))


def test_same_hashes_are_nothing_to_do():
    assert differences({ONE: {"a", "b"}, PLAN: {"c"}}, {ONE: {"b", "a"}, PLAN: {"c"}}) == []


def test_new_changed_and_missing_objects_differ():
    assert differences({ONE: {"a"}, TWO: {"b"}}, {TWO: {"c"}, THREE: {"d"}}) == sorted([ONE, TWO, THREE])


def test_object_that_publishes_nothing_is_like_none():
    assert differences({ONE: set()}, {}) == []


def test_kind_that_could_not_be_listed_says_nothing():
    assert differences({PLAN: {"a"}}, {ONE: {"a"}}, unknown=[ONE.kind]) == [PLAN]


def test_missing_in_a_list_with_nameless_entries_is_not_gone():
    assert differences({ONE: {"b"}}, {ONE: {"a"}, TWO: {"a"}}, partial=[ONE.kind]) == [ONE]


def test_stale_and_unreadable_objects_are_read_again():
    assert differences({ONE: {"a"}, TWO: {UNREADABLE}}, {ONE: {STALE}, TWO: {UNREADABLE}}) == sorted(
        [ONE, TWO]
    )
