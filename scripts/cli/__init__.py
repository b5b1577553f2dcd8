# SPDX-License-Identifier: Apache-2.0
"""The gridx command. Each subcommand stands in a file of its own, imported when it is called."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Entry:
    """A subcommand: what --help says, the file it needs, and where its click command is."""

    help: str
    needs: str
    place: str


COMMANDS = {
    "setup": Entry("Prepare the machine: packages, compiled contracts.", "scripts/setup.py", "scripts.cli.plain:setup"),
    "up": Entry("Run the whole stack until Ctrl-C; data stay under .gridx/.", "scripts/stack.py", "scripts.cli.up:up"),
    "demo": Entry("A community's trading day, audited.", "scripts/demo/main.py", "scripts.cli.plain:demo"),
    "status": Entry("What runs, and how far the chain is followed.", "scripts/stack.py", "scripts.cli.status:status"),
    "follower": Entry("The chain follower: status, resume, …", "scripts/stack.py", "scripts.cli.status:follower"),
    "relayer": Entry("Settlement on chain: status, new-key.", "scripts/cli/relayer.py", "scripts.cli.relayer:relayer"),
    "deploy": Entry("Deploy the contracts and record where.", "scripts/deploy.py", "scripts.cli.plain:deploy"),
    "audit": Entry("Rebuild everything from the chain and compare.", "backend/audit/cli.py", "scripts.cli.plain:audit"),
    "verify": Entry("Verify the proof bundle of one trade.", "backend/audit/cli.py", "scripts.cli.plain:verify"),
    "simulate": Entry(
        "Trading agents over many days, and a report.", "scripts/cli/simulate.py", "scripts.cli.simulate:simulate"
    ),
    "events": Entry("Print live events, resuming after drops.", "scripts/live_events.py", "scripts.cli.events:events"),
    "bench": Entry("Measure: gas, trades, follower, reads, …", "tests/bench", "scripts.cli.bench:bench"),
    "market": Entry(
        "Clear orders or a receipt anew, check an island's report.",
        "backend/market/clearing/checking.py",
        "scripts.cli.market:market",
    ),
    "ai": Entry("Models of the running stack: train, promote, drift, …", "ai_service/cli.py", "scripts.cli.plain:ai"),
    "admin": Entry("Super admins: create.", "backend/accounts/people.py", "scripts.cli.admin:admin"),
    "doctor": Entry("What is missing, and how to get it.", "scripts/doctor.py", "scripts.cli.plain:doctor"),
    "reset": Entry("Throw the local chain and database away.", "scripts/cli/reset.py", "scripts.cli.reset:reset"),
}


class Commands(click.Group):
    """Knows the subcommands by name and help; imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands whose parts are there."""
        return [name for name, entry in COMMANDS.items() if (ROOT / entry.needs).exists()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None when there is none of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, name = COMMANDS[cmd_name].place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List names and help without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in self.list_commands(ctx)])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option("0.1.0", prog_name="gridx")
def cli() -> None:
    """GridX: a peer-to-peer energy market in which every traded kilowatt-hour can be proven."""


def main() -> None:
    """Entry point of the gridx command."""
    sys.path.insert(0, str(ROOT))
    os.environ["PYTHONPATH"] = str(ROOT)
    cli(prog_name="gridx")


if __name__ == "__main__":
    main()
