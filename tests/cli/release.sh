# jobs/make-release: what it refuses; a tarball whose bytes repeat, that runs where only libc is under 2 GB of virtual memory, and
# elsewhere by itself; the tag is pushed. The build is not made here: cmake is a script that hands over a build.
# timeout: 240
. "$SOURCE/tests/check.sh"
if [ "$(id -u)" != 0 ] && ! unshare -r true 2>/dev/null; then fail "the bare chroot needs root or user namespaces"; fi
if nm -D "$BUILD/tests/gm2_v7_03_00" | grep -q asan; then echo "sanitizers need more than 2 GB of virtual memory: not tested"; exit 0; fi
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_CONFIG_GLOBAL=/dev/null
unset GIT_DIR GIT_WORK_TREE
git init -q --bare -b main remote.git && git init -q -b main work && git -C work remote add origin "$PWD/remote.git" || fail git
mkdir work/jobs && cp -r "$SOURCE"/jobs/{fcl,release,make-release,package-release} work/jobs/ && cp -r "$SOURCE/slurm" work/ && git -C work add -A && git -C work commit -qm x
# the compiler's part
mkdir tool && cat >tool/cmake <<CMAKE
#!/bin/bash
[ "\$1" = --build ] && exit 0
while [ "\$1" != -B ]; do shift; done
mkdir -p "\$2" && cp "$BUILD/tests/gm2_v7_03_00" "\$2/gm2"
CMAKE
chmod +x tool/cmake
refused() { # WORDS WHAT ARGUMENTS...
  local words=$1 what=$2; shift 2
  (cd work && PATH=$OLDPWD/tool:$PWD/../tool:$PATH jobs/make-release "$@" --out ../out) >log 2>&1 && fail "$what: not refused"
  grep -q "$words" log || { cat log; fail "words of $what: $words"; }
  [ -z "$(ls out 2>/dev/null)" ] || fail "$what: something was made"
}
refused "no name of a release" "a name" v7_3_0
refused "wants a reason" "an emergency without a reason" v7_03_00 --emergency ""
refused "on no branch of origin" "nothing is pushed" v7_03_00
git -C work checkout -q -b fix && git -C work push -q origin fix
echo "// x" >>work/jobs/fcl/mdc1.fcl
refused "not clean" "a changed tree" v7_03_00
git -C work checkout -q jobs/fcl/mdc1.fcl && echo x >work/jobs/new.c
refused "not clean" "a source that git does not know" v7_03_00
rm work/jobs/new.c
refused "not on origin/main" "a branch beside" v7_03_00
git -C remote.git branch -q -D fix # gone from the remote, though this clone remembers it
refused "on no branch of origin" "a branch that was taken back" v7_03_00 --emergency "x"
git -C work push -q origin fix
# another commit than that of the build is noticed; the commit of the program that stands in for it is not one of this repository
refused "the build says" "a program of another commit" v7_03_00 --emergency "the kicker's table was wrong"

# the package itself, twice
"$BUILD/tests/gm2_v7_03_00" --version | grep -q "^gm2 v7_03_00 (.*) released$" || fail "the stand-in"
GM2_KEEP_UNIT=$PWD/unit work/jobs/package-release "$BUILD/tests/gm2_v7_03_00" work one.tar.gz "a reason" >log 2>&1 || { cat log; fail "package"; }
GM2_KEEP_UNIT= work/jobs/package-release "$BUILD/tests/gm2_v7_03_00" work two.tar.gz "a reason" >log 2>&1 || { cat log; fail "package again"; }
cmp one.tar.gz two.tar.gz || fail "the bytes do not repeat"
work/jobs/package-release "$BUILD/tests/gm2_v7_03_00" work one.tar.gz >log 2>&1 && fail "made over a release"
work/jobs/package-release "$GM2" work three.tar.gz >log 2>&1 && fail "a build that is no release, or has no RPATH"
/usr/bin/python3 - <<'PY' || fail "the unit that ran in the chroot"
import h5py, json, zlib
name = "unit/unit_r000001_s00000.h5"
m, data = json.load(open(name + ".json")), open(name, "rb").read()
assert m["application"]["version"] == "v7_03_00" and m["checksum"] == ["adler32:%08x" % zlib.adler32(data)], m
f = h5py.File(name)
assert f.attrs["release"] == b"v7_03_00" and f.attrs["is_complete"] == 1 and m["gm2.git_commit"].encode() == f.attrs["git_commit"]
PY
mkdir "there" && tar -C there -xzf one.tar.gz && mv there/gm2_v7_03_00 "there/another name" || fail unpack
R="$PWD/there/another name"
grep -q "^emergency release: a reason" "$R/RELEASE" && grep -q "^commit: [0-9a-f]\{40\}$" "$R/RELEASE" && grep -q "libhdf5" "$R/RELEASE" || { cat "$R/RELEASE"; fail RELEASE; }
(cd "$R" && sha1sum --quiet -c MANIFEST.sha1) || fail "the list of digests"
ls "$R/slurm" "$R/licences" "$R/jobs/fcl/mdc1.fcl" "$R/LICENSE" >/dev/null 2>&1 || [ -e "$R/jobs/fcl/mdc1.fcl" ] || fail "what is in it"
same "$("$R/bin/gm2" --version)" "$("$BUILD/tests/gm2_v7_03_00" --version)" "moved to another place"
LD_DEBUG=libs LD_DEBUG_OUTPUT=$PWD/loader "$R/bin/gm2" --version >/dev/null
grep -h "calling init" loader.* | grep -v "another name" | grep -vE "/lib(c|m|resolv|pthread|dl|rt|mvec)\.so|ld-linux" && fail "libraries of the host"
(. "$R/setup.sh" && gm2 fcl id mdc1.fcl >id && [ "$(command -v gm2)" = "$R/bin/gm2" ]) || fail "setup.sh"

# its own configurations are released with it: no git is asked about them, unless they were changed
git -C work checkout -q main && git -C work push -q origin main
"$GM2" files init prod.db || fail init
printf 'campaign: { name: r output: "%s/prod" gm2: "%s/bin/gm2" rules: production configs: "%s/jobs/fcl" }\nstages: { g: { config: "mdc1.fcl" fills: 1 } }\n' "$PWD" "$R" "$R" >work/c.fcl
git -C work add -A && git -C work commit -qm c && git -C work push -q origin main
unset FHICL_FILE_PATH
"$GM2" campaign start prod.db work/c.fcl >log 2>&1 || { cat log; fail "configurations of the release"; }
echo "# mine" >>"$R/jobs/fcl/standard_modules.fcl"
"$GM2" campaign step prod.db r >log 2>&1; same $? 91 "a changed configuration in a release"
grep -q "standard_modules.fcl is in no git repository" log || { cat log; fail "words of a changed release"; }
exit 0
