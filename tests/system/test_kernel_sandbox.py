"""What builds kernels' environments: what it can reach, and what it leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.host import paths
from tests.channel.pack import PLACEHOLDER, index, pack
from tests.system.kernel_host import CHANNEL, as_installer, prepare, put_channel, python_package
from tests.system.machine import Machine
from tests.system.machine_image import Layer

PREFIX = "/opt/jupyter/kernels/python/0123456789ab"
SECOND = "/opt/jupyter/kernels/python/ba9876543210"

ACTIVATION = """\
export TOOL_HOME=$CONDA_PREFIX/share/tool
export DOLLAR='$HOME'
echo noise
"""


@pytest.fixture(scope="module")
def host(server: Layer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(server) as machine:
        prepare(machine)
        channel = tmp_path_factory.mktemp("channel") / "channel"
        python = python_package(channel, machine)
        write_packages(channel, python)
        put_channel(machine, channel)
        machine.run(["mkdir", "-p", str(Path(PREFIX).parent)])
        yield machine


def write_packages(channel: Path, python: str) -> None:
    """Packages with all that makes a build more than unpacking: scripts, odd modes, modules to compile."""
    site = f"lib/{'python' + python}/site-packages"
    pack(
        channel,
        name="tool",
        version="1.0",
        depends=["python"],
        subdir="linux-64",
        files={
            "share/tool/open": (b"everybody may write\n", 0o666),
            "share/tool/closed": (b"nobody else may read\n", 0o600),
            "share/tool/program": (b"#!/bin/sh\n", 0o4755),
            "share/tool/prefix": PLACEHOLDER.encode(),
            "etc/conda/activate.d/tool.sh": ACTIVATION.encode(),
            "etc/conda/env_vars.d/tool.json": b'{"TOOL_MODE": "a b"}',
            f"{site}/tool.py": b"import os\nVALUE = 1\n",
            f"{site}/six-1.16.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n",
        },
        link_scripts={
            "post-link": 'id -un > "$PREFIX/share/linked"; echo "$PKG_NAME $PKG_VERSION" >> "$PREFIX/share/linked"\n'
        },
    )
    pack(channel, name="six", version="1.16.0", depends=["python"], files={"share/six": b"stands for six\n"})
    pack(channel, name="zeros", version="1", files={"zeros": bytes(64_000_000)})
    pack(channel, name="more", version="2.0", files={"share/more": b"more\n"})
    pack(
        channel,
        name="vandal",
        version="1",
        files={"x": b"x"},
        link_scripts={"post-link": '#!/bin/sh\necho y >> "$PREFIX/x"\n'},
    )
    index(channel)


def plan(*specs: str, name: str = "python", **fields: object) -> str:
    """Code that makes a plan for packages of the channel."""
    rest = "".join(f", {key}={value!r}" for key, value in fields.items())
    return (
        f"records = engine.solve({list(specs)!r}, ['file://{CHANNEL}'], unit=sandbox.unit_of({name!r}))\n"
        f"plan = environment.EnvironmentPlan(name={name!r}, records=records, requested={specs!r}{rest})\n"
    )


# --- the sandbox -----------------------------------------------------------------------------------


def test_it_runs_as_the_account_without_rights_and_reaches_little(host: Machine) -> None:
    host.put("/home/note", "private", mode="0644")
    host.put(f"{paths.SECRETS}/token", "secret", mode="0600")
    said = as_installer(
        host,
        """
place = Path("/opt/jupyter/kernels/place"); place.mkdir(exist_ok=True)
import shutil; shutil.chown(place, "jupyterhub-kernels")
script = '''
id -un; echo "$0 $1"; printf '%s\\n' "$VALUE"; cat
grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
for path in /opt/jupyter /opt/jupyter/kernels /etc /var/lib /srv /home; do
    touch $path/by-the-build 2>/dev/null && echo wrote $path
done
touch /opt/jupyter/kernels/place/file && echo wrote place
ls /home/note /etc/jupyterhub/secrets /root 2>/dev/null
nice
'''
done = sandbox.run(["/bin/sh", "-c", script, "$HOME", "${PATH} %n %%"], unit="jupyterhub-kernel-test",
    writable=[place], stdin="from stdin\\n", env={"VALUE": 'a "b" `c` $d \\\\e %f'})
