"""The way of an execution, read from its events."""

from __future__ import annotations

import pytest

from bakehouse.states.outline import END, START
from bakehouse.states.passage import Visit, duration, follow
from support.histories import History


def test_a_way_through_has_its_times() -> None:
    """Each state succeeded, took what lies between its events, and led to the next."""
    history = History()
    history.task("A", 17)
    history.task("B", 28)
    history.add("ExecutionSucceeded")
    passage = follow(history.events, {"A", "B"})
    assert passage.visits == {
        "A": Visit("succeeded", times=1, taken_ms=17),
        "B": Visit("succeeded", times=1, taken_ms=28),
    }
    assert passage.ways == {(START, "A", False), ("A", "B", False), ("B", END, False)}


def test_the_order_of_the_events_does_not_matter() -> None:
    """Pages may come newest first."""
    history = History()
    history.task("A", 5)
    history.add("ExecutionSucceeded")
    assert follow(reversed(history.events), {"A"}) == follow(history.events, {"A"})


def test_a_caught_failure_leads_on_by_its_catch() -> None:
    """A state that is left right after a failure was caught; so is the way from it."""
    history = History()
    history.failed_task("A", 9, "ThresholdNotMet")
    history.leave("Task", "A")
    history.enter("Fail", "Rejected")
    history.add("ExecutionFailed", 2, executionFailedEventDetails={"error": "Gate"})
    passage = follow(history.events, {"A", "Rejected"})
    assert passage.visits["A"] == Visit("caught", 1, 9.0, failures=1, error="ThresholdNotMet")
    assert passage.visits["Rejected"] == Visit("failed", 1, 2.0, error="Gate")
    assert ("A", "Rejected", True) in passage.ways


def test_a_retried_failure_is_counted_and_forgiven() -> None:
    """After a retry that worked the state succeeded; its failures are still known."""
    history = History()
    history.failed_task("A", 3, "Lambda.ServiceException")
    history.add("TaskScheduled", 1000)
    history.add("TaskSucceeded", 4)
    history.leave("Task", "A")
    visit = follow(history.events, {"A"}).visits["A"]
    assert (visit.outcome, visit.failures, visit.taken_ms) == ("succeeded", 1, 1007.0)


@pytest.mark.parametrize("end", ["ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"])
def test_where_an_execution_ends_badly_that_state_failed(end: str) -> None:
    """The state that was open is the one that failed, with its own error where the end has none."""
    history = History()
    history.failed_task("A", 3, "KeyError")
    history.add(end, 1)
    assert follow(history.events, {"A"}).visits["A"] == Visit("failed", 1, 4.0, 1, "KeyError")


def test_an_open_state_is_running() -> None:
    """Without an end, where the execution is now is told."""
    history = History()
    history.task("A", 1)
    history.enter("Wait", "B")
    assert follow(history.events, {"A", "B"}).visits["B"].outcome == "running"


def test_a_loop_adds_up() -> None:
    """Visits are counted and their times summed."""
    history = History()
    for _ in range(3):
        history.task("A", 10)
        history.enter("Choice", "Q")
        history.leave("Choice", "Q")
    passage = follow(history.events, {"A", "Q"})
    assert (passage.visits["A"].times, passage.visits["A"].taken_ms) == (3, 30.0)
    assert ("Q", "A", False) in passage.ways


def test_what_happens_inside_of_a_state_is_its_own() -> None:
    """A failure in a branch that was caught there does not colour the Parallel state."""
    history = History()
    history.enter("Parallel", "All")
    started = history.add("ParallelStateStarted")
    history.enter("Task", "Inner")
    history.fail(5, "Small")
    history.leave("Task", "Inner")
    history.add("ParallelStateSucceeded", previous=started)
    history.leave("Parallel", "All")
    history.add("ExecutionSucceeded")
    passage = follow(history.events, {"All"})
    assert set(passage.visits) == {"All"}
    assert (passage.visits["All"].outcome, passage.visits["All"].failures) == ("succeeded", 0)


def test_a_failed_parallel_state_can_be_caught() -> None:
    """Its own failure counts, whichever branch it came from."""
    history = History()
    history.enter("Parallel", "All")
    history.enter("Task", "Inner")
    history.fail(5, "Small")
    history.add("ParallelStateFailed", parallelStateFailedEventDetails={"error": "Small"})
    history.leave("Parallel", "All")
    history.enter("Pass", "Next")
    passage = follow(history.events, {"All", "Next"})
    assert (passage.visits["All"].outcome, passage.visits["All"].error) == ("caught", "Small")


def test_an_execution_that_never_began_has_no_way() -> None:
    """An abort before the first state is no error."""
    history = History()
    history.add("ExecutionAborted")
    assert follow(history.events, {"A"}).visits == {}


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "< 1 ms"),
        (34.4, "34 ms"),
        (999.7, "1 s"),
        (1250, "1.25 s"),
        (59_990, "60 s"),
        (59_999, "1 min 0 s"),
        (123_000, "2 min 3 s"),
    ],
)
def test_times_read_as_people_write_them(milliseconds: float, text: str) -> None:
    """Three digits at most, in the unit that fits."""
    assert duration(milliseconds) == text
