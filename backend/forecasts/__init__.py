# SPDX-License-Identifier: Apache-2.0
"""The way to the AI service: asked within two seconds, and its last good answers for when it is away."""
