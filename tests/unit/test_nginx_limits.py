"""nginx's limits are raised where they stand, and what was there before is put back byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.host import nginx, paths
from installer.host.errors import Problem
from installer.resources import nginx_limits
from installer.resources.nginx_limits import NginxLimits

CASES = {
    "Debian's": "user www-data;\nevents {\n\tworker_connections 768;\n\t# multi_accept on;\n}\nhttp {\n}\n",
    "nginx.org's": "user  nginx;\n\nevents {\n    worker_connections  1024;\n}\n",
    "on one line": "events { worker_connections 64; multi_accept on; }\n",
    "nothing said": "worker_processes 1;\nevents {\n}\n",
    "nothing said, on the first line": "events { } http { }\n",
    "files too few": "worker_rlimit_nofile 1024;\nevents {\n    worker_connections 512; # few\n}",
    "by somebody else": "# f\xfcr alle\r\nevents {\r\n\tworker_connections 64; # wenig\r\n}\r\n",
    "files said behind": "events { }\nworker_rlimit_nofile 100;\n",
}


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NginxLimits:
    """What nginx would say of it, is told by the system tests."""
    monkeypatch.setattr(nginx, "refusal", lambda *_: None)
    monkeypatch.setattr(nginx_limits, "reload", lambda: None)
    monkeypatch.setattr(nginx_limits, "_given_by_systemd", lambda: 1024)
    monkeypatch.setattr(paths, "INSTALLER_RUN", tmp_path / "run")
    return NginxLimits(feature="web", path=tmp_path / "nginx.conf", connections=8192, files=16384)


@pytest.mark.parametrize("text", CASES.values(), ids=CASES.keys())
def test_what_is_raised_is_put_back(limits: NginxLimits, text: str) -> None:
    limits.path.write_bytes(text.encode("latin-1"))
    limits.path.chmod(0o640)
    before = limits.probe()
    assert before is not None
    assert before != limits.wanted()
    limits.realize(before)
    assert limits.probe() == limits.wanted()
    assert limits.path.stat().st_mode & 0o777 == 0o640
    raised = limits.path.read_bytes()
    limits.realize(limits.probe())
    assert limits.path.read_bytes() == raised
    limits.remove()
    assert limits.path.read_bytes() == text.encode("latin-1")


def test_what_is_enough_is_left_alone(limits: NginxLimits, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "worker_rlimit_nofile 65536;\nevents { worker_connections 20000; }\n"
    limits.path.write_text(text)
    assert limits.probe() == limits.wanted()
    limits.remove()
    assert limits.path.read_text() == text
    monkeypatch.setattr(nginx_limits, "_given_by_systemd", lambda: 524288)
    limits.path.write_text("events { worker_connections 20000; }\n")
    assert limits.probe() == limits.wanted(), "systemd gives it enough files"


def test_what_somebody_has_changed_since_is_raised_again_from_there(limits: NginxLimits) -> None:
    limits.path.write_text("events {\n    worker_connections 768;\n}\n")
    limits.realize(limits.probe())
    lowered = limits.path.read_text().replace("worker_connections 8192", "worker_connections 1000")
    limits.path.write_text(lowered)
    assert (limits.probe() or {})["worker_connections"] == 1000
    limits.realize(limits.probe())
    assert limits.path.read_text().count("JupyterHub") == 2
    limits.remove()
    assert limits.path.read_text() == "events {\n    worker_connections 1000;\n}\n"


def test_what_somebody_has_raised_since_stays(limits: NginxLimits) -> None:
    limits.path.write_text("events {\n    worker_connections 768;\n}\n")
    limits.realize(limits.probe())
    limits.path.write_text(limits.path.read_text().replace("8192", "30000"))
    assert limits.probe() == limits.wanted()
    limits.remove()
    assert "worker_connections 30000;" in limits.path.read_text()


def test_a_file_that_is_included_is_changed_there(limits: NginxLimits) -> None:
    (limits.path.parent / "events.conf").write_text("worker_connections 100;\n")
    limits.path.write_text("events {\n    include events.conf;\n}\n")
    limits.realize(limits.probe())
    assert limits.probe() == limits.wanted()
    assert limits.path.read_text().count("worker_connections") == 0
    limits.remove()
    assert (limits.path.parent / "events.conf").read_text() == "worker_connections 100;\n"


def test_what_nginx_refuses_is_not_put_in_place(limits: NginxLimits, monkeypatch: pytest.MonkeyPatch) -> None:
    limits.path.write_text("events { }\n")
    nonsense = nginx.Refusal("/etc/nginx/x:1", "nonsense")
    for without_us, said in ((nonsense, "nginx refuses /etc/nginx/x:1, which isn't ours"), (None, "left as it is")):
        monkeypatch.setattr(nginx, "refusal", lambda *given, rest=without_us: nonsense if given else rest)
        with pytest.raises(Problem, match=said):
            limits.realize(limits.probe())
    assert limits.path.read_text() == "events { }\n"


def test_without_nginx_there_is_nothing(limits: NginxLimits) -> None:
    assert limits.probe() is None
    limits.remove()


def test_what_is_no_configuration_is_told_of_when_it_matters(limits: NginxLimits) -> None:
    limits.path.write_text("user www-data\n")
    limits.remove()
    with pytest.raises(Problem, match="no events block"):
        limits.realize(limits.probe())
