# SPDX-License-Identifier: Apache-2.0
"""Emission factors: their mirror of the chain, their arithmetic and the citations that they rest on."""
