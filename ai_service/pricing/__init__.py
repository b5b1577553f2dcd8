# SPDX-License-Identifier: Apache-2.0
"""Prices that explain themselves."""
