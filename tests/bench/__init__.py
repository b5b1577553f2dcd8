# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of `gridx bench`; none runs inside the test suite."""

import ai_service  # noqa: F401 (sets the threads of NumPy, which reads them once, when a benchmark loads it)
