# SPDX-License-Identifier: Apache-2.0
"""The door of the sites domain: what other domains may call."""

from backend.sites.aggregates import interval_readings, reading_sums
from backend.sites.forgetting import forget_owner
from backend.sites.history import corrections, forget_readings
from backend.sites.houses import (
    HouseFields,
    create_house,
    delete_house,
    get_house,
    list_communities,
    list_houses,
    list_meters,
    register_device_key,
    set_zone,
    time_zone_of,
    update_house,
)
from backend.sites.mirror import communities, forget_above, meters, record_communities, record_meters
from backend.sites.readings import record_readings
from backend.sites.series import house_series

__all__ = [
    "HouseFields",
    "corrections",
    "create_house",
    "delete_house",
    "get_house",
    "list_communities",
    "list_houses",
    "list_meters",
    "register_device_key",
    "set_zone",
    "time_zone_of",
    "update_house",
    "communities",
    "forget_above",
    "forget_owner",
    "forget_readings",
    "house_series",
    "interval_readings",
    "meters",
    "reading_sums",
    "record_communities",
    "record_meters",
    "record_readings",
]
