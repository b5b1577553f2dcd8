# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of `gridx bench`; none runs inside the test suite."""
