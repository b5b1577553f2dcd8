# SPDX-License-Identifier: Apache-2.0
"""The report as a page with everything in it: no script, no font, no picture from elsewhere; light or dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from backend.market.simulation.charts import AGENT_NAME
from backend.market.simulation.types import Agent

MICRO = 1_000_000
MAX_ROWS = 200
"""Households that the page lists; report.json has all."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page_of(figures: Mapping[str, Any], charts: Iterable[tuple[str, str, str]]) -> str:
    """The page of a run's figures (see measures) and charts."""
    setting = figures["setting"]
    drawn = "".join(
        f"<figure><h2>{escape(title)}</h2>{svg}<figcaption>{escape(text)}</figcaption></figure>"
        for title, text, svg in charts
    )
    title = f"{setting['households']} households, {_days(setting)}, {setting['rule']}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>GridX simulation: {escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<header><p class='mark'>GridX simulation</p><h1>{escape(title)}</h1><p>{escape(_lead(setting))}</p></header>"
        f"<section class='tiles'>{''.join(_tile(*tile) for tile in _tiles(figures))}</section>"
        f"<section class='charts'>{drawn}</section>"
        f"{_tables(figures)}{_households(figures['households'], setting['currency'])}"
        f"<section class='notes'>{_notes(figures)}</section>"
        "</main></body></html>\n"
    )


def _days(setting: Mapping[str, Any]) -> str:
    hours = setting["intervals"] * setting["minutes"] / 60
    return f"{hours / 24:g} days" if hours > 24 else f"{hours:g} hours"


def _lead(setting: Mapping[str, Any]) -> str:
    agents = ", ".join(f"{setting['agents'][agent.value]} {AGENT_NAME[agent]}" for agent in Agent)
    return f"{setting['data']}. Agents: {agents}. Seed {setting['seed']}, from {setting['start']}."


def _tiles(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    energy, money, market, peak = (figures[name] for name in ("energy", "money", "market", "peak"))
    sufficiency, consumption, power = energy["self_sufficiency"], energy["self_consumption"], peak["import_w"]
    currency = figures["setting"]["currency"]
    price = f"{_money(market['mean_price_micro_per_kwh'])} {currency}/kWh"
    tiles = [
        ("Mean price", price, f"{_kwh(market['traded_wh'])} traded, fees not included"),
        (
            "Self-sufficiency",
            _percent(sufficiency["traded"]),
            f"{_percent(sufficiency['alone'])} alone, {_percent(sufficiency['pooled'])} pooled",
        ),
        (
            "Self-consumption",
            _percent(consumption["traded"]),
            f"{_percent(consumption['alone'])} alone, {_percent(consumption['pooled'])} pooled",
        ),
        (
            "Savings per household",
            f"{_money(money['savings_per_household_micro'], 2)} {currency}",
            f"{money['households_that_lost']} of {figures['setting']['households']} lost",
        ),
        ("Gini of savings", _ratio(money["gini_of_savings"]), "0: all save the same"),
        ("Grid peak", f"{power['market'] / 1_000:,.1f} kW", f"{power['alone'] / 1_000:,.1f} kW without market"),
        (
            "Avoided-emission estimate",
            f"{figures['carbon']['avoided_emission_estimate_g'] / 1_000:,.0f} kg CO2e",
            f"{figures['carbon']['factor_mg_per_kwh'] / 1_000:,.3f} g/kWh, {figures['carbon']['region']}, "
            f"eGRID {figures['carbon']['vintage']}",
        ),
    ]
    if "island" in figures:
        island = figures["island"]
        critical = island["served_share_critical"]
        text = f"critical loads {_percent(critical)}, alone {_percent(island['served_share_alone'])}"
        tiles.append((f"Served on the island ({island['hours']} h)", _percent(island["served_share"]), text))
    return tiles


def _tile(name: str, value: str, text: str) -> str:
    return f"<div><h3>{escape(name)}</h3><strong>{escape(value)}</strong><p>{escape(text)}</p></div>"


def _tables(figures: Mapping[str, Any]) -> str:
    parts = []
    for name in ("market", "energy", "peak", "money", "carbon", "island", "setting", "checks"):
        if name in figures:
            rows = "".join(
                f'<tr><th scope="row"><code>{escape(key)}</code></th><td>{escape(value)}</td></tr>'
                for key, value in _flat(figures[name])
            )
            parts.append(f"<details><summary>{escape(name.capitalize())}</summary><table>{rows}</table></details>")
    return f"<section class='tables'><h2>All figures</h2>{''.join(parts)}</section>"


def _flat(value: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, held in value.items():
        name = f"{above}{key}"
        if isinstance(held, Mapping):
            rows += _flat(held, f"{name}.")
        else:
            rows.append((name, _plain(held)))
    return rows


def _households(rows: Sequence[Mapping[str, Any]], currency: str) -> str:
    heads = ["Household", "Agent", "Consumption kWh", "Generation kWh", "Bought kWh", "Sold kWh"]
    heads += [f"Paid {currency}", f"Saved {currency}"]
    body = "".join(
        f'<tr><th scope="row">{escape(row["name"])}</th><td>{escape(row["agent"])}</td>'
        + "".join(
            f"<td>{row[name] / 1_000:,.1f}</td>" for name in ("consumption_wh", "generation_wh", "bought_wh", "sold_wh")
        )
        + f"<td>{_money(row['paid_micro'], 2)}</td><td>{_money(row['savings_micro'], 2)}</td></tr>"
        for row in rows[:MAX_ROWS]
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in map(escape, heads))
    more = f"<p>The first {MAX_ROWS} of {len(rows)}; report.json has all.</p>" if len(rows) > MAX_ROWS else ""
    return (
        "<section class='tables'><details><summary>Households</summary><div class='wide'>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}</details></section>"
    )


def _notes(figures: Mapping[str, Any]) -> str:
    carbon, setting = figures["carbon"], figures["setting"]
    notes = [
        "Self-sufficiency is the share of consumption that did not come from the grid, self-consumption the share of "
        "generation that was not fed into it (Luthander, Widén, Nilsson, Palm 2015, Applied Energy 142, 80–94): alone "
        "behind each meter; traded, with what neighbours delivered; pooled, at the community's feeder.",
        "Savings compare with the same households at retail "
        f"{_money(setting['retail_micro_per_kwh'])} and feed-in {_money(setting['feed_in_micro_per_kwh'])} per kWh, "
        f"their batteries serving themselves. Money follows the meters by the rule {setting['imbalance_rule']}.",
        "The avoided-emission estimate is delivered generation times a non-baseload factor, "
        f"{carbon['factor_mg_per_kwh']:,} mg CO2e/kWh, region {carbon['region']}, vintage {carbon['vintage']} "
        f"({carbon['source']}). What batteries gave back counts nothing.",
        "Gini coefficient of savings: a household that lost counts as 0.",
        "Agents: zero intelligence is the constrained trader of Gode and Sunder (1993), forecast follows the mean of "
        "its own last seven days, storage buys cheap to sell dear.",
        "Same data, setting and seed give the same report, byte for byte.",
    ]
    return "".join(f"<p>{escape(note)}</p>" for note in notes)


def _kwh(energy_wh: int) -> str:
    return f"{energy_wh / 1_000:,.0f} kWh"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.1f} %"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _money(micro: int | None, decimals: int = 3) -> str:
    return "–" if micro is None else f"{micro / MICRO:,.{decimals}f}"


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,}"


