# SPDX-License-Identifier: Apache-2.0
"""`gridx demo`: a community's trading days on the real stack, from signed readings to the audit."""
