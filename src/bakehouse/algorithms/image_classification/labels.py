"""What the labels of a picture may be, wherever they are read from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bakehouse.algorithms.image_classification.failures import CustomerError


@dataclass(frozen=True, slots=True)
class LabelRule:
    """One class of so many, or a 0 or 1 for each of them."""

    num_classes: int
    multi_label: bool

    def check(self, labels: Sequence[float]) -> tuple[int, ...]:
        """The labels as whole numbers: one class, or as many zeros and ones as there are classes.

        Raises:
            ValueError: they are something else; the message is a clause that says so.
            CustomerError: there are more or fewer than classes; AWS's sentence.
        """
        if self.multi_label:
            return self._check_many(labels)
        if len(labels) != 1:
            raise ValueError(f"it has {len(labels)} labels; more than one need multi_label 1")
        (label,) = labels
        if label != int(label):
            raise ValueError(f"the label is {label}, which is not a whole number")
        if not 0 <= label < self.num_classes:
            raise ValueError(
                f"the label is {label:g}; with num_classes {self.num_classes} it must be from 0 to"
                f" {self.num_classes - 1}"
            )
        return (int(label),)

    def of_classes(self, classes: Sequence[float]) -> tuple[int, ...]:
        """The labels that a list of class numbers stands for.

        Raises:
            ValueError: as :meth:`check` does.
        """
        if not self.multi_label:
            return self.check(classes)
        one = LabelRule(self.num_classes, multi_label=False)
        present = {one.check([label])[0] for label in classes}
        return tuple(int(number in present) for number in range(self.num_classes))

    def _check_many(self, labels: Sequence[float]) -> tuple[int, ...]:
        if len(labels) != self.num_classes:
            raise CustomerError(
                f"Mismatch between number of labels in the multi-label data ({len(labels)}) and the"
                f" num_classes parameter ({self.num_classes})."
            )
        if strange := [label for label in labels if label not in (0, 1)]:
            raise ValueError(f"a label is {strange[0]:g}; with multi_label each is 0 or 1")
        return tuple(int(label) for label in labels)
