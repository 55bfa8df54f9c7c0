"""What stays as somebody has changed it by hand, from the command line and the config to keys of resources."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.commands.keeping import kept_keys, with_kept
from installer.config.load import Loaded, load_text
from installer.config.values import KEEPABLE
from installer.engine.store import Generation, Store, stored
from installer.features.layout import everything_there_can_be
from installer.host import paths
from installer.host.errors import ConfigProblem
from installer.resources.file import File
from installer.resources.kinds import KINDS

SITE = str(paths.NGINX_SITE)


def loaded(text: str) -> Loaded:
    return Loaded(load_text(paths.CONFIG_FILE, text), text)


def test_every_file_that_can_be_kept_is_one_of_ours_and_names_no_environment() -> None:
    """Kept through an upgrade, a file must not go on naming what the upgrade replaces, and later takes away."""
    ours = {resource.name: resource for resource in everything_there_can_be()}
    for path in KEEPABLE:
        resource = ours[path]
        assert isinstance(resource, File)
        assert str(paths.SERVER_REVISIONS) not in resource.text
        assert str(paths.LIBEXEC) not in resource.text or path.endswith(paths.NOTIFY_UNIT)


def test_what_the_last_apply_has_made_is_kept_and_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path, KINDS)
    store.prepare()
    config = load_text(paths.CONFIG_FILE, f"keep: [{SITE}, {paths.PAM_SERVICE}]\n")
    resources = [resource for resource in everything_there_can_be() if resource.kind in {"site", "file"}]
    assert kept_keys(config, resources, store) == frozenset(), "on a fresh machine all is made"
    made = tuple(stored(resource) for resource in resources if resource.kind == "site")
    store.add(Generation(number=1, at="", by="", summary="", config="", remembered={}, resources=made))
    assert kept_keys(config, resources, store) == {f"site:{SITE}"}
    assert kept_keys(load_text(paths.CONFIG_FILE, ""), resources, store) == frozenset()


def test_more_files_on_the_command_line() -> None:
    found = loaded(f"kernels: []  # none\nkeep: [{SITE}]\n")
    assert with_kept(found, [SITE]) == found
    more = with_kept(found, [str(paths.PAM_SERVICE)])
    assert more.text == f"kernels: []  # none\nkeep: [{SITE}, {paths.PAM_SERVICE}]\n"
    assert more.config.keep == (SITE, str(paths.PAM_SERVICE))


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (str(paths.SUDOERS), "not a file that can be kept"),
        ("pam.d/jupyterhub", "not a file that can be kept; did you mean /etc/pam.d/jupyterhub?"),
        (str(paths.HUB_CONFIG), f"not to be kept (settings of yours go into {paths.CONF_D}/)"),
        ("", "empty text"),
    ],
)
def test_a_file_that_can_not_be_kept(said: str, complaint: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        with_kept(loaded(""), [SITE, said])
    assert caught.value.what == f"--keep {said}: {complaint}"
    assert SITE in caught.value.hint
