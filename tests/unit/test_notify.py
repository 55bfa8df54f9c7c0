"""Telling of failures: every unit of ours names the hook, and only what root alone decides is run by it."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from installer.commands.notify import refuse_unfit, unfit
from installer.config.models import Backup, Config, Notify
from installer.features.everything import desired
from installer.features.templates import CHECKOUT
from installer.host import paths
from installer.host.errors import ConfigProblem
from installer.host.trusted import not_roots_alone, unfit_to_run
from installer.resources.unit import UnitFile
from tests.unit.test_features import site

HOOK = "/usr/local/bin/notify-failed"
PROGRAM = CHECKOUT / "installer" / "libexec" / "notify_failed.sh"


def units(settings: Notify) -> dict[str, str]:
    resources = desired(site(Config(notify=settings, backup=Backup(every="daily"))))
    return {resource.path.name: resource.text for resource in resources if isinstance(resource, UnitFile)}


def test_off_unless_asked_for() -> None:
    assert not any("OnFailure" in text for text in units(Notify()).values())
    assert paths.NOTIFY_UNIT not in units(Notify())
    refuse_unfit(Notify())


def test_every_unit_names_the_hook() -> None:
    made = units(Notify(command=HOOK))
    hook = made.pop(paths.NOTIFY_UNIT)
    made.pop(paths.USERS_SLICE)
    assert len(made) >= 11
    for name, text in made.items():
        instance = name.removesuffix("@.service")
        assert f"\nOnFailure=jupyterhub-notify-failed@{instance}.service\n\n[" in text, name
    assert f"ExecStart={paths.LIBEXEC}/jupyterhub-notify %i command {HOOK}\n" in hook
    assert "NoNewPrivileges=yes" in hook


def test_mail_opens_the_sandbox_for_setuid_programs_and_both_are_tried() -> None:
    hook = units(Notify(command=HOOK, mail="root"))[paths.NOTIFY_UNIT]
    assert f"ExecStart=-{paths.LIBEXEC}/jupyterhub-notify %i mail root\n" in hook
    assert f"ExecStart={paths.LIBEXEC}/jupyterhub-notify %i command {HOOK}\n" in hook
    assert "NoNewPrivileges" not in hook


def test_what_is_run_is_roots_alone() -> None:
    assert unfit_to_run(Path("/usr/bin/env")) is None
    assert not_roots_alone(Path("/usr/bin/env")) is None
    assert "is not there" in str(unfit_to_run(Path("/usr/bin/nothing-of-the-kind")))
    assert "is not a file" in str(unfit_to_run(Path("/usr/bin")))
    assert "can't be run by everybody" in str(unfit_to_run(Path("/etc/passwd")))


def test_what_others_can_write_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "notify"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o777)
    tmp_path.chmod(0o755)
    found = not_roots_alone(program)
    assert found is not None
    assert stat.S_IMODE(program.stat().st_mode) == 0o777
    with pytest.raises(ConfigProblem) as raised:
        refuse_unfit(Notify(command=str(program)))
    assert f"notify.command in {paths.CONFIG_FILE} can't be run" in raised.value.what
    assert raised.value.hint == f"sudo chown root:root {program} && sudo chmod 755 {program}"
    assert unfit(Notify(command="/usr/bin/nothing-of-the-kind")) is not None


def test_the_same_unit_is_told_of_once_in_ten_minutes(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ncat >> {heard}\n")
    hook.chmod(0o755)

    def fail(unit: str) -> subprocess.CompletedProcess[str]:
        words = ["/bin/sh", str(PROGRAM), unit, "command", str(hook)]
        environment = {"PATH": "/usr/bin:/bin", "RUNTIME_DIRECTORY": str(tmp_path)}
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=60)

    fail("jupyterhub.service")
    assert "not told of once more" in fail("jupyterhub.service").stdout
    fail("jupyterhub-pam")
    text = heard.read_text()
    assert text.count("jupyterhub.service has failed on ") == 1
    assert "journalctl --unit='jupyterhub-pam@*.service'" in text
    os.utime(tmp_path / "jupyterhub.service.command", (0, 0))
    fail("jupyterhub.service")
    assert heard.read_text().count("jupyterhub.service has failed on ") == 2
