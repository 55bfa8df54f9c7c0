"""Where everything is on the host: the one table of paths, account names and unit names.

The layout is documented for operators in docs/reference/layout.md; every path in a template or in code comes from here.
"""

from __future__ import annotations

from pathlib import Path

# --- accounts and groups -------------------------------------------------------------------------
HUB_USER = "jupyter"
PROXY_USER = "jupyterhub-proxy"
CULLER_USER = "jupyterhub-culler"
BUILD_USER = "jupyterhub-build"
KERNELS_USER = "jupyterhub-kernels"
"""Owns the kernels' environments and runs what builds them: packages' own code, never as root."""
ACME_USER = "jupyterhub-acme"
"""Asks a public CA for certificates, where the config asks for that."""
NOTIFY_USER = "jupyterhub-notify"
"""Tells of failed units, where the config asks for that."""
APPS_USER = "jupyterhub-apps"
"""Says who may open an app that wants its visitors logged in to the hub."""
SERVICE_USERS = (HUB_USER, PROXY_USER, CULLER_USER, BUILD_USER, KERNELS_USER, ACME_USER, NOTIFY_USER, APPS_USER)
"""The accounts that are nobody's: no one logs in as one of them."""
MEMBERS_GROUP = "jupyterhub-users"
DISABLED_GROUP = "jupyterhub-disabled"
"""Those who were members, and may not log in for the time being."""
ACCOUNTS_GROUP = "jupyterhub-accounts"
"""The own group of the accounts that are made at first login, and of nobody else: what tells them from others."""
FIRST_ACCOUNT_UID, LAST_ACCOUNT_UID = 50000, 58999
"""Their uids: people's (Debian Policy 9.2.2), where neither useradd nor directory services usually begin.

No more than there are ranges of subordinate ids for (SUB_UID_MIN and _MAX in login.defs).
"""
NGINX_GROUP = "www-data"
OWN_ADMIN = "hubadmin"
"""The hub admin's account that is made where the one who ran sudo can't be it."""
SELFTEST_USER = "jupyterhub-selftest"
"""The throw-away member that a self-test makes and removes."""
FIRST_PERSON_UID = 1000
"""Debian Policy 9.2.2: uids from here on are people's; below are the system's."""

# --- configuration -------------------------------------------------------------------------------
ETC = Path("/etc/jupyterhub")
CONFIG_FILE = ETC / "installer.yaml"
HUB_CONFIG = ETC / "jupyterhub_config.py"
CONF_D = ETC / "conf.d"
SKELETON = ETC / "skel"
"""What new homes get besides what is in /etc/skel; the admin's."""
SECRETS = ETC / "secrets"
TLS = ETC / "tls"
CA_CERTIFICATE = TLS / "ca.crt"
CA_KEY = SECRETS / "ca.key"
SITE_CERTIFICATE = TLS / "hub.crt"
SITE_KEY = SECRETS / "hub.key"
CERTIFICATE_SOURCE = TLS / "hub.from"
"""Where the site's certificate was taken from, where it isn't by our own authority."""
COOKIE_SECRET = SECRETS / "cookie_secret"
PROXY_AUTH_TOKEN = SECRETS / "proxy_auth_token"
CULLER_TOKEN = SECRETS / "culler_token"
INSTALLER_TOKEN = SECRETS / "installer_token"
PEOPLE_TOKEN = SECRETS / "people_token"
APPS_TOKEN = SECRETS / "apps_token"
APPS_RULES = ETC / "apps.json"
LIMITS = ETC / "limits.json"
"""Who may take how much of the machine: what is set when a server of theirs starts."""
CULLER_RULES = ETC / "culler.json"
"""Whose servers are stopped when."""
AUTH_RULES = ETC / "auth.json"
"""Who gets in, and as whom: what the hub reads, and what `installer user allowed` asks."""
CLIENT_SECRET = SECRETS / "client_secret"
"""Of the login provider's; put there by the admin."""
LDAP_PASSWORD = SECRETS / "ldap_password"
"""By which the hub logs in at the directory, to search; put there by the admin."""
AUTH_STATE_KEY = SECRETS / "auth_state_key"
"""What the hub's database keeps of people's tokens is encrypted with."""
CHANNEL_CREDENTIALS = SECRETS / "channels.json"
KERNEL_RECIPES = ETC / "kernels"
OWN_ADMIN_PASSWORD = SECRETS / "hubadmin_password"
SUDOERS = Path("/etc/sudoers.d/jupyterhub")
NGINX_CONFIG = Path("/etc/nginx/nginx.conf")
NGINX_SITE = Path("/etc/nginx/conf.d/jupyterhub.conf")
NGINX_DEFAULT_SITE = Path("/etc/nginx/sites-enabled/default")
PAM_SERVICE = Path("/etc/pam.d/jupyterhub")
SENDMAIL = Path("/usr/sbin/sendmail")
"""Where every mail system of the distributions takes mail in."""
UNITS = Path("/etc/systemd/system")
TMPFILES = Path("/etc/tmpfiles.d/jupyterhub.conf")

