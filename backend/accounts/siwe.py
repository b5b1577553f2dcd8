# SPDX-License-Identifier: Apache-2.0
"""Sign-In with Ethereum (EIP-4361): reading a message strictly and judging each of its fields. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import SplitResult, urlsplit

from pydantic_core import PydanticCustomError

from backend.accounts.config import NONCE_LIFETIME, Accounts
from backend.accounts.errors import SiweMalformed, SiweRefused
from backend.core.units import format_address, parse_address

MAX_LENGTH = 4_000
CLOCK_SKEW = timedelta(seconds=60)
_HEADER = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?(?P<domain>[A-Za-z0-9._~%:\[\]-]{1,255})"
    r" wants you to sign in with your Ethereum account:"
)
_REQUIRED = ("URI", "Version", "Chain ID", "Nonce", "Issued At")
_OPTIONAL = ("Expiration Time", "Not Before", "Request ID")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_STATEMENT = re.compile(r"[A-Za-z0-9 \-._~:/?#\[\]@!$&'()*+,;=%]+")


@dataclass(frozen=True, slots=True)
class SiweMessage:
    """The fields that decide; statement, request id and resources are read and then of no consequence."""

    scheme: str | None
    domain: str
    address: bytes
    uri: str
    chain_id: int
    nonce: str
    issued_at: datetime
    expiration_time: datetime | None
    not_before: datetime | None


def parse(message: str) -> SiweMessage:
    """The message's fields; raises SiweMalformed naming the first field that is wrong."""
    if len(message) > MAX_LENGTH:
        raise SiweMalformed(field="message")
    lines = message.split("\n")
    header = _HEADER.fullmatch(lines[0])
    if header is None:
        raise SiweMalformed(field="domain")
    address = _address(lines[1] if len(lines) > 1 else "")
    fields = _fields(lines, _after_statement(lines))
    if fields["Version"] != "1":
        raise SiweMalformed(field="version")
    if re.fullmatch(r"[1-9]\d{0,18}", fields["Chain ID"]) is None:
        raise SiweMalformed(field="chainId")
    if re.fullmatch(r"[A-Za-z0-9]{8,128}", fields["Nonce"]) is None:
        raise SiweMalformed(field="nonce")
    if _URI.fullmatch(fields["URI"]) is None:
        raise SiweMalformed(field="uri")
    return SiweMessage(
        scheme=header["scheme"],
        domain=header["domain"],
        address=address,
        uri=fields["URI"],
        chain_id=int(fields["Chain ID"]),
        nonce=fields["Nonce"],
        issued_at=_time(fields["Issued At"], "issuedAt"),
        expiration_time=_time(fields["Expiration Time"], "expirationTime") if "Expiration Time" in fields else None,
        not_before=_time(fields["Not Before"], "notBefore") if "Not Before" in fields else None,
    )


def check(message: SiweMessage, accounts: Accounts, *, now: datetime) -> None:
    """Refuse a message for another site, chain or time; raises SiweRefused naming the field."""
    origins = {urlsplit(origin).netloc: urlsplit(origin).scheme for origin in accounts.origins}
    if message.domain not in origins:
        raise SiweRefused(field="domain")
    if message.scheme is not None and message.scheme != origins[message.domain]:
        raise SiweRefused(field="scheme")
    uri = _split(message.uri)
    if (uri.scheme, uri.netloc) != (origins[message.domain], message.domain):
        raise SiweRefused(field="uri")
    if message.chain_id != accounts.chain_id:
        raise SiweRefused(field="chainId", expected=accounts.chain_id)
    if not now - NONCE_LIFETIME - CLOCK_SKEW <= message.issued_at <= now + CLOCK_SKEW:
        raise SiweRefused(field="issuedAt")
    if message.expiration_time is not None and message.expiration_time <= now:
        raise SiweRefused(field="expirationTime")
    if message.not_before is not None and message.not_before > now + CLOCK_SKEW:
        raise SiweRefused(field="notBefore")


def _split(uri: str) -> SplitResult:
    try:
        return urlsplit(uri)
    except ValueError as error:
        raise SiweMalformed(field="uri") from error


def _address(line: str) -> bytes:
    try:
        address = parse_address(line)
    except PydanticCustomError as error:
        raise SiweMalformed(field="address") from error
    if format_address(address) != line:
        raise SiweMalformed(field="address")
    return address


def _after_statement(lines: list[str]) -> int:
    """Where `URI:` stands: after one or two empty lines, or after a statement between empty lines."""
    for start in (3, 4):
        if lines[2:start] == [""] * (start - 2) and len(lines) > start and lines[start].startswith("URI: "):
            return start
    if len(lines) > 5 and lines[2] == "" and _STATEMENT.fullmatch(lines[3]) and lines[4] == "":
        return 5
    raise SiweMalformed(field="statement")


def _fields(lines: list[str], place: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for label in (*_REQUIRED, *_OPTIONAL):
        line = lines[place] if place < len(lines) else ""
        if line.startswith(f"{label}: "):
            found[label] = line.removeprefix(f"{label}: ")
            place += 1
        elif label in _REQUIRED:
            raise SiweMalformed(field=_camel(label))
    rest = lines[place:]
    if rest and (rest[0] != "Resources:" or not all(_resource(line) for line in rest[1:])):
        raise SiweMalformed(field="resources")
    return found


def _resource(line: str) -> bool:
    return line.startswith("- ") and _URI.fullmatch(line[2:]) is not None


def _time(text: str, field: str) -> datetime:
    if _TIME.fullmatch(text) is None:
        raise SiweMalformed(field=field)
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise SiweMalformed(field=field) from error


def _camel(label: str) -> str:
    return {"URI": "uri", "Chain ID": "chainId", "Issued At": "issuedAt"}.get(label, label.lower())
