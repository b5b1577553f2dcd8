# SPDX-License-Identifier: Apache-2.0
"""Prepared documents: what Python signs is what the web app builds; both check the same file."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.carbon.documents import Domain, Retirement, Transference, digest, digest_of_body, typed_data
from backend.core.units import parse_address

DOCUMENTS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "documents.json").read_text())["documents"]


def rebuilt(prepared: dict[str, Any]) -> tuple[Domain, Retirement | Transference]:
    """Domain and document from the plain values of a prepared one."""
    body, message = prepared["typedData"], prepared["typedData"]["message"]
    domain = Domain(
        body["domain"]["chainId"],
        parse_address(body["domain"]["verifyingContract"]),
        bytes.fromhex(body["domain"]["salt"][2:]),
    )
    account, grams = parse_address(prepared["account"]), int(message["grams"])
    previous = bytes.fromhex(prepared["previousHash"][2:])
    if body["primaryType"] == "CarbonRetirement":
        reason = message["reason"]
        return domain, Retirement(account, grams, reason, prepared["sequence"], previous, prepared["expiry"])
    recipient = parse_address(message["recipient"])
    return domain, Transference(account, recipient, grams, prepared["sequence"], previous, prepared["expiry"])


@pytest.mark.parametrize("prepared", DOCUMENTS, ids=["retirement", "transfer", "to-a-reserve"])
def test_digest__of_the_shared_documents__is_what_the_file_says(prepared):
    domain, document = rebuilt(prepared)

    assert typed_data(domain, document) == prepared["typedData"]
    assert "0x" + digest(domain, document).hex() == prepared["documentHash"]
    assert "0x" + digest_of_body(prepared["typedData"]).hex() == prepared["documentHash"]
