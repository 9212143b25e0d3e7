#!/usr/bin/env bash
# Runs a temporary PostgreSQL server.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/postgres.sh [--database NAME]... DIRECTORY [SETTING=VALUE]...
       scripts/postgres.sh --standby-of URL DIRECTORY [SETTING=VALUE]...

Runs a PostgreSQL server in the foreground, on 127.0.0.1 and without a password. Its data are in
DIRECTORY/data. A new DIRECTORY gets these databases; the next run continues with the same data. The
superuser is "postgres". With --standby-of, a new DIRECTORY gets a copy of the data of the server
with this URL, and follows it until it is promoted.

  scripts/postgres.sh --database invoices build/postgres port=5433 fsync=off

SIGINT stops the server and ends its connections; SIGTERM waits until all clients have disconnected;
SIGQUIT stops it without a checkpoint. It also stops that way when the caller dies (Linux only).

PostgreSQL does not run as root. For root, it runs as the user postgres, or nobody, who then owns
DIRECTORY.
END
}

fail() {
  echo "postgres.sh: $*" >&2
  exit 1
}

# For the time until the server runs. Otherwise, bash would ignore SIGINT and SIGQUIT.
trap 'exit 130' INT
trap 'exit 131' QUIT
trap 'exit 143' TERM

databases=()
primary=
while [[ ${1:-} == -* ]]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --database) [[ $# -ge 2 ]] || { usage >&2; exit 2; }; databases+=("$2"); shift 2 ;;
    --standby-of) [[ $# -ge 2 ]] || { usage >&2; exit 2; }; primary=$2; shift 2 ;;
    *) usage >&2; exit 2 ;;
  esac
done
[[ $# -ge 1 ]] || { usage >&2; exit 2; }
mkdir -p "$1"
directory=$(cd "$1" && pwd)
shift
settings=()
for setting in "$@"; do
  settings+=(-c "$setting")
done

# Debian's place first, the newest version last. Debian's PATH has only its own wrappers.
programs=$(find /usr/lib/postgresql/*/bin -name initdb 2>/dev/null | sort -V | tail -n 1)
programs=${programs:-$(command -v initdb)} || fail "there is no PostgreSQL server: install it"
programs=$(dirname "$programs")

as_server=()
if [[ $(id -u) -eq 0 ]]; then
  user=postgres
  id -u "$user" >/dev/null 2>&1 || user=nobody
  as_server=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups)
  chown "$user" "$directory"
  "${as_server[@]}" test -x "$directory/." || 
    fail "PostgreSQL does not run as root, and the user $user has no access to $directory"
fi
# The server's working directory, where every user may be.
cd /

run() { ${as_server[@]+"${as_server[@]}"} "$@"; }

# Complete when it gets its name. Nothing is synced: the server is only for development.
if [[ ! -d $directory/data ]]; then
  rm -rf "$directory/data.new"
  if [[ -n $primary ]]; then
    run "$programs/pg_basebackup" --dbname "$primary" --pgdata "$directory/data.new" \
      --write-recovery-conf --checkpoint fast --no-sync
  else
    run "$programs/initdb" --pgdata "$directory/data.new" --username postgres --auth trust \
      --encoding UTF8 --no-locale --data-checksums --no-sync --no-instructions >/dev/null
  fi
  if [[ ${#databases[@]} -gt 0 ]]; then
    printf 'CREATE DATABASE %s\n' "${databases[@]}" |
      run "$programs/postgres" --single -F -D "$directory/data.new" template1 >/dev/null
  fi
  run mv "$directory/data.new" "$directory/data"
fi

# A change of user clears the signal, so both are one step.
if command -v setpriv >/dev/null; then
  if [[ ${#as_server[@]} -eq 0 ]]; then as_server=(setpriv); fi
  as_server+=(--pdeathsig QUIT)
fi
exec ${as_server[@]+"${as_server[@]}"} "$programs/postgres" -D "$directory/data" \
  -c listen_addresses=127.0.0.1 -c unix_socket_directories= ${settings[@]+"${settings[@]}"}
