# SPDX-License-Identifier: Apache-2.0
"""The AI service: forecasts, prices, solar output and energy mixes over HTTP. It meets the backend only there."""

import os

# Systems of some hundred unknowns are solved here, many at a time: threads of the linear algebra would wait for each
# other longer than they work (a forecast of recent days: 37 ms of one processor, 880 ms of four). It reads this once,
# when NumPy is loaded.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
