# SPDX-License-Identifier: Apache-2.0
"""The garbage collector of a process that runs for long."""

import gc


def keep_what_is_there() -> None:
    """What was imported stays for good: looking through it again and again would cost the work its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
