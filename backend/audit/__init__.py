# SPDX-License-Identifier: Apache-2.0
"""The audit: rebuilds trades, consent and carbon from the chain alone and lists every difference to the database.

It imports nothing of the recorder (`backend.chain`, `backend.market`, `backend.carbon`); the two share the contract's
ABI file and nothing else, so that a mistake of one is found by the other.
"""
