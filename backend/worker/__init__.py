# SPDX-License-Identifier: Apache-2.0
"""Wiring of the processes without HTTP: follower, relay, Celery worker. No rule of any domain lives here."""
