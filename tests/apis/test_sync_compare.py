"""Comparing is pure: marks in, objects to read again out."""

from apis.sync.compare import Key, Known, differing

ONE, TWO, THREE = (Key("group/v1/Api", "shop", name) for name in ("one", "two", "three"))
PLAN = Key("group/v1/Plan", "", "gold")


def differences(observed, marks, *, objects=(), doubtful=(), waiting=(), unknown=(), partial=()):
    known = Known(marks, set(objects), set(doubtful), set(waiting))
    return differing(observed, known, unknown=set(unknown), partial=set(partial))


def test_same_marks_are_nothing_to_do():
    assert differences({ONE: "a", PLAN: "c"}, {ONE: "a", PLAN: "c"}) == ([], [])


def test_new_changed_and_missing_objects_differ():
    assert differences({ONE: "a", TWO: "b"}, {TWO: "c", THREE: "d"}) == ([ONE, TWO], [THREE])


def test_object_without_a_mark_is_gone_too():
    assert differences({}, {}, objects=[ONE]) == ([], [ONE])


def test_kind_that_could_not_be_listed_says_nothing():
    assert differences({PLAN: "a"}, {ONE: "a"}, objects=[TWO], unknown=[ONE.kind]) == ([PLAN], [])


def test_missing_in_a_list_with_nameless_entries_is_not_gone():
    assert differences({ONE: "b"}, {ONE: "a", TWO: "a"}, partial=[ONE.kind]) == ([ONE], [])


def test_doubtful_and_unmarked_objects_are_read_again():
    assert differences({ONE: "a", TWO: ""}, {ONE: "a", TWO: ""}, doubtful=[ONE]) == ([ONE, TWO], [])


def test_what_waits_in_the_queue_is_left_to_it():
    assert differences({ONE: "b", TWO: ""}, {ONE: "a"}, doubtful=[ONE], waiting=[ONE, TWO]) == ([], [])


def test_what_waits_and_is_gone_is_gone():
    assert differences({}, {ONE: "a"}, waiting=[ONE]) == ([], [ONE])
