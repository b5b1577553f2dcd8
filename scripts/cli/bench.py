# SPDX-License-Identifier: Apache-2.0
"""`gridx bench WHAT`: each benchmark is a module of tests/bench with a `main`; its last line is JSON with --json."""

from __future__ import annotations

import click

from scripts.cli.plain import hand_over
from scripts.embedded.process import ROOT

FOLDER = ROOT / "tests" / "bench"


def _names() -> list[str]:
    """Benchmarks: the modules that can be run, in alphabetical order."""
    modules = [path for path in FOLDER.glob("*.py") if not path.name.startswith("_")]
    return sorted(path.stem for path in modules if '__name__ == "__main__"' in path.read_text())


class Benchmarks(click.Group):
    """Finds the benchmarks in their folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the benchmarks."""
        return _names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The benchmark, or None."""
        if cmd_name not in _names():
            return None

        @click.command(
            cmd_name,
            context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
            add_help_option=False,
            short_help=_purpose(cmd_name),
        )
        @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
        def command(arguments: tuple[str, ...]) -> None:
            hand_over(["-m", f"tests.bench.{cmd_name}", *arguments])

        return command


def _purpose(name: str) -> str:
    """First sentence of the module's docstring, read without importing it."""
    text = (FOLDER / f"{name}.py").read_text()
    _, _, rest = text.partition('"""')
    return rest.partition('"""')[0].split("\n")[0].split(": `")[0].strip().rstrip(".")


@click.command(cls=Benchmarks)
def bench() -> None:
    """Measure on this machine; nothing here runs in the test suite."""