answer = [done.code, done.stdout, done.stderr, done.argv[0]]
""",
    )
    code, out, err, program = said
    assert (code, err, program) == (0, "", "/bin/sh")
    assert out.splitlines() == [
        "jupyterhub-kernels", "$HOME ${PATH} %n %%", r'a "b" `c` $d \e %f', "from stdin",
        "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2",
        "wrote place", "10",
    ]  # fmt: skip


def test_an_admins_own_ca_reaches_it_wherever_it_lies(host: Machine) -> None:
    host.put("/root/ca.pem", "my CA\n", mode="0600")
    said = as_installer(
        host,
        """
os.environ["SSL_CERT_FILE"] = "/root/ca.pem"
answer = sandbox.run(["/bin/sh", "-c", 'cat "$SSL_CERT_FILE"'], unit="jupyterhub-kernel-test").stdout
""",
    )
    assert said == "my CA\n"
    assert host.run("ls /run/jupyterhub-installer/*.crt", check=False).code != 0


def test_lines_come_as_they_are_printed_and_codes_as_they_are(host: Machine) -> None:
    times, code, out = as_installer(
        host,
        """
times = []
begun = time.monotonic()
done = sandbox.run(["/bin/sh", "-c", "echo one; sleep 1; echo two; exit 7"], unit="jupyterhub-kernel-test",
    on_line=lambda line: times.append([line, time.monotonic() - begun]))
answer = [times, done.code, done.stdout]
""",
    )
    assert ([line for line, _ in times], code, out) == (["one", "two"], 7, "one\ntwo\n")
    assert times[1][1] - times[0][1] > 0.8


def test_without_a_network_there_is_none(host: Machine) -> None:
    lines = as_installer(
        host,
        """
shown = sandbox.run(["/bin/cat", "/proc/net/dev"], unit="jupyterhub-kernel-test", network=False).stdout
answer = shown.splitlines()[2:]
""",
    )
    assert [line.split(":")[0].strip() for line in lines] == ["lo"]


def test_what_it_leaves_running_ends_with_it_and_its_environment_is_gone(host: Machine) -> None:
    as_installer(
        host,
        """
sandbox.run(["/bin/sh", "-c", "setsid sleep 4321 & exit 0"], unit="jupyterhub-kernel-test")
answer = None
""",
    )
    assert host.run(["pgrep", "--full", "sleep 4321"], check=False).code == 1
    assert host.run("ls /run/jupyterhub-installer/*.env", check=False).code != 0


def test_what_takes_too_long_is_ended(host: Machine) -> None:
    begun = time.monotonic()
    code = as_installer(
        host, 'answer = sandbox.run(["/bin/sleep", "4322"], unit="jupyterhub-kernel-test", timeout=2).code'
    )
    assert code != 0
    assert time.monotonic() - begun < 20
    assert host.run(["pgrep", "--full", "sleep 4322"], check=False).code == 1


def test_the_next_run_stops_what_a_killed_one_left(host: Machine) -> None:
    answer = as_installer(
        host,
        """
import signal, subprocess
child = os.fork()
if child == 0:
    sandbox.run(["/bin/sleep", "4323"], unit="jupyterhub-kernel-r")
    os._exit(0)
def there():
    return subprocess.run(["pgrep", "-fx", "/bin/sleep 4323"], stdout=subprocess.DEVNULL).returncode == 0
