from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakehouse.faults import InvalidInput
from bakehouse.tuning.ranges import Kind, Range, number_range


@pytest.mark.parametrize(
    ("kind", "low", "high", "scaling", "middle"),
    [
        ("integer", "8", "512", "Linear", "260"),
        ("integer", "8", "512", "Logarithmic", "64"),
        ("continuous", "0.0001", "1", "Auto", repr(0.01)),
        ("continuous", "0", "1", "Auto", "0.5"),
        ("continuous", "0.9", "0.999", "ReverseLogarithmic", repr(0.99)),
    ],
)
def test_the_middle_of_a_range_follows_its_scale(
    kind: Kind, low: str, high: str, scaling: str, middle: str
) -> None:
    """Logarithmic scales give each order of magnitude the same room."""
    found = number_range(kind, "x", low, high, scaling)
    assert float(found.value(0.5)) == pytest.approx(float(middle))
    assert float(found.value(0)) == pytest.approx(float(low))
    assert float(found.value(1)) == pytest.approx(float(high))


@given(st.floats(0, 1), st.sampled_from(["Linear", "Logarithmic", "ReverseLogarithmic"]))
def test_a_value_lies_where_it_was_taken_from(share: float, scaling: str) -> None:
    """Places and values turn into each other."""
    found = number_range("continuous", "x", "0.01", "0.99", scaling)
    assert found.share(found.value(share)) == pytest.approx(share, abs=1e-6)


def test_categories_are_themselves() -> None:
    """Each has its part; what is no category has no place."""
    found = Range("o", "categorical", values=("sgd", "adam", "nag"))
    assert [found.value(share) for share in (0, 0.34, 0.99, 1)] == ["sgd", "adam", "nag", "nag"]
    assert found.share("adam") == 0.5
    assert found.share("rmsprop") is None
    assert number_range("integer", "n", "1", "3", "Linear").share("7") is None


@pytest.mark.parametrize(
    ("kind", "low", "high", "scaling", "message"),
    [
        ("integer", "1.5", "3", "Linear", "MinValue is '1.5'"),
        ("continuous", "x", "3", "Linear", "a number"),
        ("continuous", "nan", "3", "Linear", "a finite number"),
        ("continuous", "4", "3", "Linear", "at most MaxValue"),
        ("continuous", "0", "3", "Logarithmic", "more than 0"),
        ("continuous", "0", "1", "ReverseLogarithmic", "below 1"),
        ("integer", "1", "3", "ReverseLogarithmic", "continuous values"),
    ],
)
def test_ranges_that_are_none_are_refused(
    kind: Kind, low: str, high: str, scaling: str, message: str
) -> None:
    """The member, its value and what is allowed are in the sentence."""
    with pytest.raises(InvalidInput, match=message):
        number_range(kind, "x", low, high, scaling)
