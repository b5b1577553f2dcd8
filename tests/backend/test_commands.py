# SPDX-License-Identifier: Apache-2.0
"""Commands that ask the running stack say in a line what is in the way: no stack, no setting, no database."""

import pytest
from click.testing import CliRunner

from scripts.cli import cli

ASKING = [
    ["follower", "status"],
    ["follower", "resume"],
    ["follower", "retry"],
    ["follower", "reread", "--from", "0"],
    ["relayer", "status"],
    ["admin", "create", "--email", "ada@example.org", "--name", "Ada", "--password", "a long password"],
    ["market", "island-report", "--island", "00000000-0000-0000-0000-000000000005"],
]
KEY = "GRIDX_OPERATOR_KEY"
URLS = ("GRIDX_DATABASE_AUDIT_URL", "GRIDX_DATABASE_SERVICE_URL")


@pytest.fixture(params=ASKING, ids=" ".join)
def said(request, monkeypatch):
    """What the command says where the running stack has these settings; None: no stack runs."""

    def ask(settings):
        monkeypatch.setattr("scripts.runfile.read", lambda folder=None: None)
        monkeypatch.delenv("DATABASE_URL", raising=False)
        for name, value in (settings or {}).items():
            monkeypatch.setenv(name, value)
        result = CliRunner().invoke(cli, request.param)
        assert result.exit_code == 1
        return result.output

    return ask


def test_ask__no_stack_runs__says_how_to_start_one(said):
    assert said(None).startswith("Error: no stack is running here")


def test_ask__without_an_address__names_the_setting(said, monkeypatch):
    for name in (KEY, *URLS):
        monkeypatch.delenv(name, raising=False)

    assert said({"DATABASE_URL": "postgresql://elsewhere"}).strip().endswith(" is not set")


def test_ask__the_database_is_away__says_so(said):
    nowhere = "postgresql://nobody:nothing@127.0.0.1:1/gridx"

    assert "Connect call failed" in said(
        dict.fromkeys(("DATABASE_URL", *URLS), nowhere) | {KEY: "11" * 32, "RPC_URL": "http://127.0.0.1:1"}
    )


@pytest.mark.parametrize("port", ["abc", "99999", "-1", "0"])
def test_up__a_setting_that_is_no_port__is_named(port, monkeypatch, tmp_path):
    monkeypatch.setenv("GRIDX_CHAIN_PORT", port)

    result = CliRunner().invoke(cli, ["up", "--folder", str(tmp_path)])

    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert f"GRIDX_CHAIN_PORT is {port!r}" in result.output


def test_up__folder_that_cannot_be_made__says_so(tmp_path):
    (tmp_path / "file").touch()

    result = CliRunner().invoke(cli, ["up", "--folder", str(tmp_path / "file" / "stack")])

    assert result.exit_code == 1
    assert "Not a directory" in result.output


def test_reset__a_stack_that_trained__takes_the_models_files_with_their_register(tmp_path):
    for part in ("postgres", "models", "logs"):
        (tmp_path / part).mkdir()

    CliRunner().invoke(cli, ["reset", "--yes", "--folder", str(tmp_path)], catch_exceptions=False)

    assert {path.name for path in tmp_path.iterdir()} == {"logs", "lock"}
