# SPDX-License-Identifier: Apache-2.0
"""/api/auth: register, sign in by password or wallet, refresh, log out; and the public keys of our tokens."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request, Response

from backend.accounts import service
from backend.accounts.browser import NONCE_COOKIE, forget, hand_out, keep_nonce, refresh_token_of, user_agent_of
from backend.accounts.config import NONCE_LIFETIME
from backend.accounts.deps import AccountsConfig, Db, NodeCall, OptionalUser
from backend.accounts.errors import (
    CsrfMismatch,
    EmailTaken,
    PasswordWeak,
    RefreshInvalid,
    RefreshReused,
    SignatureInvalid,
    SiweMalformed,
    SiweNonceInvalid,
    SiweRefused,
    TokenInvalid,
    WalletProofNeeded,
    WalletTaken,
    WrongCredentials,
)
from backend.accounts.schemas import LoginIn, NonceOut, RefreshIn, RegisterIn, SiweVerifyIn, TokensOut
from backend.accounts.sign_in import SignedIn
from backend.core.clock import utc_now
from backend.core.envelope import EnvelopeRoute
from backend.core.errors import TooMany, Unavailable, refusals
from backend.core.limits import limit

router = APIRouter(prefix="/api/auth", tags=["sign-in"], route_class=EnvelopeRoute)
well_known = APIRouter(tags=["sign-in"])
GUESSING = [Depends(limit("sign-in"))]
"""Dependencies of routes that tell whether a password or a signature is right."""
_PROOF = (SiweMalformed, SiweRefused, SiweNonceInvalid, SignatureInvalid, Unavailable)


@router.post(
    "/register",
    status_code=201,
    dependencies=GUESSING,
    responses=refusals(EmailTaken, WalletTaken, PasswordWeak, WalletProofNeeded, TooMany, *_PROOF),
)
async def register(
    body: RegisterIn, request: Request, response: Response, db: Db, accounts: AccountsConfig, call: NodeCall
) -> TokensOut:
    """Make an account with e-mail and password and sign in. A wallet needs its signed message."""
    if (body.siwe_message is None) != (body.siwe_signature is None):
        raise WalletProofNeeded
    proof = None
    if body.siwe_message is not None and body.siwe_signature is not None:
        proof = service.WalletProof(body.siwe_message, body.siwe_signature, request.cookies.get(NONCE_COOKIE))
    new = service.NewUser(body.name, body.email, body.password, body.role, body.wallet_address)
    entered = await service.register(
        db, accounts, new, proof, call_contract=call, now=utc_now(), user_agent=user_agent_of(request)
    )
    return hand_out(request, response, accounts, entered)


@router.post("/login", dependencies=GUESSING, responses=refusals(WrongCredentials, TooMany))
async def login(body: LoginIn, request: Request, response: Response, db: Db, accounts: AccountsConfig) -> TokensOut:
    """Sign in with e-mail and password. With `X-GridX-Client: browser` the refresh token comes as a cookie."""
    agent = user_agent_of(request)
    entered = await service.sign_in_with_password(
        db, accounts, email=body.email, password=body.password, now=utc_now(), user_agent=agent
    )
    return hand_out(request, response, accounts, entered)


@router.get("/siwe/nonce", responses=refusals(TooMany))
async def siwe_nonce(response: Response, db: Db, accounts: AccountsConfig) -> NonceOut:
    """A nonce for a sign-in message (EIP-4361), bound to the cookie that comes with it."""
    nonce, cookie = await service.new_nonce(db, now=utc_now())
    keep_nonce(response, accounts, cookie)
    response.headers["Cache-Control"] = "no-store"
    return NonceOut(nonce=nonce, expires_in_s=int(NONCE_LIFETIME.total_seconds()))


@router.post("/siwe/verify", dependencies=GUESSING, responses=refusals(*_PROOF, TooMany))
async def siwe_verify(
    body: SiweVerifyIn, request: Request, response: Response, db: Db, accounts: AccountsConfig, call: NodeCall
) -> TokensOut:
    """Sign in with a wallet; its first sign-in creates its user. The nonce is used up even when this fails."""
    proof = service.WalletProof(body.message, body.signature, request.cookies.get(NONCE_COOKIE))
    entered = await service.sign_in_with_wallet(
        db, accounts, proof, call_contract=call, now=utc_now(), user_agent=user_agent_of(request)
    )
    return hand_out(request, response, accounts, entered)


@router.post("/refresh", responses=refusals(RefreshInvalid, RefreshReused, CsrfMismatch, TooMany))
async def refresh(
    request: Request,
    response: Response,
    db: Db,
    accounts: AccountsConfig,
    body: Annotated[RefreshIn | None, Body()] = None,
) -> TokensOut:
    """The next tokens. The refresh token works once; a second use ends the session (a browser's cookie may be sent
    again within 10 s, as long as its successor was not used: a page that is left loses the answer)."""
    token, by_cookie = refresh_token_of(request, body.refresh_token if body is not None else None)
    user, tokens, wallets = await service.refresh(
        db, accounts, token, now=utc_now(), may_repeat=by_cookie, user_agent=user_agent_of(request)
    )
    return hand_out(request, response, accounts, SignedIn(user, wallets, tokens), browser=by_cookie)


@router.post("/logout", status_code=204, responses=refusals(RefreshInvalid, TokenInvalid, CsrfMismatch, TooMany))
async def logout(
    request: Request, db: Db, principal: OptionalUser, body: Annotated[RefreshIn | None, Body()] = None
) -> Response:
    """End the session of the access token, or else of the refresh token; its access tokens end at once."""
    if principal is not None and principal.session_id is not None:
        await service.end_session(db, user_id=principal.user_id, session_id=principal.session_id, now=utc_now())
    else:
        token, _ = refresh_token_of(request, body.refresh_token if body is not None else None)
        await service.end_session_by_token(db, token, now=utc_now())
    response = Response(status_code=204)
    forget(response)
    return response


@well_known.get("/.well-known/jwks.json")
async def jwks(response: Response, accounts: AccountsConfig) -> dict[str, Any]:
    """The public keys that check our access tokens (RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return accounts.signer.jwks()