STYLE = """
:root{--paper:#fbfbfa;--card:#fff;--ink:#1b1f24;--soft:#5c6670;--rule:#dfe3e6;--s1:#2563c9;--s2:#c25d0e;--s3:#16825d;
--s4:#7d4fc4}
@media (prefers-color-scheme:dark){:root{--paper:#0f1418;--card:#171e24;--ink:#e8edf1;--soft:#9aa7b2;--rule:#2b353e;
--s1:#6fa8ff;--s2:#f5a054;--s3:#4cc79a;--s4:#b897f7}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1360px;margin:0 auto;padding:28px 20px 60px}header{margin-bottom:22px}
.mark{margin:0;color:var(--soft);font-size:13px;letter-spacing:.04em}h1{margin:2px 0 6px;font-size:28px;line-height:1.2}
header p:last-child{margin:0;color:var(--soft);max-width:100ch}h2{margin:0 0 8px;font-size:17px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(max(190px,22%),1fr));gap:12px;margin-bottom:14px}
.tiles div,figure,.tables,.notes{background:var(--card);border:1px solid var(--rule);border-radius:8px;
padding:14px 16px}
.tiles h3{margin:0;font-size:13px;font-weight:500;color:var(--soft)}.tiles strong{display:block;font-size:24px}
.tiles p{margin:0;font-size:13px;color:var(--soft)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,520px),1fr));gap:14px}
figure{margin:0}figcaption{color:var(--soft);font-size:13px}.plot{overflow-x:auto}
svg{display:block;width:100%;min-width:460px;height:auto}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;align-items:center}.unit{color:var(--soft)}
.key{display:inline-flex;align-items:center;gap:6px}.key i{width:14px;height:4px;border-radius:2px}
.key .reference{height:0;border-top:2px dashed var(--soft);border-radius:0}
i.s1{background:var(--s1)}i.s2{background:var(--s2)}i.s3{background:var(--s3)}i.s4{background:var(--s4)}
.line{fill:none;stroke-width:2;stroke-linejoin:round}.line.s1{stroke:var(--s1)}.line.s2{stroke:var(--s2)}
.line.s3{stroke:var(--s3)}.line.s4{stroke:var(--s4)}.line.reference{stroke:var(--soft);stroke-width:1.2;
stroke-dasharray:5 4}
.bar.s1,.dot.s1{fill:var(--s1)}.bar.s2,.dot.s2{fill:var(--s2)}.bar.s3,.dot.s3{fill:var(--s3)}
.bar.s4,.dot.s4{fill:var(--s4)}.band{fill:var(--s1);opacity:.16}.grid{stroke:var(--rule)}.axis{stroke:var(--soft)}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}
.tables,.notes{margin-top:14px}.tables table{max-width:760px}.wide table{max-width:none}code{font-size:12px}
summary{cursor:pointer;padding:4px 0;font-weight:600}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:3px 10px 3px 0;border-bottom:1px solid var(--rule);text-align:right;vertical-align:top}
th{font-weight:500;text-align:left}.notes p{margin:0 0 8px;font-size:13px;color:var(--soft);max-width:110ch}
"""
