"""Every kind of resource there is, to read stored generations and journals back.

A class is imported when it is asked for: a command that has to do with two of them needn't wait for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from installer.engine.resource import Resource

_CLASSES = {
    "account": "account.Account",
    "ca": "certificate.CertificateAuthority",
    "acme-certificate": "acme_certificate.AcmeCertificate",
    "certbot": "server_environment.CertbotEnvironment",
    "certificate": "certificate.SiteCertificate",
    "own-certificate": "own_certificate.OwnCertificate",
    "database": "hub_database.HubDatabase",
    "directory": "directory.Directory",
    "disk-quotas": "disk_quotas.DiskQuotas",
    "disabled-site": "nginx_site.DisabledSite",
    "drop-in": "drop_in.DropIn",
    "environment": "server_environment.ServerEnvironment",
    "file": "file.File",
    "group": "account.Group",
    "image": "image.Image",
    "kernel": "kernel.Kernel",
    "limits": "live_limits.LiveLimits",
    "link": "link.Link",
    "membership": "account.Membership",
    "nginx-limits": "nginx_limits.NginxLimits",
    "package": "apt.AptPackage",
    "person": "account.Person",
    "secret": "secret.Secret",
    "service": "unit.Service",
    "shared-directory": "shared_directory.SharedDirectory",
    "site": "nginx_site.NginxSite",
    "unit": "unit.UnitFile",
}


class _Kinds(Mapping[str, type[Resource]]):
    def __getitem__(self, kind: str) -> type[Resource]:
        module, _, name = _CLASSES[kind].partition(".")
        found: type[Resource] = getattr(import_module(f"installer.resources.{module}"), name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


KINDS: Mapping[str, type[Resource]] = _Kinds()
