"""JSONPath, as Step Functions reads it."""

from __future__ import annotations

from typing import Any

import pytest

from bakehouse.states.paths import BadPath, PathMissing, parse_path, parse_reference

SHOP: dict[str, Any] = {
    "vehicles": [
        {"kind": "bicycle", "wheels": 2, "price": 8.5},
        {"kind": "motorcycle", "wheels": 2, "price": 120},
        {"kind": "van", "wheels": 4, "price": None, "tags": ["big", "slow"]},
    ],
    "a b": {"c.d": 1},
    "limit": 100,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", SHOP),
        ("$.limit", 100),
        ("$['a b']['c.d']", 1),
        ('$["a b"]["c.d"]', 1),
        ("$.vehicles[0].kind", "bicycle"),
        ("$.vehicles[-1].tags[1]", "slow"),
        ("$.vehicles[2]['price']", None),
        ("$.vehicles[0]['kind','wheels']", {"kind": "bicycle", "wheels": 2}),
    ],
)
def test_a_definite_path_gives_what_is_there(path: str, found: Any) -> None:
    """A path by names and indexes gives the value itself."""
    assert parse_path(path).read(SHOP) == found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.vehicles[*].wheels", [2, 2, 4]),
        ("$.vehicles[0,2].kind", ["bicycle", "van"]),
        ("$.vehicles[1:].kind", ["motorcycle", "van"]),
        ("$.vehicles[:-2].kind", ["bicycle"]),
        ("$.vehicles[0:2].price", [8.5, 120]),
        ("$..kind", ["bicycle", "motorcycle", "van"]),
        ("$..tags[0]", ["big"]),
        ("$.vehicles[1:]['kind','no']", [{"kind": "motorcycle"}, {"kind": "van"}]),
        ("$.vehicles..wheels", [2, 2, 4]),
        ("$..['c.d']", [1]),
        ("$.nothing[*].kind", []),
        ("$.vehicles[5:]", []),
        ("$.limit[*]", []),
        ("$['a b'].*", [1]),
    ],
)
def test_any_other_path_gives_a_list(path: str, found: list[Any]) -> None:
    """Wildcards, slices, unions and deep scans gather what they find, which may be nothing."""
    assert parse_path(path).read(SHOP) == found


@pytest.mark.parametrize(
    ("condition", "kinds"),
    [
        ("@.wheels == 2", ["bicycle", "motorcycle"]),
        ("@.wheels != 2", ["van"]),
        ("@.price < $.limit", ["bicycle"]),
        ("@.price >= 8.5 && @.price <= 8.5", ["bicycle"]),
        ("@.kind == 'van' || @.price > 100", ["motorcycle", "van"]),
        ("!(@.wheels == 2)", ["van"]),
        ("@.tags", ["van"]),
        ("!@.tags", ["bicycle", "motorcycle"]),
        ("@.price == null", ["van"]),
        ("@.kind in ['van', \"bicycle\"]", ["bicycle", "van"]),
        ("@.kind nin ['van']", ["bicycle", "motorcycle"]),
        ("@.tags[0] == 'big'", ["van"]),
        ("@.kind > 1", []),
    ],
)
def test_a_filter_keeps_what_its_condition_says(condition: str, kinds: list[str]) -> None:
    """Comparisons hold between values of one kind; a path alone asks whether it is there."""
    assert parse_path(f"$.vehicles[?({condition})].kind").read(SHOP) == kinds


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("$.nothing", "No results for path: $['nothing']"),
        ("$.no.such.thing", "Missing property in path $['no']"),
        ("$.vehicles[3]", "Index out of bound when evaluating path $['vehicles'][3]"),
        ("$.limit.x", "Expected to find an object with property ['x'] in path $['limit'] but"),
        ("$.limit[0]", "Filter: [0] can only be applied to arrays."),
    ],
)
def test_a_definite_path_to_nothing_says_what_is_missing(path: str, why: str) -> None:
    """The reason names the place, as AWS's library words it."""
    with pytest.raises(PathMissing) as missing:
        parse_path(path).read(SHOP)
    assert str(missing.value).startswith(why)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vehicles",
        "$.",
        "$.a[",
        "$.a[x]",
        "$.a.length()",
        "$..",
        "$ .a",
        "$.a[?(@.b =~ /x/)]",
        "$.a[?(@.b == )]",
        "$.a[?(@.b]",
        "$." + "a" * 3000,
        "$[?(" + "(" * 50 + "@.a" + ")" * 50,
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    """Functions, regular expressions and broken paths are refused when they are read."""
    with pytest.raises(BadPath):
        parse_path(text)


@pytest.mark.parametrize(
    ("path", "document", "result"),
    [
        ("$", {"a": 1}, 7),
        ("$.b", {"a": 1}, {"a": 1, "b": 7}),
        ("$.a", {"a": 1}, {"a": 7}),
        ("$.x.y.z", {"a": 1}, {"a": 1, "x": {"y": {"z": 7}}}),
        ("$.a[1]", {"a": [1, 2]}, {"a": [1, 7]}),
    ],
)
def test_put_makes_what_is_missing_and_leaves_the_original(
    path: str, document: Any, result: Any
) -> None:
    """A value is put into a copy; objects on the way are made."""
    before = repr(document)
    assert parse_reference(path).put(document, 7) == result
    assert repr(document) == before


@pytest.mark.parametrize("path", ["$.a.b", "$.c[2]", "$.c.d"])
def test_put_refuses_a_place_that_cannot_be(path: str) -> None:
    """Nothing is put into a text, into an array by name or beyond its end."""
    with pytest.raises(PathMissing):
        parse_reference(path).put({"a": "text", "c": [1]}, 7)


@pytest.mark.parametrize("text", ["$$.Execution", "$.a[*]", "$..b", "$.a[0,1]", "$['a','b']"])
def test_a_reference_path_names_one_place_of_the_input(text: str) -> None:
    """The context object and paths that may find many are no reference paths."""
    with pytest.raises(BadPath):
        parse_reference(text)


def test_a_path_that_multiplies_what_it_finds_ends() -> None:
    """Deep scans in a row stop at a limit instead of filling the memory."""
    nested: Any = 0
    for _ in range(200):
        nested = {"a": nested, "b": 0}
    with pytest.raises(PathMissing, match="More than"):
        parse_path("$" + "..*" * 8).read(nested)
