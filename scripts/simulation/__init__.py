# SPDX-License-Identifier: Apache-2.0
"""Where simulated households come from: a file of interval data, the public data sets, a model."""
