"""The one gate for processes: an argument vector, a minimal environment, no shell, never a secret in argv."""

from __future__ import annotations

import logging
import os
import pwd
import select
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from installer.host.errors import Problem

log = logging.getLogger(__name__)

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

LONGEST_OUTPUT = 64 << 20
"""Bytes that a program which is followed may print, on each of its two ways."""

# What an admin behind a proxy or with a company's own CA has set must reach pip, uv, npm, apt, conda, go and julia.
_PASSED_ON = frozenset(
    [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "ssl_cert_file",
        "ssl_cert_dir",
        "requests_ca_bundle",
        "curl_ca_bundle",
        "node_extra_ca_certs",
        "pip_cert",
        "pip_index_url",
        "uv_index_url",
        "uv_default_index",
        "uv_system_certs",
        "npm_config_registry",
        "npm_config_cafile",
        "goproxy",
        "gosumdb",
        "julia_pkg_server",
    ]
)


@dataclass(frozen=True)
class Completed:
    """What a process left: its argument vector, exit code and captured text."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether it exited with 0."""
        return self.code == 0


class CommandFailed(Problem):
    """A process could not be started, ran too long, or said no."""

    def __init__(self, completed: Completed, what: str | None = None) -> None:
        self.completed = completed
        said = (completed.stderr.strip() or completed.stdout.strip()).splitlines()
        super().__init__(
            what or f"{Path(completed.argv[0]).name} failed with exit code {completed.code}",
            f"run it by hand to see more: {shlex.join(completed.argv)}",
            "\n".join(said[-20:]),
        )


def environment(extra: Mapping[str, str] | None = None, *, home: str = "/root") -> dict[str, str]:
    """The environment for a child: fixed PATH and locale, the caller's proxy and CA settings, `extra` on top."""
    passed = {name: value for name, value in os.environ.items() if name.lower() in _PASSED_ON}
    return {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "HOME": home, **passed, **(extra or {})}


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    stdin: str | None = None,
    stdout: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | None = None,
    timeout: float = 60,
    check: bool = True,
    what: str | None = None,
) -> Completed:
    """Run a program to its end and return what it printed.

    It is in a session of its own, so that Ctrl-C reaches us and not a package manager in the middle of its work. What
    it prints goes to files in memory, not pipes: were we killed, its next line to a pipe would kill it, half done.

    stdin: text for its standard input (the place for secrets); closed when None.
    stdout: a file that what it prints goes to, where that may be too much for memory; then none of it is returned.
    env: variables on top of the minimal environment (see `environment`).
    user: account to become (with its own primary group and no others) before the program starts; needs root.
    timeout: seconds, after which it is killed.
    check: raise `CommandFailed` unless it exits with 0.
    what: the line that tells a person what failed, in place of the program's name.
    """
    words = tuple(os.fspath(word) for word in argv)
    log.debug("run%s: %s", f" as {user}" if user else "", shlex.join(words))
    home = "/root"
    identity: dict[str, object] = {}
    if user is not None:
        entry = pwd.getpwnam(user)
        home = entry.pw_dir
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": ()}
    with _memory("stdout") as out, _memory("stderr") as err:
        try:
            done = subprocess.run(  # type: ignore[call-overload]  # identity's keys are fixed above
                words, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, stdout=stdout or out,
                stderr=err, text=True, env=environment(env, home=home), cwd=cwd or "/", timeout=timeout, check=False,
                start_new_session=True, **identity,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            said = f"{_text(err)}\nstill running after {timeout:.0f} s"
            raise CommandFailed(Completed(words, 124, _text(out), said), what) from error
        except OSError as error:
            raise CommandFailed(Completed(words, 127, "", str(error)), what) from error
        completed = Completed(words, done.returncode, _text(out), _text(err))
    if check and not completed.ok:
        raise CommandFailed(completed, what)
    return completed


def follow(
    argv: Sequence[str | os.PathLike[str]],
    on_line: Callable[[str], None],
    *,
    stdin: str | int | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> Completed:
    """Run a program to its end as `run` does, each line of its standard output handed over as it comes.

    stdin: a text; or a file descriptor that it reads from, a pipe's say.
    Its code is returned whatever it is. Should we be killed, its next line kills it: not for what must reach its end.
    """
    words = tuple(os.fspath(word) for word in argv)
    log.debug("follow: %s", shlex.join(words))
    said = bytearray()
    with _memory("stdin") as source, _memory("stderr") as err:
        if not isinstance(stdin, int):
            source.write((stdin or "").encode())
            source.seek(0)
        try:
            process = subprocess.Popen(
                words, stdin=stdin if isinstance(stdin, int) else source, stdout=subprocess.PIPE, stderr=err,
                env=environment(env), cwd="/", start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return Completed(words, 127, "", str(error))
        late = ""
        with process:
            try:
                for line in _lines(process, said, err, time.monotonic() + timeout):
                    on_line(line.rstrip("\r\n"))
            except TimeoutError:
                late = f"still running after {timeout:.0f} s\n"
                process.kill()
            except BaseException:
                process.kill()
                raise
        return Completed(words, process.returncode, said.decode(errors="replace"), _text(err) + late)


def _lines(process: subprocess.Popen[bytes], said: bytearray, err: IO[bytes], deadline: float) -> Iterator[str]:
    """What a program prints, line by line, and all of it into `said`.

    Raises Problem where it doesn't stop printing, TimeoutError where it isn't done in time.
    """
    if process.stdout is None:
        return
    begun: list[bytes] = []  # of a line that isn't whole yet
    while True:
        ready, _, _ = select.select([process.stdout], [], [], min(0.5, max(0.0, deadline - time.monotonic())))
        if time.monotonic() > deadline:
            raise TimeoutError
        chunk = os.read(process.stdout.fileno(), 1 << 16) if ready else None
        said += chunk or b""
        # All of it is kept in memory: a program that goes on for ever would take the machine's.
        if max(len(said), os.fstat(err.fileno()).st_size) > LONGEST_OUTPUT:
            raise Problem(
                f"what was run has printed more than {LONGEST_OUTPUT >> 20} MB, and was ended",
                "leave out the package or the step that it belongs to: see its last lines above",
                _text(err)[-2000:],
            )
        if chunk == b"":
            break
        *ends, rest = (chunk or b"").split(b"\n")
        for end in ends:
            yield b"".join((*begun, end, b"\n")).decode(errors="replace")
            begun.clear()
        begun.append(rest)
    if any(begun):
        yield b"".join(begun).decode(errors="replace")


def _memory(name: str) -> IO[bytes]:
    return os.fdopen(os.memfd_create(name), "rb+")


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")
