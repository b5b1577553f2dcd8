# SPDX-License-Identifier: Apache-2.0
"""The queue's hash chain: grown in any steps it is the same; any change of it is found."""

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from backend.market.islands.intents import BEGINNING, append, faults

ISLAND = UUID(int=7)
CONTENTS = st.lists(
    st.fixed_dictionaries({"settlementNonce": st.integers(0, 2**40), "energyWh": st.integers(1, 2**32)}), min_size=1,
    max_size=8,
)  # fmt: skip


@given(CONTENTS, st.data())
def test_append__in_any_steps__gives_one_chain_without_faults(contents, data):
    cut = data.draw(st.integers(0, len(contents)))
    whole = append(ISLAND, BEGINNING, 0, contents)

    first = append(ISLAND, BEGINNING, 0, contents[:cut])
    rest = append(ISLAND, first[-1].hash if first else BEGINNING, cut, contents[cut:])

    assert first + rest == whole
    assert faults(ISLAND, whole[-1].hash, whole) == []


@given(CONTENTS, st.data())
def test_faults__a_link_changed_dropped_or_moved__are_found(contents, data):
    links = append(ISLAND, BEGINNING, 0, contents)
    place = data.draw(st.integers(0, len(links) - 1))
    link = links[place]
    changed = replace(link, content={**link.content, "energyWh": link.content["energyWh"] + 1})

    head = links[-1].hash
    assert faults(ISLAND, head, [*links[:place], changed, *links[place + 1 :]])
    assert faults(ISLAND, head, [*links[:place], *links[place + 1 :]])
    assert faults(ISLAND, head, [*links, links[place]])
    assert faults(UUID(int=8), head, links)
