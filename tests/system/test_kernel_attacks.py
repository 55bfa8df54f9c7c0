"""Attacks on the building of kernels: by people of the machine, and by what packages bring along.

Each does what the attacker would do, and looks at what came of it. No hub is needed for any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.host import paths
from tests.channel.pack import index, pack
from tests.system.kernel_host import CHANNEL, as_installer, prepare, put_channel
from tests.system.machine import Machine
from tests.system.machine_image import Layer
from tests.system.machine_person import add_person

MALLORY = "mallory"
"""A person of the machine who attacks."""
PREFIX = paths.KERNELS / "shared" / "0123456789ab"
OTHER = paths.KERNELS / "evil" / "ba9876543210"
"""Where the environment that is attacked is, and the one whose packages attack."""

# A package that writes into a file that all environments have in common, and covers its tracks.
VANDAL = """\
touch -r "$PREFIX/share/data" /tmp/time
echo evil >> "$PREFIX/share/data"
touch -r /tmp/time "$PREFIX/share/data"
"""


@pytest.fixture(scope="module")
def host(server: Layer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(server) as machine:
        prepare(machine)
        add_person(machine, MALLORY, "a very fine password 4711")
        channel = tmp_path_factory.mktemp("channel") / "channel"
        pack(channel, name="data", version="1", files={"share/data": b"data\n", "bin/tool": (b"#!/bin/sh\n", 0o777)})
        pack(
            channel, name="vandal", version="1", depends=["data"], files={"v": b""}, link_scripts={"post-link": VANDAL}
        )
        index(channel)
        put_channel(machine, channel)
        machine.run(["mkdir", "-p", str(PREFIX.parent), str(OTHER.parent)])
        as_installer(machine, built(PREFIX, "data"))
        yield machine


def built(prefix: Path, *specs: str, step: str = "", link_scripts: bool = False) -> str:
    """Code that builds an environment, with a step of a package's in it."""
    name = prefix.parent.name
    steps = (("/bin/sh", "-c", step),) if step else ()
    return (
        f"records = engine.solve({list(specs)!r}, ['file://{CHANNEL}'], unit=sandbox.unit_of({name!r}))\n"
        f"plan = environment.EnvironmentPlan(name={name!r}, records=records, requested={specs!r}, "
        f"post_install={steps!r}, link_scripts={link_scripts})\n"
        f"answer = environment.build(Path({str(prefix)!r}), plan, None, lambda line: None).model_dump(mode='json')\n"
    )


def attacked(host: Machine, step: str) -> str:
    """What an attacking step of a build has printed. It ends the build, of which nothing stays."""
    problem = as_installer(host, built(OTHER, "data", step=f"({step}) 2>&1; exit 3"))
    assert problem["what"] == "the kernel's own step sh failed with exit code 3", problem
    assert host.run(["find", str(OTHER.parent), str(paths.KERNELS_SCRATCH), "-mindepth", "1"]).stdout == ""
    return str(problem["detail"])


# --- people ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    [
        paths.KERNELS, paths.KERNELS_CACHE, paths.KERNELS_SCRATCH, paths.INSTALLER_RUN, paths.KERNEL_BUILDER,
        PREFIX.parent, PREFIX, PREFIX / "share", PREFIX / "bin", PREFIX / "conda-meta",
    ],
    ids=str,
)  # fmt: skip
def test_nobody_puts_anything_where_builds_work(host: Machine, place: Path) -> None:
    assert not host.run(["touch", f"{place}/planted"], user=MALLORY, check=False).ok
    assert not host.run(["mkdir", f"{place}/.planted"], user=MALLORY, check=False).ok


def test_nobody_changes_or_replaces_what_is_in_an_environment(host: Machine) -> None:
    for file in (PREFIX / "share" / "data", PREFIX / "bin" / "tool"):
        for attack in ("echo evil >> {}", "rm -f {}", "mv {} /tmp", "chmod u+w {}", "ln -f /etc/hosts {}"):
            assert not host.run(attack.format(file), user=MALLORY, check=False).ok, attack
    assert host.read(f"{PREFIX}/share/data") == "data\n"


def test_nobody_sees_a_build_nor_its_variables(host: Machine) -> None:
    look = f"cat {paths.INSTALLER_RUN}/*.env; ls {OTHER} {paths.KERNELS_CACHE} {paths.KERNELS_SCRATCH}/*"
    said = as_installer(
        host,
        "import subprocess\nfound = []\n"
        f"ask = ['su', '-s', '/bin/sh', {MALLORY!r}, '-c', {look!r}]\n"
        "environment.activation.variables = lambda *_, **__: found.append(subprocess.run(ask, capture_output=True, "
        "text=True).stdout) or {}\n" + built(OTHER, "data") + f"answer = [found, Path({str(OTHER)!r}).exists()]\n",
        env={"https_proxy": "http://ada:secret@proxy.example.org"},
    )
    assert said == [[""], True]
    host.run(["rm", "-r", str(OTHER)])


