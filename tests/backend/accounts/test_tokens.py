# SPDX-License-Identifier: Apache-2.0
"""Access tokens: one algorithm, one key, one hour at most."""

import base64
import json
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.accounts.errors import TokenExpired, TokenInvalid
from backend.accounts.tokens import TokenSigner, csrf_of, hash_secret, new_secret
from tests.backend.accounts.helpers import NOON

SIGNER = TokenSigner(b"s" * 32, issuer="http://127.0.0.1:3001", lifetime=timedelta(minutes=15))
USER, SESSION = uuid4(), uuid4()


def claims(**changes):
    said = {
        "iss": "http://127.0.0.1:3001",
        "aud": "gridx",
        "sub": str(USER),
        "sid": str(SESSION),
        "jti": "1",
        "iat": int(NOON.timestamp()),
        "exp": int(NOON.timestamp()) + 60,
    } | changes
    return {name: value for name, value in said.items() if value is not None}


def signed(said, *, key=b"s" * 32, algorithm="EdDSA"):
    return jwt.encode(said, Ed25519PrivateKey.from_private_bytes(key), algorithm=algorithm)


def test_verify__own_token__tells_user_session_and_expiry():
    token, expires_at = SIGNER.issue(user_id=USER, session_id=SESSION, now=NOON)

    said = SIGNER.verify(token, now=NOON)

    assert (said.user_id, said.session_id, said.expires_at) == (USER, SESSION, expires_at)
    assert expires_at == NOON + timedelta(minutes=15)


def test_verify__at_its_expiry__is_refused():
    token, expires_at = SIGNER.issue(user_id=USER, session_id=SESSION, now=NOON)

    with pytest.raises(TokenExpired):
        SIGNER.verify(token, now=expires_at)


def test_verify__last_byte_of_the_payload_changed__is_refused():
    head, payload, signature = SIGNER.issue(user_id=USER, session_id=SESSION, now=NOON)[0].split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"sub": str(uuid4())}
    forged = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()

    with pytest.raises(TokenInvalid):
        SIGNER.verify(f"{head}.{forged}.{signature}", now=NOON)


def test_verify__no_algorithm__is_refused():
    token = jwt.encode(claims(), None, algorithm="none")

    with pytest.raises(TokenInvalid):
        SIGNER.verify(token, now=NOON)


def test_verify__signed_with_the_public_key_as_shared_secret__is_refused():
    public = base64.urlsafe_b64decode(SIGNER.jwks()["keys"][0]["x"] + "=")
    token = jwt.encode(claims(), public, algorithm="HS256")

    with pytest.raises(TokenInvalid):
        SIGNER.verify(token, now=NOON)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another service"},
        {"sub": "not a user"},
        {"exp": None},
        {"sid": None},
        {"aud": None},
        {"sub": None},
        {"exp": "never"},
        {"exp": 10**20},
    ],
)
def test_verify__right_key_but_wrong_claims__is_refused(changes):
    with pytest.raises(TokenInvalid):
        SIGNER.verify(signed(claims(**changes)), now=NOON)


def test_verify__another_key__is_refused():
    with pytest.raises(TokenInvalid):
        SIGNER.verify(signed(claims(), key=b"t" * 32), now=NOON)


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "..", "é.é.é"])
def test_verify__no_token_at_all__is_refused(token):
    with pytest.raises(TokenInvalid):
        SIGNER.verify(token, now=NOON)


def test_make_signer__longer_than_an_hour__is_refused():
    with pytest.raises(ValueError, match="one hour"):
        TokenSigner(b"s" * 32, issuer="x", lifetime=timedelta(minutes=61))


def test_jwks__public_key__checks_our_tokens_and_holds_no_secret():
    token, _ = SIGNER.issue(user_id=USER, session_id=SESSION, now=NOON)
    published = SIGNER.jwks()["keys"][0]

    key = jwt.PyJWK(published)
    said = jwt.decode(
        token, key, algorithms=["EdDSA"], audience="gridx", options={"verify_exp": False, "verify_iat": False}
    )

    assert said["sub"] == str(USER)
    assert jwt.get_unverified_header(token)["kid"] == published["kid"]
    assert "d" not in published


def test_csrf_of__cookie__differs_per_token_and_tells_nothing_of_it():
    first, second = new_secret(), new_secret()

    assert csrf_of(first) == csrf_of(first) != csrf_of(second)
    assert csrf_of(first) != hash_secret(first).hex()
