# SPDX-License-Identifier: Apache-2.0
"""Wallets with keys, sign-in messages and people for the tests of accounts."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import service
from backend.accounts.config import Accounts, make_accounts
from backend.accounts.models import Organization, User
from backend.accounts.types import MarketRole, OrgKind, OrgRole
from backend.core.crypto import address_of, hash_personal, keccak, sign
from backend.core.db import Database
from backend.core.units import format_address, format_hex

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ORIGIN = "http://127.0.0.1:3001"
CHAIN_ID = 31337
PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Key:
    """A wallet with its private key."""

    secret: bytes

    @property
    def address(self) -> bytes:
        """20 bytes."""
        return address_of(self.secret)

    @property
    def shown(self) -> str:
        """0x text with checksum."""
        return format_address(self.address)

    def sign(self, digest: bytes) -> bytes:
        """65 bytes."""
        return sign(digest, self.secret)

    def sign_text(self, message: str) -> bytes:
        """personal_sign."""
        return self.sign(hash_personal(message))


def key(number: int) -> Key:
    """The same wallet for the same number."""
    return Key(keccak(b"test wallet %d" % number))


ALICE, BOB, CAROL = key(1), key(2), key(3)


def make_test_accounts(**changes: object) -> Accounts:
    """Sign-in as in production, with a known key."""
    settings: dict[str, object] = {
        "signing_seed": b"s" * 32,
        "public_url": ORIGIN,
        "other_origins": (),
        "chain_id": CHAIN_ID,
        "access_lifetime": timedelta(minutes=15),
        "refresh_lifetime": timedelta(days=30),
    }
    return make_accounts(**(settings | changes))  # type: ignore[arg-type]


def siwe_text(address: str, nonce: str, /, *, now: datetime = NOON, **changes: str | None) -> str:
    """A well-formed message; `changes` replace the value of a field, None leaves the line out."""
    fields: dict[str, str | None] = {
        "uri": f"{ORIGIN}/sign-in",
        "version": "1",
        "chain_id": str(CHAIN_ID),
        "nonce": nonce,
        "issued_at": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "expiration_time": None,
        "not_before": None,
        "request_id": None,
    } | {name: value for name, value in changes.items() if name not in ("domain", "statement")}
    labels = {
        "uri": "URI",
        "version": "Version",
        "chain_id": "Chain ID",
        "nonce": "Nonce",
        "issued_at": "Issued At",
        "expiration_time": "Expiration Time",
        "not_before": "Not Before",
        "request_id": "Request ID",
    }
    domain = changes.get("domain", "127.0.0.1:3001")
    statement = changes.get("statement", "Sign in to GridX.")
    head = f"{domain} wants you to sign in with your Ethereum account:\n{address}\n\n"
    middle = f"{statement}\n\n" if statement is not None else "\n"
    return head + middle + "\n".join(f"{labels[name]}: {value}" for name, value in fields.items() if value is not None)


async def wallet_proof(
    db: Database, wallet: Key, *, now: datetime = NOON, **changes: str | None
) -> service.WalletProof:
    """A fresh nonce, a message with `changes`, signed by `wallet`."""
    nonce, cookie = await service.new_nonce(db, now=now)
    message = siwe_text(wallet.shown, nonce, now=now, **changes)
    return service.WalletProof(message, wallet.sign_text(message), cookie)


async def sign_in(db: Database, accounts: Accounts, wallet: Key, *, now: datetime = NOON) -> service.SignedIn:
    """Sign in with a wallet."""
    proof = await wallet_proof(db, wallet, now=now)
    return await service.sign_in_with_wallet(db, accounts, proof, call_contract=None, now=now)


async def register(
    db: Database, accounts: Accounts, email: str = "asha@example.org", *, now: datetime = NOON
) -> service.SignedIn:
    """Register with e-mail and password."""
    new = service.NewUser("Asha", email, PASSWORD, MarketRole.BOTH)
    return await service.register(db, accounts, new, None, call_contract=None, now=now)


async def make_user(service_db: Database, name: str = "Someone", *, super_admin: bool = False) -> UUID:
    """A user row."""
    user = User(name=name, is_super_admin=super_admin, created_at=NOON)
    async with service_db.begin() as session:
        session.add(user)
    return user.id


async def make_community(
    service_db: Database, slug: str = "north", *, number: int | None = 1, minutes: int = 15
) -> Organization:
    """A community with deliveries of so many minutes, registered on chain if it has a number."""
    new = service.NewOrganization(
        kind=OrgKind.COMMUNITY,
        name=slug.title(),
        slug=slug,
        emission_region="CAMX",
        currency="USD",
        time_zone="America/Los_Angeles",
        delivery_minutes=minutes,
        community_number=number,
    )
    return await service.create_organization(service_db, new, operator_id=None, by=None, now=NOON)


async def make_member(service_db: Database, org_id: UUID, role: OrgRole = OrgRole.MEMBER) -> UUID:
    """A user with a membership."""
    user_id = await make_user(service_db, role.value)
    await service.add_member(service_db, org_id, user_id, role, by=None, now=NOON)
    return user_id


async def count(session: AsyncSession, table: str) -> int:
    """How many rows of a table the session sees."""
    return int((await (await session.connection()).execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def events(service_db: Database) -> list[str]:
    """The names of the announced events, oldest first."""
    async with service_db.begin() as session:
        found = await (await session.connection()).execute(text("SELECT name FROM outbox ORDER BY created_at, id"))
        return [row.name for row in found]


async def sign_in_over_http(
    client: AsyncClient, wallet: Key, *, headers: dict[str, str] | None = None
) -> dict[str, object]:
    """The data of /api/auth/siwe/verify."""
    nonce = (await client.get("/api/auth/siwe/nonce")).json()["data"]["nonce"]
    message = siwe_text(wallet.shown, nonce, now=datetime.now(UTC))
    body = {"message": message, "signature": format_hex(wallet.sign_text(message))}
    answer = await client.post("/api/auth/siwe/verify", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    data: dict[str, object] = answer.json()["data"]
    return data


def bearer(entered: dict[str, object]) -> dict[str, str]:
    """The header of a signed-in request."""
    return {"Authorization": f"Bearer {entered['accessToken']}"}


def token_for(user_id: UUID, **changes: object) -> dict[str, str]:
    """An access token as the API would give; `changes` replace claims, signed with the right key."""
    now = datetime.now(UTC)
    said: dict[str, object] = {
        "iss": "http://127.0.0.1:3001",
        "aud": "gridx",
        "sub": str(user_id),
        "sid": str(user_id),
        "jti": "1",
    }
    said |= {"iat": int(now.timestamp()), "exp": int(now.timestamp()) + 60} | changes
    token = jwt.encode(said, Ed25519PrivateKey.from_private_bytes(b"s" * 32), algorithm="EdDSA")
    return {"Authorization": f"Bearer {token}"}


def code(answer: Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]
