"""The attacks of test_isolation.py, one a row: what is tried, by whom, and who may do just that.

The victim is grace, a member at work. Each row's words are shell text that ends with 0 where the attack has worked;
what they call $NAME is in the facts of the test. docs/reference/attacks.md is made of this table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MEMBER, STRANGER, ACCOUNT, HUB = "member", "stranger", "account", "hub"
"""Attackers: another member in a notebook; somebody with an account here who is no member, in a shell; whoever has the
hub's account, outside of its sandbox; and the hub's own process, in the sandbox."""
USERS, HUBS = (MEMBER, STRANGER), (ACCOUNT, HUB)
EVERYBODY = (*USERS, *HUBS)
ROOT, VICTIM = "root", "victim"
"""Who may do some of this besides those: the victim does it in a notebook of hers."""
SUDO, SYSTEMD = "sudo", "systemd"
KINDS = (SUDO, SYSTEMD)
"""`spawner.kind`: the servers of victim and member, and all that is tried, are of the one, and then of the other."""

MEDIATOR = "/opt/jupyter/.venv/bin/sudospawner-mediator"
_SECRETS = "/etc/jupyterhub/secrets"
_HUB_API = "http://127.0.0.1:281/hub/api"
_WITH_TOKEN = 'curl --silent --show-error --fail --output /dev/null --header "Authorization: token $TOKEN"'


@dataclass(frozen=True)
class Attack:
    """One thing that is tried.

    by: who tries it. allowed: who may: the same words work there, and so they are right.
    counterpart: what that one does in their place, where nobody at all may do what is tried.
    kinds: where it makes sense.
    in_tmp: whether it is about something below /tmp, where servers with one of their own see nothing of others'.
    """

    what: str
    words: str
    allowed: str
    by: Sequence[str] = EVERYBODY
    counterpart: str = ""
    kinds: Sequence[str] = KINDS
    in_tmp: bool = False


def _changing(file: str) -> str:
    """Opens a file to write to it, and writes nothing."""
    return f": >> {file}"


def _putting_into(directory: str) -> str:
    """Makes a file in a directory, and takes it away."""
    return f'cd {directory} && made=$(mktemp ./XXXXXX) && rm "$made"'


def _asking(user: str) -> str:
    """Asks the root helper of either kind after a server of somebody's, in words that both understand."""
    return f'"$TOOL" ask-after "$HELPER" {user}'


_NOBODY_ELSES = _asking("grace")
_MAY_SUDO = f"sudo -n -u grace {MEDIATOR} --help"

