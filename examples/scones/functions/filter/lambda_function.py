"""Filter: the gate. Let a prediction pass only if its best probability reaches the threshold.

Event in:  {"inferences": [p0, p1], ...}
Event out: {"label": <index of the best>, "confidence": <its probability>, "threshold": <ours>}
Environment: THRESHOLD, at least 0.5 and below 1.

A prediction that does not reach the threshold raises ThresholdNotMet. The state machine catches it
by that name, so a rejected prediction and a broken function never look alike.
"""

import os


class BadEvent(ValueError):
    """The event lacks something, or holds something of the wrong kind."""


class BadThreshold(ValueError):
    """The function's THRESHOLD is missing or out of its range."""


class ThresholdNotMet(Exception):
    """No class is probable enough: a person should look at this image."""


def lambda_handler(event, context):
    probabilities, threshold = probabilities_of(event), threshold_of(os.environ)
    confidence = max(probabilities)
    # Compare the confidence with the threshold. `meets_threshold = threshold` would be a number
    # that is always true: a gate that lets everything pass, and a plot that always looks fine.
    if confidence < threshold:
        raise ThresholdNotMet(f"Confidence {confidence} is below the threshold {threshold}.")
    return {
        "label": probabilities.index(confidence),
        "confidence": confidence,
        "threshold": threshold,
    }


def threshold_of(environment):
    text = environment.get("THRESHOLD", "")
    try:
        threshold = float(text)
    except ValueError:
        raise BadThreshold(f"THRESHOLD must be a number, not {text!r}.") from None
    if not 0.5 <= threshold < 1:
        raise BadThreshold(f"THRESHOLD must be at least 0.5 and below 1, not {text}.")
    return threshold


def probabilities_of(event):
    values = event.get("inferences")
    if not isinstance(values, list) or not values or not all(map(is_probability, values)):
        raise BadEvent(f"The event needs 'inferences', a list of probabilities, not {values!r}.")
    return values


def is_probability(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
