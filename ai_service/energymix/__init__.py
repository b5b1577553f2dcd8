# SPDX-License-Identifier: Apache-2.0
"""Which sources should meet a demand, at least cost or least carbon: a linear programme."""
