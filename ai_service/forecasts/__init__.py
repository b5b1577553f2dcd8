# SPDX-License-Identifier: Apache-2.0
"""Forecasts on demand: of houses, communities, cities and series that a caller brings along."""
