"""What is wrong with a definition, in the words with which AWS refuses it."""

from __future__ import annotations

from bakehouse.faults import Rejected


class InvalidDefinition(Rejected):
    """A state machine's definition cannot be run; nothing was created.

    Args:
        code: AWS's word: ``SCHEMA_VALIDATION_FAILED``, ``MISSING_TRANSITION_TARGET``,
            ``INVALID_JSON_DESCRIPTION``; ours is ``NOT_BUILT``, for what AWS runs and we do not.
        problem: the sentence.
        where: the path into the definition, ``/States/Classify/Next``; empty for the whole.
    """

    def __init__(self, code: str, problem: str, where: str = "") -> None:
        self.code, self.problem, self.where = code, problem, where
        place = f" at {where}" if where else ""
        super().__init__(f"Invalid State Machine Definition: '{code}: {problem}{place}'")


def schema_problem(problem: str, where: str) -> InvalidDefinition:
    """A definition that breaks a rule of the language."""
    return InvalidDefinition("SCHEMA_VALIDATION_FAILED", problem, where)


def not_built(what: str, where: str) -> InvalidDefinition:
    """A definition that is right, but asks for something that we do not run yet."""
    return InvalidDefinition("NOT_BUILT", f"bakehouse does not run {what} yet", where)
