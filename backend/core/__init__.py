# SPDX-License-Identifier: Apache-2.0
"""The ground that every domain stands on; knows nothing of any of them."""
