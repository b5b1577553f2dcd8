# SPDX-License-Identifier: Apache-2.0
"""Anonymous names for the leaderboard: stable for a holder, and telling nothing about them. Pure."""

import hmac
from uuid import UUID

_FIRST = (
    "Amber", "Bright", "Calm", "Clear", "Coral", "Cosmic", "Dawn", "Eager", "Gentle", "Golden", "Green", "Indigo",
    "Jade", "Keen", "Lively", "Lunar", "Mellow", "Misty", "Noble", "Ocean", "Olive", "Quiet", "Rapid", "Scarlet",
    "Silver", "Solar", "Sunny", "Swift", "Teal", "Vivid", "Warm", "Wild",
)  # fmt: skip
_SECOND = (
    "Banyan", "Breeze", "Cedar", "Cloud", "Comet", "Crane", "Falcon", "Fern", "Gecko", "Heron", "Ibis", "Kestrel",
    "Kite", "Lark", "Lotus", "Maple", "Meadow", "Mynah", "Otter", "Panda", "Peacock", "Pine", "Raven", "River",
    "Robin", "Sparrow", "Stork", "Swallow", "Tern", "Tiger", "Willow", "Wren",
)  # fmt: skip


class Aliases:
    """Names under a secret of the server, so that nobody else can tell which user has which. Another secret, other
    names."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"gridx leaderboard alias", "sha256")

    def of(self, holder_id: UUID) -> str:
        """The name shown for a holder who has not chosen to be named, for example “Solar Heron 04F2A9”."""
        mixed = hmac.digest(self._key, holder_id.bytes, "sha256")
        return f"{_FIRST[mixed[0] % 32]} {_SECOND[mixed[1] % 32]} {mixed[2:5].hex().upper()}"
