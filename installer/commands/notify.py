"""Whether what the config wants to be run or used when a unit fails can be: looked at before anything is changed."""

from __future__ import annotations

from pathlib import Path

from installer.config.models import Notify
from installer.host import paths
from installer.host.errors import ConfigProblem
from installer.host.trusted import unfit_to_run


def refuse_unfit(settings: Notify) -> None:
    """Raises ConfigProblem where nobody could be told that way."""
    wrong = unfit(settings)
    if wrong is not None:
        raise ConfigProblem(*wrong)


def unfit(settings: Notify) -> tuple[str, str] | None:
    """What is wrong with it, and what to do; None where nothing is, or nobody is to be told."""
    if settings.command is not None:
        wrong = unfit_to_run(Path(settings.command))
        if wrong is not None:
            return (
                f"notify.command in {paths.CONFIG_FILE} can't be run: {wrong}",
                f"sudo chown root:root {settings.command} && sudo chmod 755 {settings.command}",
            )
    if settings.mail is not None and not paths.SENDMAIL.exists():
        return (
            f"notify.mail in {paths.CONFIG_FILE} is set, and this machine has no {paths.SENDMAIL} to send mail with",
            "install a mail system (dma, postfix, exim4 …), say: sudo apt-get install dma",
        )
    return None
