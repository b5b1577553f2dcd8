# SPDX-License-Identifier: Apache-2.0
"""Training, promotion, drift and batches: what happens beside the requests."""
