# SPDX-License-Identifier: Apache-2.0
"""Prepared documents of an island: what Python signs is what the web app builds; both check the same file."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.core.units import parse_address
from backend.market.islands.documents import Declaration, Ending, digest, digest_of_body, typed_data

DOCUMENTS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "documents.json").read_text())["documents"]


def rebuilt(prepared: dict[str, Any]) -> tuple[Any, Declaration | Ending]:
    """Chain and document from the plain values of a prepared one."""
    domain, message = prepared["typedData"]["domain"], prepared["typedData"]["message"]
    chain = SimpleNamespace(
        chain_id=domain["chainId"],
        contract_address=parse_address(domain["verifyingContract"]),
        salt=bytes.fromhex(domain["salt"][2:]),
    )
    operator = parse_address(prepared["operator"])
    if prepared["startsAt"] is None:
        return chain, Ending(operator, bytes.fromhex(message["declaration"][2:]), prepared["expiry"])
    cap = int(message["priceCapMicroPerKwh"])
    times = (prepared["startsAt"], prepared["endsAt"])
    return chain, Declaration(operator, prepared["community"], message["reason"], *times, cap, prepared["expiry"])


@pytest.mark.parametrize("prepared", DOCUMENTS, ids=["declaration", "ending"])
def test_digest__of_the_shared_documents__is_what_the_file_says(prepared):
    chain, document = rebuilt(prepared)

    assert typed_data(chain, document) == prepared["typedData"]
    assert "0x" + digest(chain, document).hex() == prepared["documentHash"]
    assert "0x" + digest_of_body(prepared["typedData"]).hex() == prepared["documentHash"]
