# SPDX-License-Identifier: Apache-2.0
"""What is shown while the demonstration works: moving bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Advance = Callable[[int], None]


class Screen:
    """Speaks to `console`; remembers how long each chapter took."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}

    def say(self, line: str = "") -> None:
        """Print a line."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def chapter(self, title: str, total: int | None = None) -> Iterator[Advance]:
        """Show that something is being done; the value counts done pieces up to `total`."""
        started = time.monotonic()
        with self._moving(title, total) if self.console.is_terminal else self._plain(title, total) as advance:
            yield advance
        self.seconds[title] = time.monotonic() - started
        count = f" {total}" if total is not None else ""
        self.say(f"  ✓ {title}{count} ({self.seconds[title]:.1f} s)")

    @contextmanager
    def _moving(self, title: str, total: int | None) -> Iterator[Advance]:
        columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30)]
        counts = [MofNCompleteColumn()] if total is not None else []
        with Progress(*columns, *counts, TimeElapsedColumn(), console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=total)
            yield lambda pieces: progress.advance(task, pieces)

    @contextmanager
    def _plain(self, title: str, total: int | None) -> Iterator[Advance]:
        done, shown = 0, 0
        self.say(f"  … {title}")

        def advance(pieces: int) -> None:
            nonlocal done, shown
            done += pieces
            if total and done * 4 // total > shown:
                shown = done * 4 // total
                if done < total:
                    self.say(f"    {done} of {total}")

        yield advance