# --- programs and environments -------------------------------------------------------------------
OPT = Path("/opt/jupyter")
VENV = OPT / ".venv"
MEDIATOR = VENV / "bin" / "sudospawner-mediator"
"""What sudo may start, as a member."""
REVISIONS = OPT / "revisions"
SERVER_REVISIONS = REVISIONS / "server"
CERTBOT_REVISIONS = REVISIONS / "certbot"
LIBEXEC = OPT / "libexec"
LIMITS_PROGRAM = LIBEXEC / "jupyterhub-limits"
QUOTAS_PROGRAM = LIBEXEC / "jupyterhub-quotas"
PAGES = OPT / "pages"
"""What nginx shows where there is nobody else to answer."""
BRANDING = OPT / "branding"
"""How the hub shows itself: copies of the admin's files, which the hub and nginx read."""
KERNEL_BUILDER = LIBEXEC / "kernel-builder"
KERNELS = OPT / "kernels"
KERNELS_CACHE = KERNELS / ".cache"
KERNELS_CHECKED = KERNELS / ".checked"
KERNELS_SCRATCH = KERNELS / ".scratch"
"""What builds leave behind goes with it; beside the environments, since /tmp may be small or refuse programs."""
SHARE = OPT / "share" / "jupyter"
KERNELSPECS = SHARE / "kernels"
OTHER_KERNELSPECS = (Path("/usr/local/share/jupyter/kernels"), Path("/usr/share/jupyter/kernels"))
"""Where other packages put kernelspecs, which servers see too."""
JUPYTER_ETC = OPT / "etc" / "jupyter"
USAGE_SETTINGS = JUPYTER_ETC / "jupyter_server_config.py"
LAB_SETTINGS = JUPYTER_ETC / "labconfig" / "page_config.json"
"""What of JupyterLab's own extensions users can't switch off."""
SERVER_SETTINGS = JUPYTER_ETC / "jupyter_server_config.json"

# --- state ---------------------------------------------------------------------------------------
TIMER_STAMPS = Path("/var/lib/systemd/timers")
"""Where systemd notes when a timer with Persistent= has fired (systemd.timer(5))."""
HUB_STATE = Path("/var/lib/jupyterhub")
HUB_DATABASE = HUB_STATE / "jupyterhub.sqlite"
HUB_PEOPLE = HUB_STATE / "people.sqlite"
"""Names and passwords of the hub's own, where it has some (auth.provider: native)."""
WEB_STATE = Path("/var/lib/jupyterhub-web")
"""What nginx looks for, to know whether the site is closed."""
MAINTENANCE_PAGE = WEB_STATE / "maintenance.html"
PASSES = WEB_STATE / "passes"
INSTALLER_STATE = Path("/var/lib/jupyterhub-installer")
COMPLETE = ".complete"
"""The name of the file that is written last into the installer's own environment: without it that is half of one."""
CACHE = Path("/var/cache/jupyterhub-installer")
ACME = Path("/var/lib/jupyterhub-acme")
"""What certbot keeps: root's, with directories in it that are ACME_USER's."""
ACME_CONFIG = ACME / "config"
ACME_ACCOUNTS = ACME_CONFIG / "accounts"
ACME_WORK = ACME / "work"
ACME_LOGS = ACME / "logs"
ACME_WEBROOT = ACME / "webroot"
ACME_CHALLENGES = ACME_WEBROOT / ".well-known" / "acme-challenge"
BACKUPS = Path("/var/backups/jupyterhub")
QUOTAS_GIVEN = INSTALLER_STATE / "quotas.json"
RETIRED_UIDS = INSTALLER_STATE / "retired-uids"
"""Of people who were removed: what they owned and left must not come to be somebody else's."""
BACKUP_STAGE = INSTALLER_STATE / "backup"
"""The copy of the hub's database while a backup is made."""
DATABASE_STAGE = INSTALLER_STATE / "database"
"""Copies of the hub's database while one is migrated, or returned to."""
RESTORE_STAGE = INSTALLER_STATE / "restore"
"""What is in a backup, until it is in its place."""
RESTORING = INSTALLER_STATE / "restoring"
"""There while what a backup brings is put in its place: until then, the host is neither the one nor the other."""
RESTORED_KERNELS = INSTALLER_STATE / "restored-kernels"
RESTORED_GENERATIONS = INSTALLER_STATE / "restored-generations" / "generations"

