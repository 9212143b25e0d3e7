# shellcheck shell=bash disable=SC2154 # $work
# Runs test.sh and checks its output. Sourced by the tests of test.sh. $work is a directory for
# temporary files.

# tests NAME STATUS [ARGUMENTS...]: runs test.sh and expects this exit status. Its output goes to
# $work/NAME.out. It must remove its temporary files.
tests() {
  local name=$1 expected=$2 status=0
  shift 2
  mkdir "$work/$name.tmp"
  TMPDIR=$work/$name.tmp ./test.sh "$@" >"$work/$name.out" 2>&1 || status=$?
  [[ $status == "$expected" ]] || wrong "$name" "its exit status was $status, not $expected"
  rmdir "$work/$name.tmp" || wrong "$name" "it left files behind"
}

# says NAME PATTERN: a whole line matches the pattern of grep -E.
says() { grep -Eqx -- "$2" "$work/$1.out" || wrong "$1" "it has no line like: $2"; }

# ends NAME PATTERN: the last line matches.
ends() {
  tail -n 1 "$work/$1.out" | grep -Eqx -- "$2" || wrong "$1" "its last line isn't like: $2"
}

wrong() {
  sed 's/^/  | /' "$work/$1.out"
  echo "$(basename "$0"): FAIL: test.sh, $1: $2"
  exit 1
}
