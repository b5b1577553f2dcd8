# SPDX-License-Identifier: Apache-2.0
"""The process `ai`: `python -m ai_service`."""

import os


def main() -> None:
    """Serve until a signal."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read as NumPy loads; small matrices only spin its threads
    import uvicorn

    from ai_service.app import configure_logging, create_app
    from ai_service.settings import Settings

    settings = Settings()  # read from the environment
    configure_logging(settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level=settings.log_level.lower(),
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    main()
