#!/usr/bin/env bash
# Format, layers, prefixes, words that do not belong; clang-tidy when a build folder with compile_commands.json is given.
#   tests/lint.sh [BUILD]
set -u
cd "$(dirname "$0")/.."
bad=0
complain() { printf '%s\n' "$1" >&2; bad=1; }

mapfile -t files < <(git ls-files '*.c' '*.h')
clang-format --dry-run -Werror "${files[@]}" 2>/tmp/lint.$$ || { head -20 /tmp/lint.$$ >&2; complain "clang-format: run clang-format -i"; }
rm -f /tmp/lint.$$

# layers
for pair in 'mpi\.h:comm|file_.*' 'hdf5\.h:file_.*|file' 'sqlite3\.h:db_sqlite' 'libpq-fe\.h:db_pgsql.*'; do
  header=${pair%%:*} allowed=${pair#*:}
  hits=$(git grep -lE "include <$header>" -- src sim reco jobs | grep -vE "^src/($allowed)\.[ch]$") && complain "only $allowed may include $header: $hits"
done
for layer in sim:reco sim:jobs reco:sim reco:jobs jobs:sim jobs:reco; do
  for h in "${layer#*:}"/*.h; do
    [ -e "$h" ] || continue
    hits=$(git grep -lF "#include \"$(basename "$h")\"" -- "${layer%%:*}/*.[ch]") && complain "${layer%%:*} must not see ${layer#*:}: $hits includes $h"
  done
done
hits=$(git grep -nE '\b(system|popen)\(' -- 'src/*.c' 'sim/*.c' 'reco/*.c' 'jobs/*.c') && complain "no shell: $hits"
hits=$(git grep -nE '\bexit\(' -- 'src/*.c' 'sim/*.c' 'reco/*.c' | grep -vE 'src/(comm|watchdog|run)\.c') && complain "no exit below main: $hits"
hits=$(git grep -nE '\b(TODO|FIXME|XXX)\b' -- '*.c' '*.h' '*.md' '*.sh' ':!tests/lint.sh') && complain "unfinished: $hits"
hits=$(git grep -nE 'f[f]ast-math' -- CMakeLists.txt '*.cmake') && complain "the same bits need strict arithmetic: $hits"

# every module's stream is pinned once (a duplicate does not compile), every test listed in a docblock exists
while read -r t; do
  [ -e "$t" ] || complain "a comment names $t, which does not exist"
done < <(git grep -ohE 'tests/[a-z0-9_/]+\.(c|sh|py)' -- 'src/*.[ch]' 'sim/*.[ch]' 'reco/*.[ch]' 'jobs/*.[ch]' | sort -u)

if [ $# -ge 1 ]; then
  mapfile -t sources < <(git ls-files 'src/*.c' 'sim/*.c' 'reco/*.c' 'jobs/*.c' | grep -v '_kernel\.c$')
  printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy -p "$1" --quiet 2>/dev/null >/tmp/tidy.$$ || { grep -E 'error|warning' /tmp/tidy.$$ | head -40 >&2; complain "clang-tidy"; }
  rm -f /tmp/tidy.$$
fi
[ $bad = 0 ] && echo "lint: clean"
exit $bad
