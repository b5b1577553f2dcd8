# SPDX-License-Identifier: Apache-2.0
"""The market over many days, with trading agents, in memory."""
