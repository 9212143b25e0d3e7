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

# Prints the sources that the build compiles, without tests: GoogleTest's macros take four times as
# long and give useless findings. Headers are checked with the sources that include them; headers that
# only tests include, on their own.
tidy_inputs() {
  local file
  sources '*.cpp' | grep -v '_test\.cpp$' | while read -r file; do
    if grep -qF "\"$PWD/${file#./}\"" "$database/compile_commands.json"; then echo "$file"; fi
  done
  sources '*.h' | grep -E '/(tests|testing)/' | while read -r file; do
    [[ -e ${file%.h}.cpp ]] || echo "$file"
  done
}

# The database is for g++, and clang does not know all of its warnings. clang's analyzer is shallow,
# because it takes most of the time: it enters fewer of the functions that a function calls.
echo "clang-tidy"
tidy_inputs | xargs -P "${JOBS:-2}" -n 1 clang-tidy -p "$database" --quiet \
  --warnings-as-errors='*' --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wthread-safety \
  --extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=mode=shallow \
  2> >(grep -Ev '^[0-9]+ warnings? generated' >&2) ||
  failed+=(clang-tidy)

[[ ${#failed[@]} -eq 0 ]] || {
  printf 'lint.sh: failed: %s\n' "${failed[@]}" >&2
  exit 1
}
echo "lint.sh: no findings"
