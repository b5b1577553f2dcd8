# SPDX-License-Identifier: Apache-2.0
"""After delivery: what was delivered, what the difference costs, corrections, statements."""
