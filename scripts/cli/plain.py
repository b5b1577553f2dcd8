# SPDX-License-Identifier: Apache-2.0
"""Subcommands that are programs of their own: the call is handed over to `python -m module` with all its arguments."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from scripts import forecaster, keys
from scripts.embedded.process import ROOT, ProcessFailed
from scripts.runfile import FOLDER, running_environment

_PASSING = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def hand_over(program: list[str], *, with_stack: bool = False, secrets: tuple[str, ...] = ()) -> NoReturn:
    """Become `python PROGRAM`; `with_stack` adds the addresses of the running stack, if one runs, and its `secrets`."""
    environment = dict(os.environ)
    if with_stack:
        try:
            environment = running_environment()
            kept = keys.read_or_make(FOLDER / "secrets") if secrets and (FOLDER / "secrets").exists() else {}
            environment = {name: kept[name] for name in secrets if name in kept} | environment
        except ProcessFailed:
            pass
    environment["PYTHONPATH"] = str(ROOT)
    os.execve(sys.executable, [sys.executable, *program], environment)


def _program(
    name: str, program: list[str], help_text: str, *, with_stack: bool = False, secrets: tuple[str, ...] = ()
) -> click.Command:
    @click.command(name, context_settings=_PASSING, add_help_option=False, help=help_text)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        hand_over([*program, *arguments], with_stack=with_stack, secrets=secrets)

    return command


setup = _program("setup", [str(ROOT / "scripts" / "setup.py")], "Prepare the machine.")
doctor = _program("doctor", [str(ROOT / "scripts" / "doctor.py")], "What is missing, and how to get it.")
demo = _program("demo", ["-m", "scripts.demo.main"], "A community's trading day, audited.")
deploy = _program("deploy", ["-m", "scripts.deploy"], "Deploy the contracts.", with_stack=True)
audit = _program("audit", ["-m", "backend.audit.cli", "audit"], "Rebuild and compare.", with_stack=True)
ai = _program(
    "ai", ["-m", "ai_service.cli"], "gridx-ai on the running stack.", with_stack=True, secrets=(forecaster.KEY,)
)
verify = _program("verify", ["-m", "backend.audit.cli", "verify"], "Verify a proof bundle.", with_stack=True)
