# SPDX-License-Identifier: Apache-2.0
"""The order book: PostgreSQL is the truth, memory the speed."""
