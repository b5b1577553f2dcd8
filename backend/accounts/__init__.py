# SPDX-License-Identifier: Apache-2.0
"""People, wallets, sign-in, organisations, memberships, API keys and the audit log."""
