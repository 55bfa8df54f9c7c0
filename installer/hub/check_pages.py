"""See that the hub can show its pages with the templates that it is given: before it is started with them."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jinja2
import tornado.log
from jinja2 import nodes
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket

from installer.hub.config import BadConfig, one_line

_SHOWN = ("login", "no-such-page")
"""What everybody can ask for, below the hub's path: it is shown as people would see it, the second with 404."""

_PATIENCE = 30.0


async def check(hub: Any) -> None:  # noqa: ANN401 - JupyterHub has no types
    """Look at all templates that aren't JupyterHub's own, and show two pages. Raises BadConfig."""
    environment: jinja2.Environment = hub.tornado_settings["jinja2_env"]
    stock = hub._template_paths_default()
    own = [Path(directory) for directory in hub.template_paths if directory not in stock]
    for file in sorted({file for directory in own for file in directory.rglob("*.html")}):
        _look_at(file, environment)
    await _show(hub, own)


def _look_at(file: Path, environment: jinja2.Environment) -> None:
    """Refuse one that can't be compiled, or that stands on another which isn't there."""
    try:
        text = file.read_text(encoding="utf-8")
        tree = environment.parse(text)
        environment.compile(text, filename=str(file))  # filters and tests that nobody knows
    except jinja2.TemplateSyntaxError as error:
        raise BadConfig(f"{file}:{error.lineno}: {one_line(error)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{file}: {one_line(error)}") from None
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        named = getattr(node, "template", None)
        if isinstance(named, nodes.Const) and not getattr(node, "ignore_missing", False):
            try:
                environment.get_template(str(named.value))
            except jinja2.TemplateNotFound:
                raise BadConfig(f"{file}:{node.lineno}: there is no template {named.value!r}") from None
            except jinja2.TemplateSyntaxError as error:
                raise BadConfig(f"{error.filename}:{error.lineno}: {one_line(error)}") from None


async def _show(hub: Any, own: list[Path]) -> None:  # noqa: ANN401 - JupyterHub has no types
    with tempfile.TemporaryDirectory() as directory, _failures() as failures:
        path = str(Path(directory, "hub.sock"))
        server = HTTPServer(hub.tornado_application)
        server.add_socket(bind_unix_socket(path))
        try:
            for page in _SHOWN:
                status = await asyncio.wait_for(_status(path, f"{hub.hub.base_url}{page}"), _PATIENCE)
                if failures:
                    raise BadConfig(f"{_place(failures[0], own)}: the page {page!r} fails: {one_line(failures[0])}")
                if status >= 500:  # noqa: PLR2004 - the server's own fault
                    raise BadConfig(f"the page {page!r} fails with {status}")
        finally:
            server.stop()


async def _status(path: str, page: str) -> int:
    """What a page is answered with."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(f"GET {page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
    return int(answer.split(b" ", 2)[1])


@contextmanager
def _failures() -> Iterator[list[BaseException]]:
    """What fails while pages are shown, which tornado tells in its log alone."""
    found: list[BaseException] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1] is not None:
                found.append(record.exc_info[1])

    log, level = tornado.log.app_log, logging.root.manager.disable
    former = log.handlers, log.propagate, tornado.log.access_log.disabled
    log.handlers, log.propagate, tornado.log.access_log.disabled = [Listening()], False, True
    logging.disable(logging.WARNING)
    try:
        yield found
    finally:
        logging.disable(level)
        log.handlers, log.propagate, tornado.log.access_log.disabled = former


def _place(error: BaseException, own: list[Path]) -> str:
    """`file:line` of the innermost template of one's own that led there; else where templates are."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    inside = [f for f in frames if any(Path(f.filename).is_relative_to(directory) for directory in own)]
    return f"{inside[-1].filename}:{inside[-1].lineno}" if inside else "the hub's pages"
