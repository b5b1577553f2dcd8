# SPDX-License-Identifier: Apache-2.0
"""What keeps a relayer from starting."""

from backend.core.errors import Forbidden, Invalid


class SignerUnusable(Invalid):
    """No key is configured, or it cannot be read: a wrong password, a damaged file, another account than expected."""

    code = "relayer.signer_unusable"
    title = "The relayer's key cannot be used"


class SignerWithoutRole(Forbidden):
    """The account may not settle; an admin of the contract grants SETTLER_ROLE."""

    code = "relayer.without_role"
    title = "The relayer's account does not hold SETTLER_ROLE of the contract"
