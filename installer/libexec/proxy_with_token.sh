#!/bin/sh
# configurable-http-proxy takes its token from the environment alone, and systemd's Environment= is readable by everybody
# (systemctl show). So: out of the unit's credential, into this one process.
set -eu
CONFIGPROXY_AUTH_TOKEN=$(cat "$CREDENTIALS_DIRECTORY/proxy_auth_token")
export CONFIGPROXY_AUTH_TOKEN
exec "$@"
