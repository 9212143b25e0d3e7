#!/usr/bin/env bash
# The kubectl of fake_cluster.py: passes its arguments, and with "-f -" its standard input, to the
# process of the cluster.
set -euo pipefail
export LC_ALL=C # lengths in bytes

input=
if [[ " $* " == *" -f - "* ]]; then input=$(cat); fi

read -r port <"$FAKE_CLUSTER/port" || [[ -n $port ]]
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf '%s\n' $# "$@" ${#input} >&3
printf '%s' "$input" >&3
# Until it is killed, which closes the connection.
if [[ " $* " == *" port-forward "* ]]; then exec cat <&3; fi
{
  read -r status
  read -r error
  cat
} <&3
[[ -z $error ]] || echo "$error" >&2
exit "$status"
