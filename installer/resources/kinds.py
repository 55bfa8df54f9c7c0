"""Every kind of resource there is, to read stored generations and journals back."""

from __future__ import annotations

from installer.engine.resource import Resource
from installer.resources.account import Account, Group, Membership, Person
from installer.resources.apt import AptPackage
from installer.resources.certificate import CertificateAuthority, SiteCertificate
from installer.resources.directory import Directory
from installer.resources.file import File
from installer.resources.kernel import Kernel
from installer.resources.link import Link
from installer.resources.nginx_site import DisabledSite, NginxSite
from installer.resources.secret import Secret
from installer.resources.server_environment import ServerEnvironment
from installer.resources.unit import Service, UnitFile

_ALL: tuple[type[Resource], ...] = (
    Account, AptPackage, CertificateAuthority, Directory, DisabledSite, File, Group, Kernel, Link, Membership,
    NginxSite, Person, Secret, ServerEnvironment, Service, SiteCertificate, UnitFile,
)  # fmt: skip

KINDS = {cls.kind: cls for cls in _ALL}
