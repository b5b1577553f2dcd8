# SPDX-License-Identifier: Apache-2.0
"""Named places at which a test can kill the process, to prove that any moment is a safe moment to die.

`GRIDX_FAILPOINTS="recorder.before_commit:2,follower.after_fetch"` kills with SIGKILL at the second pass of the first
and the first pass of the second. Without the variable a failpoint is one dictionary look-up.
"""

import os
import signal


def _parse(spec: str) -> dict[str, int]:
    armed: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in spec.split(","))):
        name, _, count = part.partition(":")
        armed[name] = int(count or 1)
    return armed


_armed = _parse(os.environ.get("GRIDX_FAILPOINTS", ""))


async def failpoint(name: str) -> None:
    """Die here if `name` is armed and this is its n-th pass."""
    if name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
