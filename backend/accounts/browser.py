# SPDX-License-Identifier: Apache-2.0
"""How browsers keep credentials: HttpOnly SameSite=Strict cookies, and a header that only our own pages can send."""

from typing import Literal

from fastapi import Request, Response

from backend.accounts.config import NONCE_LIFETIME, Accounts
from backend.accounts.errors import CsrfMismatch, RefreshInvalid
from backend.accounts.schemas import TokensOut, UserOut
from backend.accounts.sign_in import SignedIn
from backend.accounts.tokens import csrf_of, same

REFRESH_COOKIE = "gridx_refresh"
NONCE_COOKIE = "gridx_siwe"
CSRF_COOKIE = "gridx_csrf"  # for our own scripts: comes and goes with the refresh cookie, says nothing about it
CSRF_HEADER = "x-csrf-token"
CLIENT_HEADER = "x-gridx-client"  # "browser": the refresh token goes into the cookie, not into the body
MOST_OF_AGENT = 300
_PATH = "/api/auth"
_STRICT: Literal["strict"] = "strict"


def keep_nonce(response: Response, accounts: Accounts, cookie: str) -> None:
    """Bind the nonce that was just drawn to this browser."""
    response.set_cookie(
        NONCE_COOKIE,
        cookie,
        max_age=int(NONCE_LIFETIME.total_seconds()),
        path=_PATH,
        httponly=True,
        samesite=_STRICT,
        secure=accounts.secure_cookies,
    )


def hand_out(
    request: Request, response: Response, accounts: Accounts, entered: SignedIn, *, browser: bool = False
) -> TokensOut:
    """The session's tokens: for a browser the refresh token as a cookie with its CSRF value, else in the body."""
    response.headers["Cache-Control"] = "no-store"
    response.delete_cookie(NONCE_COOKIE, path=_PATH)
    tokens = entered.tokens
    browser = browser or request.headers.get(CLIENT_HEADER) == "browser"
    if browser:
        response.set_cookie(
            REFRESH_COOKIE,
            tokens.refresh_token,
            max_age=int(accounts.refresh_lifetime.total_seconds()),
            path=_PATH,
            httponly=True,
            samesite=_STRICT,
            secure=accounts.secure_cookies,
        )
        response.set_cookie(
            CSRF_COOKIE,
            csrf_of(tokens.refresh_token),
            max_age=int(accounts.refresh_lifetime.total_seconds()),
            samesite=_STRICT,
            secure=accounts.secure_cookies,
        )
    return TokensOut(
        access_token=tokens.access_token,
        expires_at=tokens.access_expires_at,
        refresh_token=None if browser else tokens.refresh_token,
        csrf_token=csrf_of(tokens.refresh_token) if browser else None,
        user=UserOut.of(entered.user, entered.wallets),
    )


def user_agent_of(request: Request) -> str | None:
    """What the client calls itself, at most 300 printable characters; None when it does not say."""
    told = "".join(filter(str.isprintable, request.headers.get("user-agent", ""))).strip()
    return told[:MOST_OF_AGENT] or None


def refresh_token_of(request: Request, in_body: str | None) -> tuple[str, bool]:
    """The refresh token and whether it came as a cookie; a cookie counts only with its CSRF header.

    Raises RefreshInvalid without any, CsrfMismatch.
    """
    if in_body is not None:
        return in_body, False
    cookie = request.cookies.get(REFRESH_COOKIE)
    if not cookie:
        raise RefreshInvalid
    if not same(request.headers.get(CSRF_HEADER, ""), csrf_of(cookie)):
        raise CsrfMismatch
    return cookie, True


def forget(response: Response) -> None:
    """Take the session's cookies away."""
    response.delete_cookie(REFRESH_COOKIE, path=_PATH)
    response.delete_cookie(CSRF_COOKIE)
