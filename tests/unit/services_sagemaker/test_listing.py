"""Pages of a list, over rows that Hypothesis draws."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bakehouse.services.sagemaker.listing import Row, page

ROWS = st.lists(
    st.tuples(
        st.text("abAB-12é", min_size=1, max_size=4),
        st.integers(0, 3),  # few moments, so that many things are made in the same one
        st.sampled_from(["Creating", "InService", "Failed"]),
    ),
    unique_by=lambda drawn: drawn[0],
    max_size=12,
)
ORDERS = st.fixed_dictionaries(
    {
        "SortBy": st.sampled_from(["Name", "CreationTime", "Status"]),
        "SortOrder": st.sampled_from(["Ascending", "Descending"]),
    }
)


def row(name: str, created_ms: int, status: str) -> Row:
    return Row(name, created_ms, lambda: {"Name": name}, created_ms, status)


def names(answer: dict[str, Any]) -> list[str]:
    return [shown["Name"] for shown in answer["Rows"]]


@given(ROWS, ORDERS, st.integers(1, 5))
def test_the_pages_are_the_list(
    drawn: list[tuple[str, int, str]], order: dict[str, str], size: int
) -> None:
    """Whatever the order and the size, the pages hold every row once, as one page would."""
    rows = [row(*one) for one in drawn]
    whole = page({**order, "MaxResults": 100}, "Rows", rows)
    assert sorted(names(whole)) == sorted(name for name, _, _ in drawn)
    told: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = page({**order, **token, "MaxResults": size}, "Rows", rows)
        assert 0 < len(answer["Rows"]) <= size or not rows
        told += names(answer)
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert told == names(whole)


@given(ROWS, ORDERS, st.data())
def test_what_comes_and_goes_moves_nothing_else(
    drawn: list[tuple[str, int, str]], order: dict[str, str], data: st.DataObject
) -> None:
    """Rows that are there for both pages are told once, whatever else changes between them."""
    rows = [row(*one) for one in drawn]
    first = page({**order, "MaxResults": 2}, "Rows", rows)
    if "NextToken" not in first:
        return
    lost = data.draw(st.sets(st.sampled_from([one.name for one in rows])))
    later = [one for one in rows if one.name not in lost] + [row("new", 1, "Failed")]
    token = {"NextToken": first["NextToken"], "MaxResults": 100}
    told = names(first) + names(page({**order, **token}, "Rows", later))
    stayed = {one.name for one in rows} - lost
    assert [name for name in told if told.count(name) > 1] == []
    assert stayed <= set(told)
