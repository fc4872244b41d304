"""Imported by Python itself when it starts, because this folder stands on ``PYTHONPATH``.

It begins the watch for the SDKs, leaves the path, and makes way for the ``sitecustomize`` that it
hides, if there is one. This file is read by every Python, also by one that is too old for the rest.
"""

import sys

if sys.version_info >= (3, 9):  # noqa: UP036  # programs of the user's may be older than we are
    import bakehouse_startup  # type: ignore[import-not-found]  # it lies beside this file

    bakehouse_startup.begin()

_ours = sys.modules.pop(__name__)
sys.path[:] = [entry for entry in sys.path if entry != __file__.rpartition("/")[0]]
try:
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401  # the next on the path
except ImportError as error:
    if getattr(error, "name", __name__) != __name__:
        raise
    sys.modules[__name__] = _ours