while not there(): time.sleep(0.05)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
time.sleep(0.3)
left = there()
sandbox.stop("jupyterhub-kernel-r-base")
other = there()
begun = time.monotonic()
sandbox.stop("jupyterhub-kernel-r")
answer = [left, other, there(), time.monotonic() - begun]
""",
    )
    assert answer[:3] == [True, True, False]
    assert answer[3] < 5
    assert host.run("ls /run/jupyterhub-installer/*.env", check=False).code != 0
    assert host.run("systemctl list-units --all --no-legend 'jupyterhub-kernel*'").stdout == ""


# --- builds ----------------------------------------------------------------------------------------


def test_an_environment_is_built_shared_and_verified(host: Machine) -> None:
    post = ("/bin/sh", "-c", f'echo "$WHAT $HOME" > {PREFIX}/share/post; touch "$HOME/junk"')
    first = as_installer(
        host,
        plan("python", "tool", link_scripts=True, post_install=(post,), env={"WHAT": "done in"})
        + f"""
with scratch("python-pip") as place:
    locked = pip_layer.resolve(["iniconfig==2.0.0"], records, unit=sandbox.unit_of("python"), scratch=place)
plan = plan.model_copy(update={{"pip_locked": locked}})
lines = []
built = environment.build(Path({PREFIX!r}), plan, None, lines.append)
Path("/srv/extra.json").write_text(built.model_dump_json())
answer = [built.model_dump(mode="json"), lines, locked]
""",
    )
    built, lines, locked = first
    assert locked.startswith("iniconfig==2.0.0 \\\n    --hash=sha256:")
    assert built["activation"] == {
        "CONDA_PREFIX": PREFIX, "TOOL_HOME": f"{PREFIX}/share/tool", "DOLLAR": "$HOME", "TOOL_MODE": "a b"
    }  # fmt: skip
    assert any("packages linked" in line for line in lines)
    steps = ["packages", "link scripts", "pip", "post-install", "activation", "sharing", "bytecode", "files"]
    assert list(built["seconds"]) == steps
    assert host.read(f"{PREFIX}/share/linked") == "jupyterhub-kernels\ntool 1.0\n"
    assert host.read(f"{PREFIX}/share/post") == f"done in {paths.KERNELS_SCRATCH}/python-{Path(PREFIX).name}\n"
    assert host.read(f"{PREFIX}/share/tool/prefix") == PREFIX
    assert host.run(["ls", "-A", str(paths.KERNELS_SCRATCH)]).stdout == ""
    assert host.run([f"{PREFIX}/bin/python", "-c", "import tool, iniconfig"]).ok

    second = as_installer(
        host,
        plan("python", "tool", "more", pip_locked=locked)
        + f"""
answer = environment.build(Path({SECOND!r}), plan, Path({PREFIX!r}), lambda line: None).model_dump(mode="json")
""",
    )
    assert second["untouched"]
    shared = ("tool.py", "tool.*.pyc", "iniconfig/__init__.py", "iniconfig/__pycache__/__init__.*.pyc")
    for file in shared:
        links = host.run(f"find {PREFIX} {SECOND} -path '*/{file}' -printf '%i\\n' | sort | uniq --count").stdout
        assert len(links.splitlines()) == 1, file
        assert links.split()[0] == "2", file


def test_an_environment_is_for_all_to_read_and_for_nobody_to_write(host: Machine) -> None:
    assert host.run(["stat", "--format=%U %a", PREFIX]).stdout == "root 755\n"
    wrong = rf"! -type l \( -perm /6022 -o ! -perm -444 -o ! -user {paths.KERNELS_USER} \) ! -path {PREFIX}"
    assert host.run(f"find {PREFIX} {wrong}").stdout == ""


def test_changed_files_are_found_and_not_used_again(host: Machine) -> None:
    findings = as_installer(
        host,
        plan("python", "tool")
        + f"""