SECTIONS: Mapping[str, tuple[str, Sequence[Attack]]] = {
    "Somebody's files": (
        "Homes have mode 0700, temporary files 0600; with `systemd` each server has a `/tmp` of its own. The hub's "
        "sandbox has no homes in it.",
        (
            Attack("read a file in her home", "cat /home/grace/notes", VICTIM),
            Attack("list her home", "ls /home/grace", VICTIM),
            Attack("put a file into her home", _putting_into("/home/grace"), VICTIM),
            Attack("read it through her server's process", 'cat "/proc/$PID/root/home/grace/notes"', VICTIM),
            Attack(
                "read the key of a kernel of hers", "cat /home/grace/.local/share/jupyter/runtime/kernel-*.json", VICTIM
            ),
            Attack("read a temporary file of hers", 'cat "$TEMPORARY"', ROOT, in_tmp=True),
            Attack(
                "read what she has left in `/tmp` open to everybody",
                'cat "$PLAIN"',
                ROOT,
                kinds=(SYSTEMD,),
                in_tmp=True,
            ),
        ),
    ),
    "Secrets, and the hub's state": (
        "They are root's files in directories of root's; systemd hands each service its own. The hub's database is in "
        "a directory of its account's.",
        (
            Attack("read tokens", f"cat {_SECRETS}/proxy_auth_token {_SECRETS}/culler_token", ROOT),
            Attack("read the key of the site's authority", f"cat {_SECRETS}/ca.key", ROOT),
            Attack(
                "read what the hub was handed", "cat /run/credentials/jupyterhub.service/cookie_secret", ROOT, USERS
            ),
            Attack(
                "read what the proxy was handed", "cat /run/credentials/jupyterhub-proxy.service/proxy_auth_token", ROOT
            ),
            Attack("read the hub's database", "head -c 16 /var/lib/jupyterhub/jupyterhub.sqlite", ACCOUNT, USERS),
            Attack("change the hub's database", _changing("/var/lib/jupyterhub/jupyterhub.sqlite"), ACCOUNT, USERS),
            Attack("read hashes of passwords", "cat /etc/shadow", ROOT),
            Attack("read the installer's records", "ls /var/lib/jupyterhub-installer/generations", ROOT),
            Attack("forget wrong guesses at passwords", _putting_into("/run/jupyterhub-faillock"), ROOT),
        ),
    ),
    "What root, the hub and people's servers run": (
        "All of it is root's, and nobody else may write there.",
        (
            Attack("add to the hub's settings", _putting_into("/etc/jupyterhub/conf.d"), ROOT),
            Attack("change the config", _changing("/etc/jupyterhub/installer.yaml"), ROOT),
            Attack("change what limits are gone by", _changing("/etc/jupyterhub/limits.json"), ROOT),
            Attack(
                "add a module to the server environment",
                _putting_into("/opt/jupyter/.venv/lib/python3*/site-packages"),
                ROOT,
            ),
            Attack("change the program that starts servers", _changing(MEDIATOR), ROOT),
            Attack("change a helper of root's", _changing("/opt/jupyter/libexec/jupyterhub-pam"), ROOT),
            Attack(
                "put another environment in place", "ln -s /tmp /opt/jupyter/link-$$ && rm /opt/jupyter/link-$$", ROOT
            ),
            Attack("add a kernel for everybody", _putting_into("/opt/jupyter/share/jupyter/kernels"), ROOT),
            Attack("add to the settings of all servers", _putting_into("/opt/jupyter/etc/jupyter"), ROOT),
            Attack("change the web server's configuration", _changing("/etc/nginx/conf.d/jupyterhub.conf"), ROOT),
            Attack("add a rule of sudo's", _putting_into("/etc/sudoers.d"), ROOT),
            Attack("add a unit", _putting_into("/etc/systemd/system"), ROOT),
            Attack("add a unit until the next boot", _putting_into("/run/systemd/system"), ROOT),
            Attack("change how passwords are checked", _changing("/etc/pam.d/jupyterhub"), ROOT),
            Attack("change accounts", _changing("/etc/passwd"), ROOT),
            Attack("have something run when others log in", _putting_into("/etc/profile.d"), ROOT),
            Attack("make a pass into a closed site", _putting_into("/var/lib/jupyterhub-web/passes"), ROOT),
            Attack("put a socket in a helper's place", _putting_into("/run"), ROOT),
            Attack("put a socket in the proxy's place", _putting_into("/run/jupyterhub-proxy"), ROOT),
        ),
    ),
    "Processes": (
        "The kernel lets nobody but the owner and root look into a process or signal it; control groups are root's.",
        (
            Attack(
                "read the token in her server's environment",
                'tr "\\0" "\\n" < "/proc/$PID/environ" | grep --quiet JUPYTERHUB_API_TOKEN',
                VICTIM,
            ),
            Attack("read her server's memory", '"$TOOL" memory "$PID"', ROOT),
            Attack("attach to her server as a debugger", '"$TOOL" attach "$PID"', ROOT),
            Attack("take an open file out of her server", '"$TOOL" take "$PID"', ROOT),
            Attack("see which files her server has open", 'ls -l "/proc/$PID/fd"', VICTIM),
            Attack("signal her server", 'kill -CONT "$PID"', VICTIM),
            Attack("signal the hub", 'kill -CONT "$HUB_PID"', ACCOUNT, USERS),
            Attack("signal the proxy", 'kill -CONT "$PROXY_PID"', ROOT),
            Attack("change limits of her server's process", 'prlimit --core=0:0 --pid "$PID"', VICTIM),
            Attack("change her server's priority", 'renice -n 0 -p "$PID"', VICTIM),
            Attack("have her server be the first to be killed", 'echo 300 > "/proc/$PID/oom_score_adj"', VICTIM),
            Attack("leave one's own slice", "echo $$ > /sys/fs/cgroup/init.scope/cgroup.procs", ROOT),
            Attack(
                "lift the limits of all servers",
                "echo max > /sys/fs/cgroup/jupyterusers.slice/cgroup.max.descendants",
                ROOT,
            ),
            Attack(
                "stop the clock of all that is hers",
                'echo 0 > "/sys/fs/cgroup/jupyterusers.slice/jupyterusers-$VICTIM_UID.slice/cgroup.freeze"',
                ROOT,
            ),
            Attack("enter her server's namespaces", 'nsenter --target "$PID" --mount true', ROOT),
            Attack("see that her server is there", 'ls -d "/proc/$PID"', ROOT, (HUB,), kinds=(SYSTEMD,)),
        ),
    ),
    "What processes have in common": (
        "Kernels listen on sockets in a directory of their person's; shared memory, queues and terminals are made for "
        "their owner alone.",
        (
            Attack("connect to a kernel of hers", '"$TOOL" connect "$KERNEL"', ROOT, in_tmp=True),
            Attack("read a block of her shared memory", "cat /dev/shm/grace-block", VICTIM),
            Attack("attach a System V segment of hers", '"$TOOL" segment "$SEGMENT"', VICTIM),
            Attack("open a message queue of hers", '"$TOOL" queue /grace-queue', VICTIM),
            Attack("write into a terminal of hers", ': > "$TERMINAL"', VICTIM),
        ),
    ),
    "Becoming somebody else": (
        "sudo has one rule, for one program, as members; with `systemd` none. The hub's own process can become nobody "
        "at all.",
        (
            Attack("become her", '"$TOOL" become "$VICTIM_UID"', ROOT),
            Attack("be her by `su`", "su grace --command true", ROOT, counterpart="su eve --command true"),
            Attack("be root by `sudo`", "sudo -n true", ROOT),
            Attack("be her by `sudo`", "sudo -n -u grace true", ROOT),
            Attack("start the mediator as her", _MAY_SUDO, ACCOUNT, (*USERS, HUB), kinds=(SUDO,)),
            Attack("start the mediator as her", _MAY_SUDO, ROOT, kinds=(SYSTEMD,)),
            Attack("start the mediator as root", f"sudo -n {MEDIATOR} --help", ROOT),
            Attack("start it as root under another name", f"sudo -n -u toor {MEDIATOR} --help", ROOT),
            Attack("start it as who is no member", f"sudo -n -u eve {MEDIATOR} --help", ROOT, (MEMBER, *HUBS)),
            Attack("start it in another group", f"sudo -n -u grace -g root {MEDIATOR} --help", ROOT),
            Attack(
                "start it with a library of one's own",
                f"sudo -n -u grace LD_PRELOAD=/tmp/x.so {MEDIATOR} --help",
                ACCOUNT,
                counterpart=_MAY_SUDO,
                kinds=(SUDO,),
            ),
            Attack(
                "start another program as her",
                "sudo -n -u grace /opt/jupyter/.venv/bin/python --version",
                ACCOUNT,
                counterpart=_MAY_SUDO,
                kinds=(SUDO,),
            ),
        ),
    ),
    "The helpers of root's": (
        "Each socket has the one owner who may connect, and each helper asks the kernel who did; it serves members "
        "alone, and whose server it is, it looks up itself.",
        (
            Attack("ask the helper that starts servers", '"$TOOL" connect "$HELPER"', ACCOUNT, USERS),
            Attack("ask the helper that checks passwords", '"$TOOL" connect /run/jupyterhub-pam.sock', ACCOUNT, USERS),
            Attack(
                "ask the helper that changes passwords", '"$TOOL" connect /run/jupyterhub-password.sock', ACCOUNT, USERS
            ),
            Attack(
                "have a process moved into a scope",
                '"$TOOL" connect /run/jupyterhub-adopt.sock',
                MEMBER,
                (STRANGER, *HUBS),
                kinds=(SUDO,),
            ),
            *(
                Attack(f"have a server started {whose}", _asking(user), ACCOUNT, HUBS, counterpart=_NOBODY_ELSES)
                for whose, user in {
                    "as root": "root",
                    "as root under another name": "toor",
                    "as who is no member": "eve",
                    "as the hub's own account": "jupyter",
                    "as the account that builds kernels": "jupyterhub-kernels",
                    "as a number": "'#0'",
                    "as an option": "'-u root'",
                    "as two people": "grace,root",
                    "as a name with a line break": "$'grace\\nroot'",
                    "as nobody": "''",
                }.items()
            ),
            *(
                Attack(
                    f"learn whether {whose} password is right",
                    f'"$TOOL" password {user} "$PASSWORD"',
                    ACCOUNT,
                    HUBS,
                    counterpart='"$TOOL" password grace "$PASSWORD"',
                )
                for whose, user in {"root's": "root", "a stranger's": "eve"}.items()
            ),
        ),
    ),
    "The network": (
        "Servers and the hub's API want tokens, and each token is for its owner's things; what is between nginx, proxy "
        "and hub are sockets in directories of theirs; ports that others send passwords to are below 1024.",
        (
            Attack(
                "open her server's files by a token of one's own server",
                'curl --silent --show-error --fail --output /dev/null --header "Authorization: token '
                '$JUPYTERHUB_API_TOKEN" "$SERVER/api/contents"',
                VICTIM,
            ),
            Attack("open her server's files by a token of one's own", f'{_WITH_TOKEN} "$SERVER/api/contents"', VICTIM),
            Attack("start a terminal in her server", f'{_WITH_TOKEN} --request POST "$SERVER/api/terminals"', VICTIM),
            Attack("ask the hub about her", f"{_WITH_TOKEN} {_HUB_API}/users/grace", VICTIM, (*USERS, ACCOUNT)),
            Attack(
                "have the hub make a token of hers",
                f"{_WITH_TOKEN} --data '{{}}' {_HUB_API}/users/grace/tokens",
                VICTIM,
                (*USERS, ACCOUNT),
            ),
            Attack("have the hub list everybody", f"{_WITH_TOKEN} {_HUB_API}/users", ROOT, (*USERS, ACCOUNT)),
            Attack("speak to the proxy in nginx's place", '"$TOOL" connect /run/jupyterhub-proxy/http.sock', ROOT),
            Attack("speak to the proxy's API", '"$TOOL" connect /run/jupyterhub-proxy-api/api.sock', ACCOUNT, USERS),
            Attack(
                "ask the proxy's API without its token",
                "curl --silent --show-error --fail --unix-socket /run/jupyterhub-proxy-api/api.sock "
                '--header "Authorization: token $PROXY_TOKEN" http://localhost/api/routes',
                ROOT,
                (ACCOUNT,),
            ),
            Attack("listen where passwords go", '"$TOOL" listen 127.0.0.1 282', ROOT, (*USERS, ACCOUNT)),
            Attack("listen to everybody's packets", '"$TOOL" packets', ROOT),
        ),
    ),
    "The system": (
        "systemd and logind do this for root, or for an administrator who says so.",
        (
            Attack("signal her server by systemd", 'systemctl kill --signal=CONT "$UNIT"', ROOT),
            Attack("start a service", "systemctl start nginx.service", ROOT),
            Attack(
                "set a variable for all services",
                "systemctl set-environment TRIED=1 && systemctl unset-environment TRIED",
                ROOT,
            ),
            Attack("run something as root by systemd", "systemd-run --quiet --wait true", ROOT),
            Attack("run something as her by systemd", "systemd-run --quiet --wait --uid=grace true", ROOT),
            Attack(
                "read her server's log", "journalctl --lines=1 --identifier=jupyter-grace | grep --quiet -v '^--'", ROOT
            ),
            Attack("mount something", "mount -t tmpfs none /mnt && umount /mnt", ROOT),
        ),
    ),
}

ATTACKS = tuple(attack for _, attacks in SECTIONS.values() for attack in attacks)


def tried(kind: str, who: str) -> tuple[Attack, ...]:
    """What somebody tries with a kind of spawner."""
    return tuple(attack for attack in ATTACKS if kind in attack.kinds and who in attack.by)


def allowed(kind: str, who: str) -> tuple[Attack, ...]:
    """What somebody may do, of all that others try with a kind of spawner."""
    return tuple(attack for attack in ATTACKS if kind in attack.kinds and attack.allowed == who)
