"""Stop idle servers: jupyterhub-idle-culler's own rules in a loop of ours.

Its own loop prints its token, as part of a traceback, whenever the hub is away for a moment.

usage: python -I -m installer.hub.culler --url HUB_API_URL --timeout S --max-age S --every S
"""

from __future__ import annotations

import argparse
import asyncio
import logging

from jupyterhub_idle_culler import cull_idle

from installer.hub import credentials

log = logging.getLogger("culler")


class OneLine(logging.Formatter):
    """Exceptions as their type and message: a traceback is no use in a journal, and may quote secrets."""

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        """Nothing beyond the line that `format` makes."""
        del ei
        return ""

    def format(self, record: logging.LogRecord) -> str:
        """The message, and the exception behind it."""
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}: {describe(record.exc_info[1])}"
        return " ".join(text.split())


def describe(error: BaseException) -> str:
    """An exception in a few words."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


async def look_again_and_again(options: argparse.Namespace, token: str) -> None:
    """Cull, wait, cull."""
    while True:
        try:
            await cull_idle(
                url=options.url, api_token=token, inactive_limit=options.timeout, max_age=options.max_age, logger=log
            )
        except Exception as error:  # noqa: BLE001 - whatever it was, the next look may go well
            log.warning("could not look for idle servers, next try in %d s: %s", options.every, describe(error))
        await asyncio.sleep(options.every)


def main() -> None:
    """Run until stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--timeout", type=int, required=True)
    parser.add_argument("--max-age", type=int, required=True)
    parser.add_argument("--every", type=int, required=True)
    options = parser.parse_args()
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    log.info("stopping servers idle for %d s; looking every %d s", options.timeout, options.every)
    asyncio.run(look_again_and_again(options, credentials.read("culler_token")))


if __name__ == "__main__":
    main()