def test_what_a_person_has_set_reaches_no_build(host: Machine) -> None:
    names = (
        "PYTHONPATH", "PYTHONHOME", "LD_PRELOAD", "BASH_ENV", "ENV", "R_LIBS", "R_PROFILE", "JULIA_DEPOT_PATH",
        "TMPDIR", "JULIA_PROJECT", "GOPATH", "GOFLAGS", "GOCACHE", "CONDA_PREFIX", "PIP_CONFIG_FILE",
    )  # fmt: skip
    said = as_installer(
        host,
        f"os.environ.update(dict.fromkeys({names!r}, '/home/mallory/evil'))\n"
        "answer = sandbox.run(['/usr/bin/env'], unit='jupyterhub-kernel-test').stdout",
    )
    assert "mallory" not in said


def test_what_a_person_has_put_into_tmp_is_not_seen(host: Machine) -> None:
    host.run("mkdir /tmp/home /tmp/cache; touch /tmp/home/planted; ln -s /etc/passwd /tmp/scratch", user=MALLORY)
    assert (
        as_installer(host, "answer = sandbox.run(['/bin/ls', '-A', '/tmp'], unit='jupyterhub-kernel-t').stdout") == ""
    )


# --- packages --------------------------------------------------------------------------------------


def test_a_build_can_not_look_into_another_one(host: Machine) -> None:
    """They are of one account, and Debian lets that trace its own."""
    attack = """
for process in /proc/[0-9]*; do
    cat $process/fd/0 $process/environ 2>/dev/null | tr '\\0' '\\n' | grep -a hush
    touch $process/root/opt/jupyter/kernels/theirs/planted 2>/dev/null && test $process != /proc/$$ && echo planted
done; exit 0
"""
    said = as_installer(
        host,
        f"""
import shutil, threading
theirs, mine = (Path("/opt/jupyter/kernels") / name for name in ("theirs", "mine"))
for place in (theirs, mine):
    place.mkdir(); shutil.chown(place, "jupyterhub-kernels")
begun = threading.Event()
answers = []
def victim():
    answers.append(sandbox.run(["/bin/sh", "-c", "echo; sleep 4; ls -A /opt/jupyter/kernels/theirs; cat"],
        unit="jupyterhub-kernel-a", writable=[theirs], stdin="hush 1", env={{"TOKEN": "hush 2"}},
        on_line=lambda line: begun.set()).stdout)
thread = threading.Thread(target=victim)
thread.start()
assert begun.wait(60)
answers.append(sandbox.run(["/bin/sh", "-c", {attack!r}], unit="jupyterhub-kernel-b", writable=[mine]).stdout)
thread.join()
answer = answers
shutil.rmtree(theirs); shutil.rmtree(mine)
""",
    )
    assert sorted(said) == ["", "\nhush 1"]


def test_a_build_writes_into_no_other_environment_and_no_cache(host: Machine) -> None:
    targets = [PREFIX / "share" / "data", PREFIX / "share" / "x", paths.KERNELS_CACHE / "x"]
    targets += [paths.KERNELS_CACHE / "packages" / "x", paths.KERNELS_CACHE / "uv" / "x", OTHER.parent / "history"]
    targets += [paths.KERNELS_SCRATCH / "x", paths.KERNEL_BUILDER / "x", paths.KERNELSPECS / "x", Path("/etc/cron.d/x")]
    said = attacked(host, "; ".join(f"echo evil >> {target} && echo wrote {target}" for target in targets))
    assert "wrote" not in said


def test_a_build_reads_no_secrets_and_starts_nothing_elsewhere(host: Machine) -> None:
    host.put(str(paths.CHANNEL_CREDENTIALS), '{"conda.example.org": {"BearerToken": "hush"}}', mode="0600")
    unit = (
        "busctl --system call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager "
        "StartTransientUnit 'ssa(sv)a(sa(sv))' evil.service fail 0 0 && echo started"
    )
    try:
        said = attacked(
            host,
            f"cat {paths.CHANNEL_CREDENTIALS} {paths.INSTALLER_RUN}/*.env /etc/shadow; {unit}; "
            "echo '* * * * * true' | crontab - && echo started; systemd-run --user true && echo started; "
            "unshare --user true && echo started; sudo -n true && echo started",
        )
    finally:
        host.run(["rm", str(paths.CHANNEL_CREDENTIALS)])
    assert "hush" not in said
    assert "started" not in said


