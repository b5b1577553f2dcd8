# SPDX-License-Identifier: Apache-2.0
"""What of the carbon ledger travels over HTTP; kilograms outside, grams inside."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from backend.carbon.aliases import Aliases
from backend.carbon.boards import Board, Place
from backend.carbon.certificates import Certificate, factor_line
from backend.carbon.documents import account_of_recipient
from backend.carbon.queries import Movement, StoredDocument, WalletBalance
from backend.carbon.types import Period
from backend.core.envelope import ApiModel
from backend.core.units import (
    Address,
    CarbonKg,
    CarbonKgIn,
    Hash32,
    format_address,
    format_hex,
    parse_address,
    printable,
)

MovementType = Literal["earned", "released", "received", "spent", "reversed"]
_SYSTEM = {b"\x00": "issuance", b"\x01": "retired"}
_LONGEST_SIGNATURE = 2 + 2 * 4_096


def _positive(grams: int) -> int:
    if grams <= 0:
        raise PydanticCustomError("carbon.not_positive", "kg must be above zero")
    return grams


PositiveKg = Annotated[CarbonKgIn, AfterValidator(_positive)]
Signature = Annotated[str, StringConstraints(pattern=r"^0x([0-9a-fA-F]{2}){1,4096}$", max_length=_LONGEST_SIGNATURE)]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=280), AfterValidator(printable)
]


class BalanceOut(ApiModel):
    """Balances of one wallet; pending + available = earned + received - spent - reversed."""

    address: Address
    pending_kg: CarbonKg
    available_kg: CarbonKg
    earned_kg: CarbonKg
    received_kg: CarbonKg
    spent_kg: CarbonKg
    reversed_kg: CarbonKg


class CarbonWalletOut(ApiModel):
    """Balances of a user: sums over the wallets, and each wallet. Avoided-emission estimates."""

    user_id: UUID
    pending_kg: CarbonKg
    available_kg: CarbonKg
    earned_kg: CarbonKg
    received_kg: CarbonKg
    spent_kg: CarbonKg
    reversed_kg: CarbonKg
    wallets: list[BalanceOut]


class MovementOut(ApiModel):
    """One transfer as a wallet sees it. `counterparty` is an address, issuance, retired, or reserve of a community."""

    id: UUID
    type: MovementType
    kind: str
    wallet: Address
    counterparty: str | None
    carbon_kg: CarbonKg
    trade_id: Hash32 | None
    document_id: UUID | None
    community: int | None
    delivery_start: datetime | None
    booked_at: datetime


class _OrderIn(ApiModel):
    account: Address
    carbon_kg: PositiveKg
    sequence: int = Field(ge=1, le=2**31 - 1, description="as prepared")
    previous_hash: Hash32 = Field(description="as prepared")
    expiry: int = Field(ge=0, le=2**40, description="seconds since 1970, as prepared")
    signature: Signature


class RetirementIn(_OrderIn):
    """A retirement with the wallet's EIP-712 signature of exactly these values."""

    reason: Reason


class TransferIn(_OrderIn):
    """A transfer with the wallet's EIP-712 signature of exactly these values."""

    recipient: Address


class PreparedOut(ApiModel):
    """A document to be signed with eth_signTypedData_v4, and the values to send back beside the signature."""

    account: Address
    sequence: int
    previous_hash: Hash32
    expiry: int
    document_hash: Hash32
    typed_data: dict[str, Any]


class DocumentOut(ApiModel):
    """A signed document of a wallet; `body` is what was signed."""

    id: UUID
    account: Address
    sequence: int
    carbon_kg: CarbonKg
    reason: str | None = None
    recipient: str | None = None
    document_hash: Hash32
    previous_hash: Hash32
    signature: str
    created_at: datetime
    certificate_url: str | None = None
    body: dict[str, Any]


class CertificateOut(ApiModel):
    """A certificate of retirement: `intact` means that message, hash and ledger agree."""

    id: UUID
    account: Address
    carbon_kg: CarbonKg
    reason: str
    retired_at: datetime
    sequence: int
    previous_hash: Hash32
    document_hash: Hash32
    signature: str
    intact: bool
    signed_by: Literal["key", "contract"]
    factors: list[str]
    verify_url: str
    typed_data: dict[str, Any] = Field(description="what was signed (EIP-712): anybody can compute documentHash anew")


