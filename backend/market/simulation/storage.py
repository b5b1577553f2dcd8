# SPDX-License-Identifier: Apache-2.0
"""A home battery in whole numbers: what goes in, what comes out, what is lost. Pure."""

from __future__ import annotations

from backend.market.simulation.types import Battery

MILLI = 1_000


class Store:
    """The charge of one battery. Energy at the terminals is whole Wh; the content is kept in mWh, so little is lost.

    Always: Σ charged − Σ discharged = content + losses, exactly, in mWh.
    """

    def __init__(self, battery: Battery, minutes: int) -> None:
        self.battery = battery
        self.content_mwh = 0
        self.lost_mwh = 0
        self._capacity_mwh = battery.capacity_wh * MILLI
        self.power_wh = battery.power_w * minutes // 60

    def can_charge_wh(self) -> int:
        """The most that can flow in during one interval."""
        return min(self.power_wh, (self._capacity_mwh - self.content_mwh) // self.battery.charge_permille)

    def can_discharge_wh(self) -> int:
        """The most that can flow out during one interval."""
        return min(self.power_wh, self.content_wh())

    def content_wh(self) -> int:
        """What could flow out, given time."""
        return self.content_mwh * self.battery.discharge_permille // (MILLI * MILLI)

    def balance(self, surplus_wh: int) -> int:
        """Take up a surplus or fill a shortage as far as possible; returns the flow: positive in, negative out."""
        if surplus_wh >= 0:
            flow_wh = min(surplus_wh, self.can_charge_wh())
            stored_mwh = flow_wh * self.battery.charge_permille
            self.content_mwh += stored_mwh
            self.lost_mwh += flow_wh * MILLI - stored_mwh
            return flow_wh
        flow_wh = min(-surplus_wh, self.can_discharge_wh())
        drawn_mwh = -(-flow_wh * MILLI * MILLI // self.battery.discharge_permille)
        self.content_mwh -= drawn_mwh
        self.lost_mwh += drawn_mwh - flow_wh * MILLI
        return -flow_wh
