# SPDX-License-Identifier: Apache-2.0
"""Real servers on one machine from packages alone: PostgreSQL 18, Redis, an EVM node."""