prefix, unit = Path({PREFIX!r}), sandbox.unit_of("python")
extra = environment.Built.model_validate_json(Path("/srv/extra.json").read_text()).extra
clean = engine.verify(prefix, extra, unit=unit, deep=True)
(prefix / "share/tool/closed").write_text("nobody else may rEad\\n")
(prefix / "share/post").unlink()
(prefix / "share/new").touch()
found = [clean, engine.verify(prefix, extra, unit=unit, deep=False), engine.verify(prefix, extra, unit=unit, deep=True)]
environment.build(Path({SECOND!r}), plan, prefix, lambda line: None)
answer = [[(each.path, each.what) for each in findings] for findings in found]
""",
    )
    assert findings == [
        [],
        [["share/post", "missing"]],
        [["share/new", "added"], ["share/post", "missing"], ["share/tool/closed", "changed"]],
    ]
    assert host.read(f"{SECOND}/share/tool/closed") == "nobody else may read\n"
    host.run(["rm", "-r", PREFIX, SECOND])


def test_a_build_that_fails_says_why_and_leaves_nothing(host: Machine) -> None:
    failing = ("/bin/sh", "-c", "echo the reason >&2; sleep 999 & exit 3")
    problem = as_installer(
        host, plan("more", post_install=(failing,)) + f"answer = environment.build(Path({PREFIX!r}), plan, None, print)"
    )
    assert problem["what"] == "the kernel's own step sh failed with exit code 3"
    assert problem["detail"] == "the reason"
    assert host.run(f"ls -A {Path(PREFIX).parent}").stdout == ""


def test_a_full_disk_is_called_that_and_what_filled_it_is_gone(host: Machine) -> None:
    """Also where the disk has the room that the packages' sizes ask for."""
    host.run(f"mkdir -p {paths.KERNELS}/small && mount -t tmpfs -o size=8m tmpfs {paths.KERNELS}/small")
    try:
        problem = as_installer(
            host,
            plan("zeros")
            + f"""
engine.PACKAGES = Path("{paths.KERNELS}/small/packages")
import shutil
shutil.chown("{paths.KERNELS}/small", "jupyterhub-kernels")
answer = environment.build(Path({PREFIX!r}), plan, None, print)
""",
        )
    finally:
        host.run(["umount", f"{paths.KERNELS}/small"])
    assert problem["what"].startswith("the disk is full"), problem
    assert host.run(f"ls -A {Path(PREFIX).parent}").stdout == ""


def test_a_script_that_changes_what_others_share_is_noticed(host: Machine) -> None:
    problem = as_installer(
        host, plan("vandal", link_scripts=True) + f"answer = environment.build(Path({PREFIX!r}), plan, None, print)"
    )
    assert "has written into x" in problem["what"]
    assert host.run(f"ls -A {Path(PREFIX).parent}").stdout == ""


def test_pip_requirements_that_contradict_condas_packages_are_named(host: Machine) -> None:
    problem = as_installer(
        host,
        plan("python", "six")
        + """
with scratch("python-pip") as place:
    answer = pip_layer.resolve(["six<1.16"], records, unit="jupyterhub-kernel-python", scratch=place)
""",
    )
    assert problem["what"] == "six<1.16 (pip) can't be had together with conda's six 1.16.0"


def test_a_package_that_pip_brings_a_second_time_is_noticed(host: Machine) -> None:
    problem = as_installer(
        host,
        plan("python", "tool")
        + f"""
with scratch("python-pip") as place:
    locked = pip_layer.resolve(["six"], records, unit="jupyterhub-kernel-python", scratch=place)
plan = plan.model_copy(update={{"pip_locked": locked}})
answer = environment.build(Path({PREFIX!r}), plan, None, print)
""",
    )
    assert problem["what"].startswith("PyPI's six came in beside conda's"), problem


def test_a_channel_out_of_reach_is_known_within_ten_seconds(host: Machine) -> None:
    host.offline()
    try:
        begun = time.monotonic()
        problem = as_installer(
            host, 'answer = engine.solve(["python"], ["conda-forge"], unit="jupyterhub-kernel-python")'
        )
        assert time.monotonic() - begun < 11
    finally:
        host.online()
    assert problem["what"] == "no answer from the channel https://conda.anaconda.org/conda-forge/"
