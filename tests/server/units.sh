# Every unit test that uses a database, on a PostgreSQL of our own: the same programs as on SQLite. Those with a fake batch system are in
# faults.sh.
# timeout: 300
# ranks: 2
. "$SOURCE/tests/pgsql.sh"
n=0
for source in $(cd "$SOURCE/tests" && grep -lE 'test_db\.h|GM2_TEST_PGSQL' t_*.c | grep -vxE 't_faults\.c|t_fault_points\.c'); do
  name=${source%.c}
  n=$((n + 1))
  database $name
  GM2_TEST_PGSQL=$URL/$name "$BUILD/tests/$name" >log 2>&1 || { cat log; fail "$name on PostgreSQL"; }
  same "$(answer $name "select count(*) > 0 from pg_stat_user_tables")" t "$name did not use the server"
done
[ $n -ge 6 ] || fail "only $n programs take GM2_TEST_PGSQL"
exit 0
