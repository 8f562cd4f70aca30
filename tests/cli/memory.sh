# Memory does not grow with the number of subruns: 60 take what 20 take, within 4 MB (two shards reach the plateau).
# timeout: 120
. "$SOURCE/tests/job.sh"
if nm -D "$GM2" | grep -q __asan_init; then echo "an address-sanitised build keeps freed memory: not measured"; exit 0; fi
small_fcl 60 1 10
peak() {
  rm -rf out
  "$GM2" -c small.fcl -n "$1" -o out/x.h5 --memcheck >log 2>&1 || { cat log; fail "$1 fills"; }
  sed -n 's/^MemReport .* = \([0-9]*\)\.[0-9]*, all = .*/\1/p' log
}
few=$(peak 20)
many=$(peak 60)
echo "peak of 20 subruns $few MB, of 60 subruns $many MB"
[ -n "$few" ] && [ -n "$many" ] || fail "no MemReport"
[ "$many" -le $((few + 4)) ] || fail "memory grows"
exit 0
