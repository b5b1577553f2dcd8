# SPDX-License-Identifier: Apache-2.0
"""Live updates: topics, tickets, resumable WebSockets; knows audiences, never trades."""
