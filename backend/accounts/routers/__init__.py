# SPDX-License-Identifier: Apache-2.0
"""The HTTP edge of accounts, one file per area of the API."""
