# SPDX-License-Identifier: Apache-2.0
"""Houses, the meters that the chain enrolled for them, and what those meters read."""