def test_a_build_makes_no_setuid_program_and_no_device(host: Machine) -> None:
    said = attacked(
        host,
        f"cp /bin/true {OTHER}/x; chmod 4755 {OTHER}/x && echo made; chmod 2755 {OTHER}/x && echo made; "
        f"mknod {OTHER}/disk b 8 0 && echo made; setcap cap_setuid+ep {OTHER}/x && echo made",
    )
    assert "made" not in said


def test_a_build_that_opens_its_environment_to_all_gets_it_closed(host: Machine) -> None:
    as_installer(host, built(OTHER, "data", step=f"mkdir -m 777 {OTHER}/open; chmod 777 {OTHER} {OTHER}/share; "
                                                 f"echo x > {OTHER}/open/x; chmod 666 {OTHER}/open/x"))  # fmt: skip
    assert host.run(f"find {OTHER} ! -type l -perm /6022").stdout == ""
    assert host.run(["stat", "--format=%U", str(OTHER)]).stdout == "root\n"
    host.run(["rm", "-r", str(OTHER)])


@pytest.mark.parametrize("name", ["kernelspec", "kernel.lock", ".files", ".complete"])
def test_a_link_where_root_is_to_write_leads_nowhere(host: Machine, name: str) -> None:
    """What root puts into an environment in the end, a step has put a link in the place of."""
    host.run("mkdir -p /srv/victim && echo kept > /srv/victim/file")
    target = "/srv/victim" if name == "kernelspec" else "/srv/victim/file"
    recipe = {
        "language": "x", "version_of": "data", "display_name": "Evil", "kernelspec": "evil", "requires": ["data"],
        "argv": ["/bin/true"], "smoke": {"code": "", "expect": ""}, "name": "evil",
        "post_install": [["/bin/ln", "-s", target, f"{{prefix}}/{name}"]],
    }  # fmt: skip
    said = as_installer(
        host,
        f"""
from installer.kernels import build
from installer.kernels.recipe import Recipe
from installer.kernels.request import KernelRequest
recipe = Recipe.model_validate({recipe!r})
request = KernelRequest(name="evil", kernelspec="evil", recipe=recipe, channels=["file://{CHANNEL}"],
    packages=["data"], display_name="Evil", entry="evil")
build.Trial.end = lambda _: ("", 0.0)  # there is no hub here to try it with
prefix = build.ensure(request, build.solve(request, None, (), print), print)
answer = [str(prefix), sorted(path.name for path in prefix.iterdir() if path.owner() == "root")]
""",
    )
    assert host.run("ls -A /srv/victim; cat /srv/victim/file").stdout == "file\nkept\n"
    if name == "kernelspec":
        assert "kernelspec" in said["what"] or "File exists" in said["what"], said
        assert host.run(["test", "-e", str(OTHER.parent)], check=False).code == 1
    else:
        assert said[1] == [".complete", ".files", "kernel.lock", "kernelspec"]
        host.run(["rm", "-r", said[0]])


def test_a_step_that_writes_into_what_all_share_and_sets_the_time_back_is_found_out(host: Machine) -> None:
    problem = as_installer(host, built(OTHER, "vandal", link_scripts=True))
    assert "has written into share/data" in problem["what"], problem
    # What it has done to the environments that share the file is mended by building them anew.
    as_installer(host, built(PREFIX, "data"))
    assert host.read(f"{PREFIX}/share/data") == "data\n"


def test_a_step_that_prints_without_an_end_is_ended(host: Machine) -> None:
    problem = as_installer(host, built(OTHER, "data", step="yes 0123456789012345678901234567890123456789"))
    assert "printed more than" in problem["what"], problem
    assert host.run(["pgrep", "--exact", "yes"], check=False).code == 1


def test_directories_without_end_keep_nothing_from_being_removed(host: Machine) -> None:
    dig = "i=0; while [ $i -lt 1200 ]; do mkdir d && cd d || break; i=$((i+1)); done"
    attacked(host, f"cd {OTHER}; {dig}; cd {paths.KERNELS_SCRATCH}/evil-{OTHER.name}; {dig}")


def test_a_link_in_the_place_of_the_cache_costs_no_home(host: Machine) -> None:
    cache = paths.KERNELS_CACHE / "packages"
    host.run(f"mv {cache} {cache}.kept && ln -s /home {cache} && chown -h {paths.KERNELS_USER} {cache}")
    try:
        as_installer(host, "from installer.kernels import gc\nanswer = gc.collect_packages()")
    finally:
        host.run(f"rm {cache} && mv {cache}.kept {cache}")
    assert host.run(["test", "-d", f"/home/{MALLORY}"], check=False).ok
