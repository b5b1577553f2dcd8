# SPDX-License-Identifier: Apache-2.0
"""The gridx command and what stands behind it: set-up, the stack, checks, tests."""
