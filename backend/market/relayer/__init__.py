# SPDX-License-Identifier: Apache-2.0
"""Sends matched pairs to the chain, and hears what the chain says about them."""
