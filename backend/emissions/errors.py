# SPDX-License-Identifier: Apache-2.0
"""What the emissions domain refuses."""

from backend.core.errors import NotFound


class FactorNotFound(NotFound):
    """The chain has registered no factor of that number."""

    code = "emissions.factor_not_found"
    title = "This emission factor is not registered on the chain"
