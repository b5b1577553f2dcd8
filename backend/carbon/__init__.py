# SPDX-License-Identifier: Apache-2.0
"""The carbon ledger: who holds which grams, what was retired, and who saved most."""
