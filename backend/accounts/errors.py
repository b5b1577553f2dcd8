# SPDX-License-Identifier: Apache-2.0
"""What accounts can refuse. Codes keep their names."""

from backend.core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated


class WrongCredentials(Unauthenticated):
    """The e-mail or the password is wrong; which of them is not told."""

    code = "auth.wrong_credentials"
    title = "E-mail or password is wrong"


class TokenInvalid(Unauthenticated):
    """The access token is not ours, was tampered with, or its session was ended."""

    code = "auth.token_invalid"
    title = "The access token does not hold"


class TokenExpired(Unauthenticated):
    """The access token was good once."""

    code = "auth.token_expired"
    title = "The access token has expired; refresh it"


class ApiKeyInvalid(Unauthenticated):
    """The API key is unknown, revoked, expired, or used from an address outside its list."""

    code = "auth.api_key_invalid"
    title = "The API key does not hold here"


class RefreshInvalid(Unauthenticated):
    """The refresh token is unknown, expired or revoked."""

    code = "auth.refresh_invalid"
    title = "The refresh token does not hold; sign in again"


class RefreshReused(Unauthenticated):
    """A refresh token came a second time: somebody copied it, so its whole session was ended."""

    code = "auth.refresh_reused"
    title = "The refresh token was used before; its session was ended"


class SessionNotFound(NotFound):
    """There is no such session of this user, or it has ended."""

    code = "auth.session_not_found"
    title = "There is no such session; it may have ended"


class CsrfMismatch(Forbidden):
    """The cookie came without the header that only our own pages can send."""

    code = "auth.csrf"
    title = "The X-CSRF-Token header is missing or wrong"


class ScopeMissing(Forbidden):
    """The API key was not given this scope."""

    code = "auth.scope_missing"
    title = "The API key lacks the scope for this"


class RoleMissing(Forbidden):
    """The membership does not carry the role that this needs."""

    code = "auth.role_missing"
    title = "Your role in this organisation does not allow this"


class OrganizationNeeded(Invalid):
    """The acting organisation is not clear."""

    code = "organization.needed"
    title = "Name the organisation in X-Org-Id"


class SiweMalformed(Invalid):
    """The message is not EIP-4361; `field` names the first part that is wrong."""

    code = "auth.siwe_malformed"
    title = "The sign-in message is not valid EIP-4361"


class SiweRefused(Unauthenticated):
    """The message is well formed but not for us, not for this chain or not for now; `field` names the part."""

    code = "auth.siwe_refused"
    title = "The sign-in message is not for this site, chain or time"


class SiweNonceInvalid(Unauthenticated):
    """The nonce is unknown, used, expired or belongs to another browser."""

    code = "auth.siwe_nonce"
    title = "The sign-in nonce does not hold; ask for a new one"


class SignatureInvalid(Unauthenticated):
    """The wallet that the message names did not sign it."""

    code = "auth.signature_invalid"
    title = "The signature is not the wallet's"


class EmailTaken(Conflict):
    """Another account uses this e-mail address."""

    code = "user.email_taken"
    title = "There is an account with this e-mail address"


class PasswordWeak(Invalid):
    """The password is too easy to guess."""

    code = "user.password_weak"
    title = "The password is too easy to guess"


class UserNotFound(NotFound):
    """No such user, or not one that you may see."""

    code = "user.not_found"
    title = "There is no such user"


class WalletProofNeeded(Invalid):
    """A wallet address is taken only together with the wallet's signature."""

    code = "wallet.proof_needed"
    title = "walletAddress needs siweMessage and siweSignature of that wallet"


class WalletTaken(Conflict):
    """The address belongs to another user."""

    code = "wallet.taken"
    title = "The wallet belongs to another account"


class WalletNotFound(NotFound):
    """The user has no such wallet."""

    code = "wallet.not_found"
    title = "You have no such wallet"


class WalletNonceInvalid(Conflict):
    """The linking nonce is unknown, used, expired or was drawn for another wallet."""

    code = "wallet.nonce_invalid"
    title = "The linking nonce does not hold; ask for a new one"


class WalletBusy(Conflict):
    """A wallet is replaced only when its trades are final."""

    code = "wallet.busy"
    title = "The wallet has trades that are not final yet"


class ReplacementOpen(Conflict):
    """The old wallet is being replaced already."""

    code = "wallet.replacement_open"
    title = "A replacement of this wallet is waiting already"


class ReplacementNotFound(NotFound):
    """There is no waiting replacement with this id."""

    code = "wallet.replacement_not_found"
    title = "There is no waiting replacement"


class OrganizationNotFound(NotFound):
    """No such organisation, or not one that you belong to."""

    code = "organization.not_found"
    title = "There is no such organisation"


class OrganizationTaken(Conflict):
    """Slug, domain or community number is in use."""

    code = "organization.taken"
    title = "Slug, domain or community number is in use"


class OrganizationRegistered(Conflict):
    """What is registered on chain cannot be changed here."""

    code = "organization.registered"
    title = "Region, currency, time zone and interval are fixed by the registration on chain"


class MembershipNotFound(NotFound):
    """The user is not a member, or was not invited."""

    code = "membership.not_found"
    title = "There is no such membership or invitation"


class MembershipExists(Conflict):
    """The user is a member already, or was invited already."""

    code = "membership.exists"
    title = "The user is a member or was invited already"


class LastOperator(Conflict):
    """An organisation keeps at least one operator."""

    code = "membership.last_operator"
    title = "An organisation needs at least one operator"


class ApiKeyNotFound(NotFound):
    """The user has no such key."""

    code = "api_key.not_found"
    title = "There is no such API key"
