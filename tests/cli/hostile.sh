# Some 80 hostile names (shells, SQL, paths, HTML, terminals, broken UTF-8, very long ones) through declare, ingest, list, lineage, log,
# campaigns and the scripts of sbatch: nothing is executed, nothing is written elsewhere, everything is refused clearly or kept and
# printed so that no terminal obeys it; passwords are refused and never repeated.
# timeout: 300
. "$SOURCE/tests/check.sh"
DB=$("$SOURCE/tests/database" c)
every=1
[ -z "${TEST_IS_SLOW:-}" ] || every=10
mkdir work && cd work && "$SOURCE/tests/hostile_names.py" "$DB" $every || fail "hostile names"
exit 0
