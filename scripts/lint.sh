#!/usr/bin/env bash
# Checks the sources: format, clang-tidy, shellcheck.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/lint.sh BUILD_DIRECTORY   check; BUILD_DIRECTORY has a compile_commands.json
       scripts/lint.sh --fix             only format the C++ sources

Environment: JOBS, number of concurrent clang-tidy processes (default 2)
END
}

cd "$(dirname "$0")/.."

# sources NAME...: prints the files of the repository with one of these names.
sources() {
  local names=() name
  for name in "$@"; do
    names+=(-o -name "$name")
  done
  find . \( -path ./build -o -path ./.git \) -prune -o -type f \( "${names[@]:1}" \) -print | sort
}

case ${1:-} in
  --fix)
    sources '*.h' '*.cpp' | xargs clang-format -i
    exit 0
    ;;
  '' | -*) usage >&2; exit 2 ;;
esac
database=$1
[[ -f $database/compile_commands.json ]] || {
  echo "lint.sh: there is no $database/compile_commands.json: run \"make lint\"" >&2
  exit 2
}

# Unity sources include sources.
readonly checks=--checks=-bugprone-suspicious-include
failed=()

echo "shellcheck"
sources '*.sh' run | xargs shellcheck -x || failed+=(shellcheck)

echo "clang-format"
sources '*.h' '*.cpp' | xargs clang-format --dry-run -Werror ||
  failed+=('clang-format (make fmt)')

# g++ 12 compiles some of them wrongly (GCC bug 106188).
echo "co_await in conditions"
if sources '*.h' '*.cpp' | xargs grep -nE '^[^/]*((if|while) *\([^)]*co_await|\?.*co_await|co_await.*\?)'; then
  failed+=("co_await in a condition: use a variable")
fi

# Prints the options and the name of each file for clang-tidy: what the build compiles, and a source
# with the headers that only tests include. Not tests and fuzz targets: GoogleTest's macros take four
# times as long and give useless findings, and a fuzz target has a few lines. The build compiles the
# sources of a target together (CMake's unity build), so headers are read once for all of them.
tidy_inputs() {
  local file
  sed -n 's/^ *"file": "\(.*\)".*/\1/p' "$database/compile_commands.json" | sort -u |
    while read -r file; do
      file=${file#"$PWD"/}
      case $file in
        *_tests.dir/* | *_testing.dir/* | *_test.cpp | */embedded/* | */replay-*) ;;
        */tests/* | */testing/* | */bench/*) echo "$checks,-clang-analyzer-* $file" ;;
        *) echo "$checks $file" ;;
      esac
    done

  sources '*.h' | grep -E '/(tests|testing)/' | while read -r file; do
    [[ -e ${file%.h}.cpp ]] || echo "#include \"$PWD/$file\""
  done >"$database/test_headers.cpp"
  echo "$checks,-clang-analyzer-* $database/test_headers.cpp"
}

# The database is for g++: clang does not know all of its warnings, and finds more shadowed names.
# clang's analyzer takes most of the time. So it looks at the programs only, and is shallow: it enters
# fewer of the functions that a function calls. For it, the sources that a unity source includes are
# headers.
echo "clang-tidy"
tidy_inputs | xargs -P "${JOBS:-2}" -n 2 clang-tidy -p "$database" --quiet --warnings-as-errors='*' \
  --extra-arg="-I$PWD" --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-shadow \
  --extra-arg=-Wthread-safety \
  --extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=mode=shallow \
  --extra-arg=-Xclang --extra-arg=-analyzer-opt-analyze-headers \
  2> >(grep -Ev '^[0-9]+ warnings? generated' >&2) ||
  failed+=(clang-tidy)

[[ ${#failed[@]} -eq 0 ]] || {
  printf 'lint.sh: failed: %s\n' "${failed[@]}" >&2
  exit 1
}
echo "lint.sh: no findings"