# --- sockets and runtime -------------------------------------------------------------------------
PROXY_RUN = Path("/run/jupyterhub-proxy")
PROXY_SOCKET = PROXY_RUN / "http.sock"
PROXY_API_RUN = Path("/run/jupyterhub-proxy-api")
PROXY_API_SOCKET = PROXY_API_RUN / "api.sock"
FAILLOCK = Path("/run/jupyterhub-faillock")
"""How often wrong passwords were given to the password helper, by account: pam_faillock's, root's alone."""
PAM_SOCKET = Path("/run/jupyterhub-pam.sock")
CHANGE_SOCKET = Path("/run/jupyterhub-password.sock")
CHANGE_RUN = Path("/run/jupyterhub-password")
"""Who was wrong about their own password, and when; root's."""
ADOPT_SOCKET = Path("/run/jupyterhub-adopt.sock")
SUDO_SOCKET = Path("/run/jupyterhub-sudo.sock")
START_SOCKET = Path("/run/jupyterhub-start.sock")
ACCOUNT_SOCKET = Path("/run/jupyterhub-account.sock")
APPS_SOCKET = Path("/run/jupyterhub-apps.sock")
NOTIFY_HOME = Path("/run/jupyterhub-notify")
INSTALLER_RUN = Path("/run/jupyterhub-installer")
LOCK = Path("/run/jupyterhub-installer.lock")
HUB_API_PORT = 281
"""TCP port on 127.0.0.1 that users' servers reach the hub's API on.

Below 1024, where only root can give the right to listen: users' servers send their tokens there and believe its
answer to "who is this?". On a free-for-all port, any account could listen in the hub's place while it restarts, and
be anybody. (Registered, unused for decades; below 512, where no program picks ports at random: bindresvport(3).)
"""
WEB_PORT = 282
"""TCP port on 127.0.0.1 on which nginx waits for another proxy, with tls.mode: off. Below 1024, so that no user's
program can take its place, and passwords, while it is away."""
FORWARD_PORT = 284
"""The same where there is no nginx. Another one, so that either can be there before the other goes."""
ERRORS_PORT = 283
"""TCP port on 127.0.0.1 on which nginx answers the proxy, when a server or the hub doesn't: the hub's own page of that,
or ours where there is no hub to make one. Below 1024 for the same reason."""

# --- units ---------------------------------------------------------------------------------------
HUB_UNIT = "jupyterhub.service"
PROXY_UNIT = "jupyterhub-proxy.service"
CULLER_UNIT = "jupyterhub-culler.service"
PAM_SOCKET_UNIT = "jupyterhub-pam.socket"
CHANGE_SOCKET_UNIT = "jupyterhub-password.socket"
ADOPT_SOCKET_UNIT = "jupyterhub-adopt.socket"
SUDO_SOCKET_UNIT = "jupyterhub-sudo.socket"
START_SOCKET_UNIT = "jupyterhub-start.socket"
ACCOUNT_SOCKET_UNIT = "jupyterhub-account.socket"
NOTIFY_UNIT = "jupyterhub-notify-failed@.service"
NGINX_UNIT = "nginx.service"
FORWARD_UNIT = "jupyterhub-web.service"
FORWARD_SOCKET_UNIT = "jupyterhub-web.socket"
APPS_UNIT = "jupyterhub-apps.service"
APPS_SOCKET_UNIT = "jupyterhub-apps.socket"
BACKUP_UNIT = "jupyterhub-backup.service"
BACKUP_TIMER_UNIT = "jupyterhub-backup.timer"
CERTIFICATE_UNIT = "jupyterhub-certificate.service"
CERTIFICATE_TIMER_UNIT = "jupyterhub-certificate.timer"
CERTIFICATE_PATH_UNIT = "jupyterhub-certificate.path"
ACME_UNIT = "jupyterhub-acme.service"
QUOTAS_UNIT = "jupyterhub-quotas.service"
QUOTAS_PATH_UNIT = "jupyterhub-quotas.path"
QUOTAS_TIMER_UNIT = "jupyterhub-quotas.timer"
USERS_SLICE = "jupyterusers.slice"
LIMITS_DROP_IN = UNITS / "jupyterusers-.slice.d" / "10-limits.conf"
"""What systemd reads for the slice of every user. What it is told of one of them it keeps as 50-NAME.conf, and of two
files the one whose name comes later counts."""
