"""Tell OpenMP's threads, on which torch computes, to sleep while they wait.

By default they spin for a while after each operation. That gains nothing on an idle machine, and on a busy one the
spinning threads take the processor from those that compute. The results are the same.
"""

from __future__ import annotations

import os
import sys

VARIABLE = "OMP_WAIT_POLICY"
TOO_LATE = (
    "torch was imported before the session, so its threads spin while they wait; if other programs run beside it, set "
    f"{VARIABLE}=PASSIVE in the environment"
)


def wait_passively() -> bool:
    """Set the policy for this process, unless the user has set one.

    OpenMP reads it once, when torch is imported. Returns whether a policy of the environment applies.
    """
    if VARIABLE in os.environ:
        return True
    if "torch" in sys.modules:
        return False
    os.environ[VARIABLE] = "PASSIVE"
    return True
