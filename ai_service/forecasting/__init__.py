# SPDX-License-Identifier: Apache-2.0
"""Forecasts of regular series: reading, quality, features, models, intervals, back-tests."""
