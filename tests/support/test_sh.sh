# shellcheck shell=bash disable=SC2154 # $work
# Runs test.sh and looks at what it says. To be sourced by the tests of test.sh, with $work set to a
# directory for what is temporary.

# tests NAME STATUS [ARGUMENTS...]: runs test.sh and expects this exit status. Its output goes to
# $work/NAME.out, and its temporary files to a directory that has to be empty in the end.
tests() {
  local name=$1 expected=$2 status=0
  shift 2
  mkdir "$work/$name.tmp"
  TMPDIR=$work/$name.tmp ./test.sh "$@" >"$work/$name.out" 2>&1 || status=$?
  [[ $status == "$expected" ]] || wrong "$name" "its exit status was $status, not $expected"
  rmdir "$work/$name.tmp" || wrong "$name" "it left files behind"
}

# says NAME PATTERN: a line that matches the pattern of grep -E as a whole.
says() { grep -Eqx -- "$2" "$work/$1.out" || wrong "$1" "it has no line like: $2"; }

# ends NAME PATTERN: the last line.
ends() {
  tail -n 1 "$work/$1.out" | grep -Eqx -- "$2" || wrong "$1" "its last line isn't like: $2"
}

wrong() {
  sed 's/^/  | /' "$work/$1.out"
  echo "$(basename "$0"): FAIL: test.sh, $1: $2"
  exit 1
}
