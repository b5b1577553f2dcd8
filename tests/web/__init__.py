# SPDX-License-Identifier: Apache-2.0
"""The stack that the web app is tested against in a real browser."""
