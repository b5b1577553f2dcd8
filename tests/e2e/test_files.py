# SPDX-License-Identifier: Apache-2.0
"""Files that configure other programs fit the code; the checks find what they are for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from backend.core.settings import Settings
from scripts import scan
from scripts.embedded.process import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
APP_SERVICES = ("api", "follower", "relay", "relayer", "worker")


@pytest.mark.parametrize("service", APP_SERVICES)
def test_compose__environment_of_each_process__is_what_settings_need(service, monkeypatch):
    for name, value in COMPOSE["services"][service]["environment"].items():
        monkeypatch.setenv(name, re.sub(r"\$\{\w+:(?:\?[^}]*|-([^}]*))\}", lambda m: m[1] or "value", value))

    settings = Settings()

    assert settings.api_host == "0.0.0.0"
    assert settings.database_url.endswith("@postgres:5432/gridx")


@pytest.mark.parametrize("service", sorted(COMPOSE["services"]))
def test_compose__each_service__waits_only_for_services_that_exist(service):
    waits_for = COMPOSE["services"][service].get("depends_on", {})

    assert set(waits_for) <= set(COMPOSE["services"])


def test_help__is_asked_for__imports_nothing_heavy():
    program = (
        "import sys, click.testing, scripts.cli as c;"
        "r = click.testing.CliRunner().invoke(c.cli, ['--help']); assert r.exit_code == 0, r.output;"
        "print(r.output);"
        "heavy = {'sqlalchemy', 'web3', 'ape', 'fastapi', 'pandas', 'scripts.stack'} & sys.modules.keys();"
        "assert not heavy, heavy"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "audit" in done.stdout


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('# SPDX-License-Identifier: Apache-2.0\nKEY = "' + "AKIA" + 'ABCDEFGHIJKLMNOP"\n', "a cloud key"),
        ("# SPDX-License-Identifier: Apache-2.0\nopen('/" + "root/notes.txt')\n", "a path of one machine"),
        ("print('no licence line')\n", "no SPDX line"),
    ],
)
def test_scan__file_with_what_does_not_belong__names_it(tmp_path: Path, monkeypatch, content, what):
    monkeypatch.setattr(scan, "ROOT", tmp_path)
    (tmp_path / "module.py").write_text(content)

    found = list(scan.findings(tmp_path / "module.py"))

    assert [what in finding for finding in found] == [True]
