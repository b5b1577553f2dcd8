# SPDX-License-Identifier: Apache-2.0
"""After delivery: imbalance, corrections, statements."""
