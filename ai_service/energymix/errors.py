# SPDX-License-Identifier: Apache-2.0
"""What the energy mix refuses."""

from __future__ import annotations

from ai_service.energymix.types import Conflict
from ai_service.errors import Invalid, TooMany, Unavailable


class MixInfeasible(Invalid):
    """No mix satisfies all constraints; `conflicts` are those that contradict each other."""

    code = "energy_mix.infeasible"
    title = "No mix satisfies all constraints"

    @classmethod
    def of(cls, conflicts: list[Conflict], *, minimal: bool) -> MixInfeasible:
        """The refusal that names `conflicts`; `minimal`: none of them could be left out."""
        named = " and ".join(f"{one.constraint} of {one.of}" for one in conflicts[:8])
        facts = [{"constraint": one.constraint, "of": one.of, "steps": list(one.steps)} for one in conflicts]
        return cls(f"No mix satisfies {named} together; relax one of them", conflicts=facts, minimal=minimal)


class MixTooHard(Unavailable):
    """The solver needed longer than it may; nothing was found."""

    code = "energy_mix.too_hard"
    title = "The programme was not solved in time; make it smaller"


class MixBusy(Unavailable):
    """Others' programmes are being solved and take long."""

    code = "energy_mix.busy"
    title = "Other programmes are being solved; try again"


class MixesUnderWay(TooMany):
    """As many programmes of this user are being solved as he may have at a time."""

    code = "energy_mix.under_way"
    title = "Another programme of yours is still being solved; wait for it"
