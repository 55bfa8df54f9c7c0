"""The builder of kernels, the real program on real packages."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from installer.host.trees import remove_tree
from tests.channel.pack import PLACEHOLDER, index, pack
from tests.unit.kernel_worker import Builder, served


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("channel")
    pack(made, name="hello", version="1.0", files={"share/hello": b"hi\n"})
    pack(
        made,
        name="hello",
        version="2.0",
        depends=["lib >=1"],
        files={
            "share/hello": (b"hi there\n", 0o666),
            "share/closed": (b"hush\n", 0o600),
            "bin/hello": (f"#!/bin/sh\necho {PLACEHOLDER}\n".encode(), 0o4777),
        },
        link_scripts={"post-link": "touch $PREFIX/linked\n"},
    )
    pack(made, name="lib", version="1.0", files={"lib/lib": b"1\n"})
    pack(made, name="lib", version="1.5", files={"lib/lib": b"1.5\n"})
    pack(made, name="future", version="1", depends=["__glibc >=99"], files={"x": b"1"})
    pack(made, name="old", version="1", depends=["lib <1"], files={"x": b"1"})
    index(made)
    return made


@pytest.fixture
def url(channel: Path) -> str:
    return f"file://{channel}"


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path)


def versions(records: list[dict[str, str]]) -> dict[str, str]:
    return {record["name"]: record["version"] for record in records}


# --- solve -----------------------------------------------------------------------------------------


def test_the_newest_that_fits_is_chosen(builder: Builder, url: str) -> None:
    records = builder.solve(url, "hello").result["records"]
    assert versions(records) == {"hello": "2.0", "lib": "1.5"}
    assert {"sha256", "url", "size", "fn", "channel", "subdir", "build", "build_number"} <= set(records[0])


@pytest.mark.parametrize("spec", ["hello=1", "hello 1.0", "hello<2", "hello==1.0"])
def test_specs_are_read_as_conda_users_write_them(builder: Builder, url: str, spec: str) -> None:
    assert versions(builder.solve(url, spec).result["records"]) == {"hello": "1.0"}


def test_what_is_locked_stays_unless_it_is_set_free(builder: Builder, url: str) -> None:
    locked = builder.solve(url, "hello", "lib=1.0").result["records"]
    assert versions(locked) == {"hello": "2.0", "lib": "1.0"}
    assert builder.solve(url, "hello", locked=locked).result["records"] == locked
    assert versions(builder.solve(url, "hello", locked=locked, free=["lib"]).result["records"])["lib"] == "1.5"


def test_a_package_that_is_not_there_is_named(builder: Builder, url: str) -> None:
    error = builder.solve(url, "hello", "nosuch").error
    assert (error["kind"], error["message"]) == ("unsatisfiable", f"no package nosuch in {url}")


def test_what_does_not_fit_together_is_explained(builder: Builder, url: str) -> None:
    error = builder.solve(url, "hello", "old").error
    assert error["kind"] == "unsatisfiable"
    assert "lib <1" in error["detail"]


def test_a_package_for_another_system_is_explained(builder: Builder, url: str) -> None:
    error = builder.solve(url, "future").error
    assert error["kind"] == "unsatisfiable"
    assert "__glibc >=99" in error["detail"]


@pytest.mark.parametrize("spec", ["hello >=>1", "", "  ", "-r evil", "--x", "héllo[", "hello[nokey=1]"])
def test_what_is_no_spec_is_refused(builder: Builder, url: str, spec: str) -> None:
    error = builder.solve(url, spec).error
    assert error["kind"] == "bad-spec"
    assert repr(spec) in error["message"]


def test_a_channel_that_is_not_there_is_known_at_once(builder: Builder, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/channel"
        for address in (f"file://{tmp_path}/none", closed, "http://nosuch.invalid/channel", "conda-forge-nosuch"):
            begun = time.monotonic()
            assert builder.solve(address, "hello").error["kind"] == "unreachable"
            assert time.monotonic() - begun < 5


def test_a_channel_that_never_answers_is_known_within_ten_seconds(builder: Builder) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begun = time.monotonic()
        error = builder.solve(f"http://127.0.0.1:{silent.getsockname()[1]}/channel", "hello").error
        assert time.monotonic() - begun < 10
    assert error["kind"] == "unreachable"


def test_a_server_without_such_a_channel_is_no_channel(builder: Builder, tmp_path: Path) -> None:
    with served(tmp_path) as address:
        assert builder.solve(f"{address}/nosuch", "hello").error["kind"] == "unreachable"


# --- credentials -----------------------------------------------------------------------------------


def test_a_closed_channel_needs_its_password(builder: Builder, channel: Path, tmp_path: Path) -> None:
    with served(channel, password="ada:pass:word@") as address:
        assert builder.solve(address, "hello").error["kind"] == "unauthorized"
        login = {"BasicHTTP": {"username": "ada", "password": "pass:word@"}}
        records = builder.solve(address, "hello", auth={"127.0.0.1": login}).result["records"]
        assert builder.install(records, tmp_path / "env").error["kind"] == "unauthorized"
        assert builder.install(records, tmp_path / "env", auth={"127.0.0.1": login}).code == 0


def test_a_password_in_an_address_gets_no_further(builder: Builder, channel: Path, tmp_path: Path) -> None:
    with served(channel, password="ada:pass:word@") as address:
        full = address.replace("//", "//ada:pass%3Aword%40@")
        answer = builder.solve(full, "hello")
        assert "ada:" not in str(answer)
        assert builder.install(answer.result["records"], tmp_path / "env", channels=[full]).code == 0
    for file in (tmp_path / "env" / "conda-meta").iterdir():
        assert "ada:" not in file.read_text()


# --- install ---------------------------------------------------------------------------------------


def test_packages_are_installed_and_nothing_of_theirs_is_run(builder: Builder, url: str, tmp_path: Path) -> None:
    env = tmp_path / "env"
    records = builder.solve(url, "hello").result["records"]
    answer = builder.install(records, env, requested=["hello>=1"])
    script = {"script": f"{env}/bin/.hello-post-link.sh", "name": "hello", "version": "2.0", "build_number": "0"}
    assert answer.result["link_scripts"] == [script]
    assert any("2 packages" in line for line in answer.progress)
    assert (env / "lib" / "lib").read_text() == "1.5\n"
    assert str(env) in (env / "bin" / "hello").read_text()
    assert not (env / "linked").exists()


def test_modes_become_those_of_files_for_all_to_read(builder: Builder, url: str, tmp_path: Path) -> None:
    env = tmp_path / "env"
    (tmp_path / "beyond").touch(mode=0o600)
    env.mkdir()
    (env / "link").symlink_to(tmp_path / "beyond")
    builder.built(url, env, "hello")
    modes = {str(path.relative_to(env)): stat.S_IMODE(path.lstat().st_mode) for path in env.rglob("*")}
    assert {path: mode for path, mode in modes.items() if mode not in {0o644, 0o755}} == {"link": 0o777}
    assert modes["bin/hello"] == 0o755
    assert modes["conda-meta/lib-1.5-0.json"] == 0o644
    assert stat.S_IMODE((tmp_path / "beyond").stat().st_mode) == 0o600
    assert not (env / "CACHEDIR.TAG").exists()


def test_two_environments_have_one_copy(builder: Builder, url: str, tmp_path: Path) -> None:
    builder.built(url, tmp_path / "one", "hello")
    builder.built(url, tmp_path / "two", "hello")
    assert (tmp_path / "one" / "share" / "hello").samefile(tmp_path / "two" / "share" / "hello")


@pytest.mark.parametrize("over_http", [False, True])
def test_a_package_that_was_swapped_is_refused(builder: Builder, tmp_path: Path, over_http: bool) -> None:
    """Also from a directory, where the engine itself would take it without a word."""
    mine = tmp_path / "channel"
    pack(mine, name="hello", version="1.0", files={"share/hello": b"good\n"})
    index(mine)
    with served(mine) as address:
        records = builder.solve(address if over_http else f"file://{mine}", "hello").result["records"]
        pack(mine, name="hello", version="1.0", files={"share/hello": b"evil\n"})
        error = builder.install(records, tmp_path / "env").error
    assert error["kind"] == "damaged"
    assert not (tmp_path / "env" / "share" / "hello").exists()


def test_a_channel_that_goes_away_in_between_is_told_of(builder: Builder, channel: Path, tmp_path: Path) -> None:
    with served(channel) as address:
        records = builder.solve(address, "hello").result["records"]
    assert builder.install(records, tmp_path / "env").error["kind"] == "unreachable"
    local = [{**record, "url": f"file://{tmp_path}/gone/{record['fn']}"} for record in records]
    assert builder.install(local, tmp_path / "other").error["kind"] == "unreachable"


def test_a_channel_that_falls_silent_is_not_waited_for_without_end(builder: Builder, url: str, tmp_path: Path) -> None:
    patience = builder.program / "installer" / "builder" / "reporting.py"
    text = patience.read_text()
    assert "_PATIENCE = 300.0" in text
    patience.write_text(text.replace("_PATIENCE = 300.0", "_PATIENCE = 1.0"))
    record = builder.solve(url, "lib").result["records"][0]
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        begun = time.monotonic()
        silent = {**record, "url": f"http://127.0.0.1:{server.getsockname()[1]}/noarch/{record['fn']}"}
        error = builder.install([silent], tmp_path / "env").error
        assert time.monotonic() - begun < 10
    assert error["kind"] == "unreachable"


def test_a_cached_package_that_was_changed_is_not_used(builder: Builder, url: str, tmp_path: Path) -> None:
    builder.built(url, tmp_path / "one", "hello")
    (tmp_path / "one" / "share" / "closed").write_text("husk\n")
    builder.built(url, tmp_path / "two", "hello")
    assert (tmp_path / "two" / "share" / "closed").read_text() == "hush\n"


def test_a_package_that_needs_no_check_gets_none(builder: Builder, url: str, tmp_path: Path) -> None:
    """That a change of it goes unseen is how one sees that there was none; `kernels.checked` says when it can be so."""
    records = builder.solve(url, "hello").result["records"]
    builder.install(records, tmp_path / "one")
    (tmp_path / "one" / "share" / "closed").write_text("husk\n")
    known = [record["sha256"] for record in records]
    assert builder.install(records, tmp_path / "two", checked=known).code == 0
    assert (tmp_path / "two" / "share" / "closed").read_text() == "husk\n"
    assert builder.install(records, tmp_path / "three", checked=known[1:]).code == 0
    assert (tmp_path / "three" / "share" / "closed").read_text() == "hush\n"


def test_a_package_that_needs_no_check_is_fetched_all_the_same(builder: Builder, url: str, tmp_path: Path) -> None:
    records = builder.solve(url, "hello").result["records"]
    wrong = [{**record, "sha256": "0" * 64} for record in records]
    known = [record["sha256"] for record in wrong]
    assert builder.install(wrong, tmp_path / "env", checked=known).error["kind"] == "damaged"


def test_packages_too_large_for_the_disk_are_not_begun(builder: Builder, url: str, tmp_path: Path) -> None:
    records = builder.solve(url, "hello").result["records"]
    error = builder.install([{**record, "size": 1 << 60} for record in records], tmp_path / "env").error
    assert error["kind"] == "no-space"
    assert list((tmp_path / "env").iterdir()) == []


def test_it_ends_well_every_time(builder: Builder, url: str, tmp_path: Path) -> None:
    """The engine's runtime crashes in some of a hundred shutdowns of the interpreter, which it must not come to."""
    records = builder.solve(url, "hello").result["records"]
    codes = [builder.install(records, tmp_path / f"env{number}").code for number in range(30)]
    assert codes == [0] * 30


