# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of factors and claims: whole numbers, exact decimals, no floats. No database, no clock."""

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

GRAMS_PER_LB = Decimal("453.59237")
"""The international avoirdupois pound, exact by definition; lb/MWh times this is mg/kWh."""
MAX_MG_PER_KWH = 3_000_000
"""Largest factor that the contract accepts."""
_MG_WH_PER_GRAM_KWH = 1_000_000
_EXACT = Context(prec=60)


def carbon_g(energy_wh: int, mg_per_kwh: int) -> int:
    """Grams CO2e of `energy_wh` at a factor: floor(Wh × mg/kWh / 10^6), as the contract computes it.

    Rounding down means that the parts of a delivery never claim more than the whole.
    """
    if energy_wh < 0 or mg_per_kwh < 0:
        raise ValueError("energy and factor are never negative")
    return energy_wh * mg_per_kwh // _MG_WH_PER_GRAM_KWH


def mg_per_kwh_from_lb_per_mwh(lb_per_mwh: Decimal) -> int:
    """A published rate in lb/MWh as whole mg/kWh: the exact product with 453.59237, rounded once.

    Rounding is to the nearest whole number, so the error is below 0.5 mg/kWh and has no bias (a tie would need a rate
    of 50,000 lb/MWh, far above the limit).
    ValueError for a negative, infinite or NaN rate, and for one above what the contract accepts.
    """
    if not lb_per_mwh.is_finite() or lb_per_mwh < 0:
        raise ValueError(f"a rate is a finite number that is not negative, not {lb_per_mwh}")
    if len(lb_per_mwh.as_tuple().digits) > 40 or lb_per_mwh > MAX_MG_PER_KWH:
        raise ValueError("the rate is out of range")
    with localcontext(_EXACT):
        rounded = (lb_per_mwh * GRAMS_PER_LB).to_integral_value(rounding=ROUND_HALF_EVEN)
    if rounded > MAX_MG_PER_KWH:
        raise ValueError(f"{rounded} mg/kWh is above the contract's limit of {MAX_MG_PER_KWH}")
    return int(rounded)
