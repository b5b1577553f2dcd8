# SPDX-License-Identifier: Apache-2.0
"""The AI service: forecasts, prices, solar output and energy mixes over HTTP. It meets the backend only there."""