# --- what is there ---------------------------------------------------------------------------------


def test_a_changed_file_is_found(builder: Builder, url: str, tmp_path: Path) -> None:
    env = tmp_path / "env"
    env.mkdir()
    (env / "own").write_text("mine\n")
    (env / "link").symlink_to("own")
    extra = builder.built(url, env, "hello")
    assert [each["path"] for each in extra if not each["path"].startswith("conda-meta/")] == ["link", "own"]

    def findings(*, deep: bool) -> list[tuple[str, str, str | None]]:
        answer = builder.ask("verify", prefix=str(env), extra=extra, ignored=["kernelspec"], deep=deep)
        return [(each["path"], each["what"], each["package"]) for each in answer.result["findings"]]

    (env / "kernelspec").mkdir()
    (env / "kernelspec" / "kernel.json").touch()
    assert findings(deep=True) == []
    (env / "share" / "hello").write_text("hi thErE\n")
    (env / "lib" / "lib").unlink()
    (env / "own").write_text("not mine\n")
    (env / "link").unlink()
    (env / "link").symlink_to("elsewhere")
    (env / "added").touch()
    assert findings(deep=False) == [("lib/lib", "missing", "lib"), ("link", "changed", None)]
    assert findings(deep=True) == [
        ("added", "added", None),
        ("lib/lib", "missing", "lib"),
        ("link", "changed", None),
        ("own", "changed", None),
        ("share/hello", "changed", "hello"),
    ]


