#!/usr/bin/env bash
# Creates a role and its database for each secret NAME-url, "postgresql://ROLE:PASSWORD@HOST/DATABASE",
# without percent-encoding, a port or parameters. A new PostgreSQL runs it once: on Kubernetes, and with
# docker-compose.yml.
set -euo pipefail

for file in /run/secrets/*-url; do
  IFS=:/@ read -r _ _ _ role password _ database <"$file" ||
    [[ -n $database ]] # no end of the line
  [[ $role:$password:$database =~ ^[a-z0-9_]+:[A-Za-z0-9._~-]+:[a-z0-9_]+$ ]] || {
    echo "databases.sh: $file is not postgresql://ROLE:PASSWORD@HOST/DATABASE" >&2
    exit 1
  }
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname postgres --set "role=$role" \
    --set "password=$password" --set "database=$database" <<'END'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"role";
REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
END
done
