# SPDX-License-Identifier: Apache-2.0
"""Reading and judging sign-in messages (EIP-4361), field by field."""

from datetime import timedelta

import pytest

from backend.accounts import siwe
from backend.accounts.errors import SiweMalformed, SiweRefused
from tests.backend.accounts.helpers import ALICE, NOON, make_test_accounts, siwe_text

NONCE = "0123456789abcdef"


def stamp(minutes: float) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat()


def test_parse__every_field__is_read():
    message = (
        siwe_text(ALICE.shown, NONCE, expiration_time=stamp(5), not_before=stamp(-1), request_id="r 1")
        + "\nResources:\n- https://example.org/a\n- ipfs://b"
    )

    read = siwe.parse(message)

    assert read.address == ALICE.address
    assert (read.domain, read.uri, read.chain_id) == ("127.0.0.1:3001", "http://127.0.0.1:3001/sign-in", 31337)
    assert (read.nonce, read.issued_at) == (NONCE, NOON)
    assert (read.expiration_time, read.not_before) == (NOON + timedelta(minutes=5), NOON - timedelta(minutes=1))


@pytest.mark.parametrize("blank", ["\n\n\n", "\n\n"])
def test_parse__no_statement__takes_one_or_two_empty_lines(blank):
    message = siwe_text(ALICE.shown, NONCE, statement=None).replace("\n\n\n", blank)

    assert siwe.parse(message).nonce == NONCE


def test_parse__scheme_before_the_domain__is_read():
    assert siwe.parse("http://" + siwe_text(ALICE.shown, NONCE)).scheme == "http"


MALFORMED = {
    "domain": ({"domain": "evil.example/path"}, "domain"),
    "empty domain": ({"domain": ""}, "domain"),
    "domain with user": ({"domain": "127.0.0.1:3001@evil.example"}, "domain"),
    "statement with a line break": ({"statement": "a\nb"}, "statement"),
    "statement not ASCII": ({"statement": "Grüße"}, "statement"),
    "no URI": ({"uri": None}, "uri"),
    "URI with a space": ({"uri": "http://127.0.0.1:3001/a b"}, "uri"),
    "URI without scheme": ({"uri": "127.0.0.1:3001"}, "uri"),
    "no version": ({"version": None}, "version"),
    "version 2": ({"version": "2"}, "version"),
    "no chain": ({"chain_id": None}, "chainId"),
    "chain not a number": ({"chain_id": "0x7a69"}, "chainId"),
    "chain negative": ({"chain_id": "-1"}, "chainId"),
    "no nonce": ({"nonce": None}, "nonce"),
    "short nonce": ({"nonce": "abc1234"}, "nonce"),
    "nonce with a sign": ({"nonce": "abcdefgh-1"}, "nonce"),
    "no issue time": ({"issued_at": None}, "issuedAt"),
    "issue time without zone": ({"issued_at": "2026-06-01T12:00:00"}, "issuedAt"),
    "issue time impossible": ({"issued_at": "2026-13-01T12:00:00Z"}, "issuedAt"),
    "issue time a date": ({"issued_at": "2026-06-01"}, "issuedAt"),
    "expiry not a time": ({"expiration_time": "tomorrow"}, "expirationTime"),
    "start not a time": ({"not_before": "now"}, "notBefore"),
}


@pytest.mark.parametrize(("changes", "field"), MALFORMED.values(), ids=MALFORMED.keys())
def test_parse__malformed_field__is_refused_by_name(changes, field):
    with pytest.raises(SiweMalformed) as refused:
        siwe.parse(siwe_text(ALICE.shown, NONCE, **changes))

    assert refused.value.details["field"] == field


@pytest.mark.parametrize(
    "address", [ALICE.shown.lower(), ALICE.shown[:-1], ALICE.shown.swapcase().replace("0X", "0x"), "vitalik.eth", ""]
)
def test_parse__address_without_checksum_or_of_wrong_length__is_refused(address):
    with pytest.raises(SiweMalformed) as refused:
        siwe.parse(siwe_text(address, NONCE))

    assert refused.value.details["field"] == "address"


@pytest.mark.parametrize(
    "tail", ["\nResource: a", "\nResources:\nhttps://a", "\nResources:\n- not a uri", "\n", "\nNonce: 12345678"]
)
def test_parse__something_after_the_fields__is_refused(tail):
    with pytest.raises(SiweMalformed) as refused:
        siwe.parse(siwe_text(ALICE.shown, NONCE) + tail)

    assert refused.value.details["field"] == "resources"


@pytest.mark.parametrize(
    "message", ["", "\n", "x" * 4_001, "wants you to sign in", siwe_text(ALICE.shown, NONCE).replace("\n", "\r\n")]
)
def test_parse__no_message_at_all__is_refused(message):
    with pytest.raises(SiweMalformed):
        siwe.parse(message)


REFUSED = {
    "another site": ({"domain": "evil.example", "uri": "https://evil.example/"}, "domain"),
    "another port": ({"domain": "127.0.0.1:3002"}, "domain"),
    "URI of another site": ({"uri": "https://evil.example/sign-in"}, "uri"),
    "URI of another scheme": ({"uri": "https://127.0.0.1:3001/"}, "uri"),
    "URI that only starts alike": ({"uri": "http://127.0.0.1:3001.evil.example/"}, "uri"),
    "URI with a user": ({"uri": "http://127.0.0.1:3001@evil.example/"}, "uri"),
    "another chain": ({"chain_id": "1"}, "chainId"),
    "issued long ago": ({"issued_at": stamp(-6.1)}, "issuedAt"),
    "issued in the future": ({"issued_at": stamp(1.1)}, "issuedAt"),
    "expired": ({"expiration_time": stamp(0)}, "expirationTime"),
    "not valid yet": ({"not_before": stamp(1.1)}, "notBefore"),
}


@pytest.mark.parametrize(("changes", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_check__for_another_site_chain_or_time__is_refused_by_name(changes, field):
    message = siwe.parse(siwe_text(ALICE.shown, NONCE, **changes))

    with pytest.raises(SiweRefused) as refused:
        siwe.check(message, make_test_accounts(), now=NOON)

    assert refused.value.details["field"] == field


def test_check__scheme_of_another_kind__is_refused():
    message = siwe.parse("https://" + siwe_text(ALICE.shown, NONCE))

    with pytest.raises(SiweRefused) as refused:
        siwe.check(message, make_test_accounts(), now=NOON)

    assert refused.value.details["field"] == "scheme"


@pytest.mark.parametrize(
    ("domain", "uri"),
    [
        ("127.0.0.1:3001", "http://127.0.0.1:3001"),
        ("localhost:3001", "http://localhost:3001/x"),
        ("gridx.example", "https://gridx.example/"),
    ],
)
def test_check__one_of_our_sites__passes(domain, uri):
    message = siwe.parse(siwe_text(ALICE.shown, NONCE, domain=domain, uri=uri))

    siwe.check(message, make_test_accounts(other_origins=("https://gridx.example",)), now=NOON)


def test_check__fresh_and_inside_its_times__passes():
    message = siwe.parse(siwe_text(ALICE.shown, NONCE, expiration_time=stamp(1), not_before=stamp(0)))

    siwe.check(message, make_test_accounts(), now=NOON)
