# The same tests on a PostgreSQL of our own: the layer, the conditions, the command with its four writers, a job.
# timeout: 300
# ranks: 2
set -u
fail() { echo "FAILED: $*"; exit 1; }
lab=$(mktemp -d /tmp/gm2-pgsql.XXXXXX) && chmod 755 "$lab"
trap '"$SOURCE/tests/pgsql-here" down "$lab/s"; rm -rf "$lab"' EXIT
"$SOURCE/tests/pgsql-here" up "$lab/s" || fail "PostgreSQL does not start"
. "$lab/s/env"
for name in unit conditions gm2_conditions_dev gm2_job; do psql -X -q -d postgres -c "create database $name" || fail "create database"; done
GM2_TEST_PGSQL=$URL/unit "$BUILD/tests/t_db" >log 2>&1 || { cat log; fail "t_db on PostgreSQL"; }
GM2_TEST_PGSQL=$URL/conditions "$BUILD/tests/t_cond" >log 2>&1 || { cat log; fail "t_cond on PostgreSQL"; }
COND_DB=$URL/gm2_conditions_dev bash "$SOURCE/tests/cli/cond.sh" || fail "gm2 cond on PostgreSQL"
mkdir job && cd job
COND_DB=$URL/gm2_job bash "$SOURCE/tests/cli/cond_job.sh" || fail "a job on PostgreSQL"
exit 0
