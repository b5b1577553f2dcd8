# SPDX-License-Identifier: Apache-2.0
"""Signatures and typed messages against eth-account, which shares no code with ours."""

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from backend.core.crypto import address_of, hash_personal, hash_typed, recover, sign

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEYS = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
DIGESTS = st.binary(min_size=32, max_size=32)


@given(KEYS, DIGESTS)
def test_recover__own_signature__names_the_signer(key: bytes, digest: bytes) -> None:
    assert recover(digest, sign(digest, key)) == address_of(key)


@given(KEYS, DIGESTS)
def test_recover__malleated_signature__is_refused(key: bytes, digest: bytes) -> None:
    signature = sign(digest, key)
    high_s = (ORDER - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")

    assert recover(digest, signature[:32] + high_s + bytes([55 - signature[64]])) is None


@given(st.binary(max_size=70).filter(lambda raw: len(raw) != 65), DIGESTS)
def test_recover__wrong_length__is_refused(signature: bytes, digest: bytes) -> None:
    assert recover(digest, signature) is None


@given(KEYS, st.text(max_size=80))
def test_hash_personal__any_text__is_what_wallets_sign(key: bytes, text: str) -> None:
    signed = Account.sign_message(encode_defunct(text=text), key)

    assert recover(hash_personal(text), bytes(signed.signature)) == address_of(key)


@given(KEYS, st.text(max_size=40), st.integers(0, 2**256 - 1), DIGESTS)
def test_hash_typed__message_with_salt__is_what_wallets_sign(key: bytes, text: str, number: int, salt: bytes) -> None:
    domain = {"name": "GridX", "version": "1", "chainId": 31337, "verifyingContract": "0x" + "12" * 20, "salt": salt}
    fields = [("string", "reason"), ("uint256", "amount"), ("address", "account")]
    message = {"reason": text, "amount": number, "account": "0x" + "ab" * 20}
    typed = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"}, {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"},
                {"name": "salt", "type": "bytes32"},
            ],
            "Paper": [{"name": name, "type": kind} for kind, name in fields],
        },
        "primaryType": "Paper", "domain": domain, "message": message,
    }  # fmt: skip
    signed = Account.sign_message(encode_typed_data(full_message=typed), key)

    assert recover(hash_typed(domain, "Paper", fields, message), bytes(signed.signature)) == address_of(key)
