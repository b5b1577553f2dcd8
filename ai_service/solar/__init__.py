# SPDX-License-Identifier: Apache-2.0
"""What a photovoltaic system will give: physics first, then what its own readings say about it."""
