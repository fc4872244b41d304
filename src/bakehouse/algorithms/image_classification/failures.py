"""The one way in which a job tells its user that the data or the parameters are to blame."""

from __future__ import annotations


class CustomerError(Exception):
    """The user's data or parameters cannot be trained on.

    The message is AWS's own text where that is known, with our detail after it. It reaches the user
    as the job's ``FailureReason``, after ``ClientError: ``.
    """