def test_what_a_step_of_the_build_changes_is_as_it_should_be_from_then_on(
    builder: Builder, url: str, tmp_path: Path
) -> None:
    env = tmp_path / "env"
    records = builder.solve(url, "hello").result["records"]
    linked = builder.install(records, env).result["linked"]
    (env / "share" / "hello").unlink()
    (env / "share" / "hello").write_text("hi, changed\n")
    extra = builder.ask("finish", prefix=str(env), linked=linked).result["extra"]
    assert "share/hello" in {each["path"] for each in extra}
    assert builder.ask("verify", prefix=str(env), extra=extra, ignored=[], deep=True).result["findings"] == []


def test_a_step_that_writes_into_what_others_share_is_an_error(builder: Builder, url: str, tmp_path: Path) -> None:
    records = builder.solve(url, "hello").result["records"]
    linked = builder.install(records, tmp_path / "env").result["linked"]
    (tmp_path / "env" / "share" / "hello").write_text("for all of them\n")
    error = builder.ask("finish", prefix=str(tmp_path / "env"), linked=linked).error
    assert error["kind"] == "damaged"
    assert "share/hello" in error["message"]


def test_a_step_that_sets_the_time_back_is_found_out(builder: Builder, url: str, tmp_path: Path) -> None:
    records = builder.solve(url, "hello").result["records"]
    linked = builder.install(records, tmp_path / "env").result["linked"]
    file = tmp_path / "env" / "share" / "hello"
    before = file.stat()
    file.write_text("HI THERE\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    error = builder.ask("finish", prefix=str(tmp_path / "env"), linked=linked).error
    assert (error["kind"], "share/hello" in error["message"]) == ("damaged", True)


def test_what_packages_say_of_their_files_stays_as_it_is(builder: Builder, url: str, tmp_path: Path) -> None:
    """A step that writes into a shared file could write its new sum there."""
    records = builder.solve(url, "hello").result["records"]
    linked = builder.install(records, tmp_path / "env").result["linked"]
    (tmp_path / "env" / "conda-meta" / "hello-2.0-0.json").unlink()
    assert "conda-meta" in builder.ask("finish", prefix=str(tmp_path / "env"), linked=linked).error["message"]


def test_one_link_more_is_no_change(builder: Builder, url: str, tmp_path: Path) -> None:
    """Another build links the same cached files meanwhile."""
    records = builder.solve(url, "hello").result["records"]
    linked = builder.install(records, tmp_path / "env").result["linked"]
    builder.built(url, tmp_path / "other", "hello")
    (tmp_path / "env" / "share" / "hello").chmod(0o600)
    extra = builder.ask("finish", prefix=str(tmp_path / "env"), linked=linked).result["extra"]
    assert [each["path"] for each in extra if not each["path"].startswith("conda-meta/")] == []


@pytest.mark.parametrize("covered", ["nothing", "times", "replaced", "moved", "removed"])
def test_whatever_a_step_does_to_a_shared_file_is_no_secret(
    builder: Builder, url: str, tmp_path: Path, covered: str
) -> None:
    records = builder.solve(url, "hello").result["records"]
    linked = builder.install(records, tmp_path / "env").result["linked"]
    file = tmp_path / "env" / "share" / "closed"
    aside = tmp_path / "env" / "aside"
    if covered != "nothing":
        before = file.stat()
        content = file.read_bytes()
        file.write_bytes(content.swapcase())
        if covered in {"replaced", "removed"}:
            file.unlink()
        if covered == "replaced":
            file.write_bytes(content)
        if covered == "moved":
            file.rename(aside)
            aside.rename(file)
        if covered != "removed":
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    answer = builder.ask("finish", prefix=str(tmp_path / "env"), linked=linked)
    if covered in {"times", "moved"}:
        assert "has written into share/closed" in answer.error["message"]
    else:
        assert answer.result["untouched"] is (covered == "nothing")


def test_a_name_that_is_no_text_and_directories_without_end(builder: Builder, url: str, tmp_path: Path) -> None:
    records = builder.solve(url, "hello").result["records"]
    linked = builder.install(records, tmp_path / "env").result["linked"]
    here = os.open(tmp_path / "env", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)
    assert builder.ask("finish", prefix=str(tmp_path / "env"), linked=linked).code == 0
    remove_tree(tmp_path / "env" / "d")
    (tmp_path / "env" / os.fsdecode(b"caf\xe9")).touch()
    assert "isn't UTF-8" in builder.ask("finish", prefix=str(tmp_path / "env"), linked=linked).error["message"]


# --- sharing ---------------------------------------------------------------------------------------


@pytest.fixture
def python(tmp_path: Path) -> str:
    """A channel with a Python of sorts, and a package for it; returns its address."""
    made = tmp_path / "channel"
    site = "lib/python3.13/site-packages"
    pack(made, name="python", version="3.13.9", subdir="linux-64", files={"bin/python": b"", f"{site}/README": b""})
    files = {f"{site}/tool.py": b"VALUE = 1\n", f"{site}/Tool-1.dist-info/METADATA": b"Name: Tool\nVersion: 1\n"}
    pack(made, name="tool", version="1", subdir="linux-64", depends=["python"], files=files)
    index(made)
    return f"file://{made}"


def with_pip_layer(prefix: Path, content: str) -> Path:
    """Put what pip would into an environment; returns its directory of packages."""
    site = prefix / "lib" / "python3.13" / "site-packages"
    (site / "extra").mkdir()
    (site / "extra" / "__init__.py").write_text(content)
    (site / "extra" / "data.bin").write_text("data\n")
    return site


def test_what_is_the_same_is_shared_with_the_earlier_environment(builder: Builder, python: str, tmp_path: Path) -> None:
    builder.built(python, tmp_path / "one", "tool")
    one = with_pip_layer(tmp_path / "one", "X = 1\n")
    first = builder.ask("share", prefix=str(tmp_path / "one"), previous=None).result
    assert first == {"shared": 0, "uncompiled": [f"{one}/tool.py", f"{one}/extra/__init__.py"]}
    for module in ("tool", "extra/__init__"):
        compiled = (one / f"{module}.py").parent / "__pycache__" / f"{Path(module).name}.cpython-313.pyc"
        compiled.parent.mkdir()
        compiled.write_bytes(b"compiled\n")

    builder.built(python, tmp_path / "two", "tool")
    two = with_pip_layer(tmp_path / "two", "X = 2\n")
    second = builder.ask("share", prefix=str(tmp_path / "two"), previous=str(tmp_path / "one")).result
    assert second == {"shared": 2, "uncompiled": [f"{two}/extra/__init__.py"]}
    assert (two / "extra" / "data.bin").samefile(one / "extra" / "data.bin")
    assert (two / "__pycache__" / "tool.cpython-313.pyc").samefile(one / "__pycache__" / "tool.cpython-313.pyc")
    assert (two / "extra" / "__init__.py").read_text() == "X = 2\n"


def test_an_environment_without_python_has_nothing_to_compile(builder: Builder, url: str, tmp_path: Path) -> None:
    builder.built(url, tmp_path / "env", "hello")
    answer = builder.ask("share", prefix=str(tmp_path / "env"), previous=None).result
    assert answer == {"shared": 0, "uncompiled": []}


@pytest.mark.parametrize("takes_its_place", [False, True])
def test_what_pip_puts_beside_or_over_condas_is_a_conflict(
    builder: Builder, python: str, tmp_path: Path, takes_its_place: bool
) -> None:
    env = tmp_path / "env"
    builder.built(python, env, "tool")
    assert builder.ask("conflicts", prefix=str(env)).result == {"conflicts": []}
    site = env / "lib" / "python3.13" / "site-packages"
    if takes_its_place:
        (site / "Tool-1.dist-info").rename(site / "tool-2.dist-info")
    else:
        (site / "tool-2.dist-info").mkdir()
        (site / "tool-2.dist-info" / "METADATA").touch()
    assert builder.ask("conflicts", prefix=str(env)).result == {"conflicts": ["tool"]}


def test_activation_is_a_script(builder: Builder, url: str, tmp_path: Path) -> None:
    builder.built(url, tmp_path / "env", "hello")
    script = builder.ask("activation", prefix=str(tmp_path / "env"), path=os.defpath).result["script"]
    assert f"CONDA_PREFIX={tmp_path / 'env'}" in script


# --- the engine's faults ---------------------------------------------------------------------------


def test_the_engine_still_wants_the_inner_objects_of_specs(tmp_path: Path) -> None:
    """Where it takes what it is declared to take, `_match_spec` in the builder can go."""
    program = """
import asyncio, os, sys
from rattler import MatchSpec, install
try:
    asyncio.run(install([], sys.argv[1], show_progress=False, requested_specs=[MatchSpec("x")]))
except TypeError as error:
    print(error)
sys.stdout.flush()
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert "MatchSpec" in done.stdout


# --- the program -----------------------------------------------------------------------------------


def test_an_unknown_operation_and_a_request_that_lacks_something_are_errors(builder: Builder) -> None:
    assert builder.ask("nosuch").error["kind"] == "other"
    assert builder.ask("solve").error["kind"] == "other"
