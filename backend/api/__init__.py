# SPDX-License-Identifier: Apache-2.0
"""Wiring of the HTTP process: application, middleware, errors, health. No rule of any domain lives here."""
