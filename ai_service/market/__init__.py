# SPDX-License-Identifier: Apache-2.0
"""What a community's market is likely to do: prices from forecast supply and demand, hours to buy and to sell."""
