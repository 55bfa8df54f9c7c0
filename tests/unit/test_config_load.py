"""Configs that are fine, and the file they are in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from installer.config.load import Loaded, load, load_file, load_text
from installer.config.models import Config, KernelEntry
from installer.config.source import LARGEST, read
from installer.host.errors import ConfigProblem, ExitCode


def write(directory: Path, config: str, mode: int = 0o644) -> Path:
    file = directory / "installer.yaml"
    file.write_text(config, encoding="utf-8", newline="")
    file.chmod(mode)
    return file


def test_no_file_is_the_defaults(tmp_path: Path) -> None:
    config = load(tmp_path / "installer.yaml")
    assert config == Config()
    assert (config.hub.domain, config.hub.base_url, config.hub.admin_users) == (None, "/", None)
    assert (config.auth.provider, config.tls.mode) == ("pam", "self-signed")
    assert (config.culler.timeout, config.culler.max_age, config.culler.interval) == (3600, 0, 300)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "\n\n",
        "# nothing set yet\n",
        "---\n",
        "~\n",
        "{}\n",
        "hub:\n",
        "hub:\nauth: {}\nculler: ~\n",
        "\ufeffhub:\n",
    ],
)
def test_an_empty_file_or_section_is_the_defaults(config: str, tmp_path: Path) -> None:
    assert load(write(tmp_path, config)) == Config()


def test_everything_set(tmp_path: Path) -> None:
    config = load(
        write(
            tmp_path,
            "hub:\r\n  domain: Hub.Example.ORG\r\n  base_url: /jupyter/lab-1.0/~x/\r\n  admin_users: [ada, g_h.o-2]\r\n"
            "auth: {provider: pam}\r\ntls: {mode: self-signed}\r\n"
            "culler: {timeout: 1h30m, max_age: 7d, every: 90s}\r\n",
        )
    )
    assert config.hub.domain == "hub.example.org"
    assert config.hub.base_url == "/jupyter/lab-1.0/~x/"
    assert config.hub.admin_users == ("ada", "g_h.o-2")
    assert (config.culler.timeout, config.culler.max_age, config.culler.interval) == (5400, 604800, 90)
    assert config.culler.limits == (5400, 604800)


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        ("localhost", "localhost"),
        ("hub", "hub"),
        ("3com.example", "3com.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("192.0.2.7", "192.0.2.7"),
        ('"2001:DB8:0::7"', "2001:db8::7"),
        ('"no"', "no"),
    ],
)
def test_hosts(given: str, read_as: str, tmp_path: Path) -> None:
    assert load(write(tmp_path, f"hub: {{domain: {given}}}\n")).hub.domain == read_as


def test_nobody_may_be_admin(tmp_path: Path) -> None:
    assert load(write(tmp_path, "hub: {admin_users: []}\n")).hub.admin_users == ()


@pytest.mark.parametrize(
    ("culler", "limits", "interval"),
    [
        ("timeout: 0", (), 300),
        ('timeout: "0"', (), 300),
        ("timeout: 0s, every: 1d", (), 86400),
        ("timeout: 90s", (90,), 45),
        ("timeout: 1s", (1,), 1),
        ("timeout: 0, max_age: 4m", (240,), 120),
        ("timeout: 5m, every: 5m", (300,), 300),
        ("max_age: 30m", (3600, 1800), 300),
    ],
)
def test_the_culler_looks_often_enough(culler: str, limits: tuple[int, ...], interval: int, tmp_path: Path) -> None:
    config = load(write(tmp_path, f"culler: {{{culler}}}\n"))
    assert (config.culler.limits, config.culler.interval) == (limits, interval)


@pytest.mark.parametrize("text", ["", "# nothing\n", "\ufeffhub: {domain: hub}\r\n", "kernels: [] # ä"])
def test_the_text_comes_with_the_config_that_was_read_from_it(text: str, tmp_path: Path) -> None:
    assert load_file(write(tmp_path, text)) == Loaded(load_text(tmp_path / "new.yaml", text), text)


def test_without_a_file_the_text_is_empty(tmp_path: Path) -> None:
    assert load_file(tmp_path / "installer.yaml") == Loaded(Config(), "")


def test_a_text_that_is_no_config_is_told_by_the_file_it_was_for() -> None:
    with pytest.raises(ConfigProblem, match=r"^/etc/x\.yaml:2: kernels: wrong type"):
        load_text(Path("/etc/x.yaml"), "hub: {}\nkernels: python\n")


def test_kernels(tmp_path: Path) -> None:
    config = load(
        write(
            tmp_path,
            "channels: [https://mirror.example.org/x/, conda-forge]\n"
            "kernels:\n- r\n- {name: science, recipe: python, packages: [polars, 'numpy<2'], pip: [flask]}\n"
            "default_kernel: science\n",
        )
    )
    assert config.channels == ("https://mirror.example.org/x", "conda-forge")
    assert config.kernels == (
        KernelEntry(name="r"),
        KernelEntry(name="science", recipe="python", packages=("polars", "numpy<2"), pip=("flask",)),
    )
    assert config.default_kernel == "science"


def test_without_a_word_about_kernels() -> None:
    assert [kernel.name for kernel in Config().kernels] == ["python", "r", "julia", "go"]
    assert Config().channels == ("conda-forge",)
    assert Config(kernels=()).kernels == ()


# --- the file ------------------------------------------------------------------------------------
def problem_with(file: Path) -> str:
    with pytest.raises(ConfigProblem) as caught:
        load(file)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.what.startswith(f"{file}:1: top level: ")
    assert "for example: " in caught.value.hint
    assert str(file) in caught.value.hint
    return caught.value.what.rpartition(", found ")[2]


def test_a_directory(tmp_path: Path) -> None:
    assert problem_with(tmp_path) == "a directory or a device"


def test_a_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert problem_with(tmp_path / "fifo") == "a directory or a device"


def test_a_link_to_nothing_is_not_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "installer.yaml").symlink_to(tmp_path / "gone")
    assert problem_with(tmp_path / "installer.yaml") == "a link to nothing"


def test_a_link_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "installer.yaml").symlink_to(tmp_path / "installer.yaml")
    assert problem_with(tmp_path / "installer.yaml") == "too many levels of symbolic links"


def test_a_file_in_a_file(tmp_path: Path) -> None:
    assert problem_with(write(tmp_path, "") / "installer.yaml") == "not a directory"


def test_a_huge_file(tmp_path: Path) -> None:
    assert problem_with(write(tmp_path, "#" * (LARGEST + 1))) == "a file of more than 1 MiB"


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = write(tmp_path, "", mode=0)
    me = os.geteuid()
    if me == 0:  # root reads everything
        os.seteuid(65534)
    try:
        assert problem_with(file) == "permission denied"
    finally:
        os.seteuid(me)


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o622])
def test_a_file_that_others_can_write_is_refused(mode: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match=f"others can change it: expected mode 0644, found {mode:04o}"):
        read(write(tmp_path, "", mode), writer=os.geteuid())


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="expected a file that belongs to uid 54321") as caught:
        read(write(tmp_path, ""), writer=54321)
    assert "chown 54321:54321" in caught.value.hint


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o444])
def test_a_file_that_only_its_owner_can_write_is_read(mode: int, tmp_path: Path) -> None:
    assert read(write(tmp_path, "hub:\n", mode), writer=os.geteuid()) == b"hub:\n"