class PlaceOut(ApiModel):
    """One line of a leaderboard; `carbonKg` is earned minus reversed. An alias stands for who is not named.

    `userId`, which leads to the trades behind the line, is given for those alone who chose to be named.
    """

    rank: int
    name: str
    is_alias: bool
    user_id: UUID | None = None
    is_me: bool = False
    carbon_kg: CarbonKg
    period: Period
    period_start: date
    community: int


class MyPlaceOut(ApiModel):
    """The signed-in user's rank (null: not ranked) and the places around it."""

    period: Period
    period_start: date
    community: int
    rank: int | None
    places: list[PlaceOut]


class NamedHolderOut(ApiModel):
    """Somebody who chose to be named, and the present places among everybody; only periods that have one."""

    user_id: UUID
    name: str
    places: list[PlaceOut]


def wallet_out(user_id: UUID, held: list[WalletBalance]) -> CarbonWalletOut:
    """Balances as an answer."""
    names = ("pending", "available", "earned", "received", "spent", "reversed")
    sums = {f"{name}_kg": sum(getattr(balance, f"{name}_g") for balance in held) for name in names}
    wallets = [
        BalanceOut(address=balance.account, **{f"{name}_kg": getattr(balance, f"{name}_g") for name in names})
        for balance in held
    ]
    return CarbonWalletOut(user_id=user_id, wallets=wallets, **sums)


def movement_out(movement: Movement) -> MovementOut:
    """A movement as an answer."""
    return MovementOut(
        id=movement.id,
        type=movement.type,
        kind=movement.kind,
        wallet=movement.account,
        counterparty=None if movement.other == movement.account else account_text(movement.other),
        carbon_kg=movement.grams,
        trade_id=movement.trade_id,
        document_id=movement.document_id,
        community=movement.community,
        delivery_start=movement.delivery_start,
        booked_at=movement.booked_at,
    )


def account_text(account: bytes) -> str:
    """A ledger account for people: an address, or the name of a system account."""
    if len(account) == 20:
        return format_address(account)
    if len(account) == 5:
        return f"reserve of community {int.from_bytes(account[1:], 'big')}"
    return _SYSTEM[account]


def document_out(document: StoredDocument) -> DocumentOut:
    """A stored document as an answer."""
    message = document.body["message"]
    recipient = message.get("recipient")
    retired = document.kind == "retirement"
    return DocumentOut(
        id=document.id,
        account=document.account,
        sequence=document.sequence,
        carbon_kg=int(message["grams"]),
        reason=message.get("reason"),
        recipient=account_text(account_of_recipient(parse_address(recipient))) if recipient else None,
        document_hash=document.body_hash,
        previous_hash=document.previous_hash,
        signature=format_hex(document.signature),
        created_at=document.created_at,
        certificate_url=f"/api/carbon-wallet/certificates/{document.id}/page" if retired else None,
        body=document.body,
    )


def certificate_out(certificate: Certificate) -> CertificateOut:
    """A certificate as an answer."""
    return CertificateOut(
        id=certificate.id,
        account=certificate.account,
        carbon_kg=certificate.grams,
        reason=certificate.reason,
        retired_at=certificate.retired_at,
        sequence=certificate.sequence,
        previous_hash=certificate.previous_hash,
        document_hash=certificate.document_hash,
        signature=format_hex(certificate.signature),
        intact=certificate.is_intact,
        signed_by="key" if certificate.signed_by_key else "contract",
        factors=[factor_line(factor) for factor in certificate.factors],
        verify_url=certificate.verify_url,
        typed_data=dict(certificate.typed_data),
    )


def place_out(board: Board, place: Place, me: UUID | None, aliases: Aliases) -> PlaceOut:
    """A place as an answer; the ids of holders who are not named stay inside."""
    return PlaceOut(
        rank=place.rank,
        name=place.name or aliases.of(place.holder_id),
        is_alias=place.name is None,
        user_id=None if place.name is None else place.holder_id,
        is_me=place.holder_id == me,
        carbon_kg=place.net_g,
        period=board.period,
        period_start=board.start,
        community=board.community,
    )
