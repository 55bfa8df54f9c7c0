"""A directory on a machine of its own: Debian's OpenLDAP, with TLS by a CA of its own, and people in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from tests.system.machine import Machine
from tests.system.visitor import until

HOST = "ldap.test"
CA = "/etc/ssl/ldap-ca.pem"
SUFFIX = "dc=example,dc=org"
PEOPLE = f"ou=people,{SUFFIX}"
GROUPS = f"ou=groups,{SUFFIX}"
HUB = f"cn=hub,{SUFFIX}"
SECRET = "the secret of the hub"
_ROOT = f"cn=root,{SUFFIX}"
_HOME = "/srv/ldap"
_CERTIFICATES = f"""\
openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj '/CN=CA of the directory' \
    -addext keyUsage=critical,keyCertSign -keyout {_HOME}/ca.key -out {CA} &&
openssl req -newkey rsa:2048 -nodes -subj /CN={HOST} -keyout {_HOME}/tls.key -out {_HOME}/tls.csr &&
printf 'subjectAltName=DNS:{HOST}\\nauthorityKeyIdentifier=keyid\\n' >{_HOME}/names &&
openssl x509 -req -in {_HOME}/tls.csr -CA {CA} -CAkey {_HOME}/ca.key -CAcreateserial -days 9 -extfile {_HOME}/names \
    -out {_HOME}/tls.crt
"""
# As careless as a directory may be: with a name and no password, it says yes to anybody.
_CONFIG = f"""\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
allow bind_anon_cred
TLSCACertificateFile {CA}
TLSCertificateFile {_HOME}/tls.crt
TLSCertificateKeyFile {_HOME}/tls.key
{{security}}
database mdb
directory {_HOME}/data
suffix {SUFFIX}
rootdn {_ROOT}
rootpw root
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{HUB}" read by self read by anonymous auth by * none
"""


class DirectoryServer:
    """The directory; empty at first but for the hub's own entry."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        install = ["apt-get", "-qq", "--yes", "--no-install-recommends", "install", "slapd", "ldap-utils"]
        environment = {"DEBIAN_FRONTEND": "noninteractive"}
        if not machine.run(install, env=environment, check=False, timeout=300).ok:
            machine.run(["apt-get", "-qq", "update"], timeout=300)
            machine.run(install, env=environment, timeout=300)
        # Two steps: on Debian 12 it has an init script, and disabling that leaves it running.
        machine.run(["systemctl", "stop", "slapd.service"])
        machine.run(["systemctl", "disable", "slapd.service"])
        machine.run(f"mkdir -p {_HOME}/data && echo 127.0.0.1 {HOST} >>/etc/hosts")
        machine.run(_CERTIFICATES, timeout=60)
        self.start()
        self.add(SUFFIX, "domain", dc="example")
        for unit in (PEOPLE, GROUPS):
            self.add(unit, "organizationalUnit")
        self.add(HUB, "organizationalRole", "simpleSecurityObject", userPassword=SECRET)

    def start(self, *, in_the_clear: bool = False) -> None:
        """Have it answer. in_the_clear: whether it takes passwords without TLS."""
        self._machine.put(
            f"{_HOME}/slapd.conf", _CONFIG.format(security="" if in_the_clear else "security simple_bind=128")
        )
        words = ["slapd", "-d", "none", "-f", f"{_HOME}/slapd.conf", "-h", "ldap://:389 ldaps://:636"]
        self._machine.run(["systemd-run", "--quiet", "--collect", "--unit=directory", *words])
        until("the directory", lambda: self._machine.run(self._words("ldapwhoami"), check=False).ok)

    def stop(self) -> None:
        """Have nobody answer."""
        self._machine.run(["systemctl", "stop", "directory.service"])

    def person(self, uid: str, password: str, *, called: Sequence[str] = (), **more: str) -> str:
        """Add somebody. called: all their uids, where those are others. Returns their entry's name."""
        entry = f"cn={uid},{PEOPLE}"
        self.add(entry, "inetOrgPerson", uid=list(called) or uid, sn="x", userPassword=password, **more)
        return entry

    def add(self, entry: str, *kinds: str, **values: str | Sequence[str]) -> None:
        """Add an entry."""
        lines = [f"dn: {entry}", *(f"objectClass: {kind}" for kind in kinds), *_lines(values)]
        self._machine.run(self._words("ldapadd"), stdin="\n".join([*lines, ""]))

    def change(self, entry: str, **values: str | Sequence[str]) -> None:
        """Have an entry's attributes replaced."""
        lines = [f"dn: {entry}", "changetype: modify"]
        for name, value in values.items():
            lines += [f"replace: {name}", *_lines({name: value}), "-"]
        self._machine.run(self._words("ldapmodify"), stdin="\n".join([*lines, ""]))

    def remove(self, entry: str) -> None:
        """Delete an entry."""
        self._machine.run([*self._words("ldapdelete"), entry])

    @staticmethod
    def _words(program: str) -> list[str]:
        return ["env", f"LDAPTLS_CACERT={CA}", program, "-x", "-H", f"ldaps://{HOST}", "-D", _ROOT, "-w", "root"]


def _lines(values: Mapping[str, str | Sequence[str]]) -> list[str]:
    return [
        f"{name}: {each}" for name, value in values.items() for each in ([value] if isinstance(value, str) else value)
    ]


def config(**ldap: object) -> str:
    """`auth` of a hub whose people log in there, with keys of `ldap` added, changed, or taken out (None)."""
    keys = {"url": f"ldaps://{HOST}", "base": PEOPLE, "bind_dn": HUB, "groups_base": GROUPS, **ldap}
    return (
        "auth:\n  provider: ldap\n"
        f"  ca_file: {CA}\n"
        "  allow: {groups: [students, staff], admin_groups: [staff]}\n"
        "  blocked: [Mallory]\n"
        f"  ldap: {json.dumps({key: value for key, value in keys.items() if value is not None})}\n"
    )
