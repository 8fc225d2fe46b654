# shellcheck shell=bash
# What scripts/test and scripts/check share: running steps and counting.
# Every function expects the root of the repository as working directory.

passed=0
failed=0
skipped=0
started=$SECONDS

cpu_count() {
	nproc 2>/dev/null || echo 2
}

step() {
	printf '== %s (%d s)\n' "$1" $((SECONDS - started))
}

# Prints the closing line and exits.
finish() {
	[ "$skipped" -gt 0 ] && echo "($skipped skipped)"
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

# Something so basic failed that the rest cannot run.
finish_broken() {
	echo "FAILED: $1"
	failed=$((failed + 1))
	finish
}

# run_check NAME COMMAND...: one pass or failure; output is shown on failure.
run_check() {
	local name=$1 log
	shift
	step "$name"
	log=$(mktemp)
	if "$@" >"$log" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: $name"
		tail -n 100 "$log"
	fi
	rm -f "$log"
}

# start_check NAME COMMAND...: like run_check, beside what comes next; end_check waits for it and
# counts it. One at a time.
start_check() {
	started_name=$1
	started_log=$(mktemp)
	shift
	step "$started_name, in the background"
	nice "$@" >"$started_log" 2>&1 </dev/null &
	started_pid=$!
}

end_check() {
	local before=$failed
	run_check "$started_name" wait "$started_pid"
	[ "$failed" -eq "$before" ] || tail -n 100 "$started_log"
	rm -f "$started_log"
}

# configure DIR MESON_OPTIONS...: a build directory; an older one of other
# options, or of another meson, is made anew.
configure() {
	local dir=$1 stamp
	shift
	stamp="$(meson --version) $PWD $*"
	if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/.configured" 2>/dev/null)" = "$stamp" ]; then
		return 0
	fi
	rm -rf "$dir"
	meson setup "$dir" "$@" || return
	printf '%s\n' "$stamp" >"$dir/.configured"
}

# build DIR MESON_OPTIONS...: silent when it succeeds.
build() {
	local dir=$1 log
	log=$(mktemp)
	if configure "$@" >"$log" 2>&1 && ninja -C "$dir" >"$log" 2>&1; then
		rm -f "$log"
		return 0
	fi
	grep -E -A12 'FAILED|[Ee]rror|ERROR' "$log" | head -n 80
	rm -f "$log"
	return 1
}

# How many programs of tests run at a time: most of them wait for a server, a clock or a mount
# far longer than they compute. Sanitizers compute more.
at_a_time() {
	echo $(($(cpu_count) * ($1 > 1 ? 4 : 5) / 2))
}

# meson_test DIR LOGBASE TIMEOUT_FACTOR ARGUMENTS...: runs and counts tests.
meson_test() {
	local dir=$1 base=$2 factor=$3 counts log plain=()
	shift 3
	log=$(mktemp)
	# ThreadSanitizer cannot map its shadow where the kernel randomizes much.
	if setarch "$(uname -m)" -R true 2>/dev/null; then
		plain=(setarch "$(uname -m)" -R)
	fi
	rm -f "$dir/meson-logs/$base.json"
	"${plain[@]}" meson test -C "$dir" --no-rebuild --logbase "$base" -t "$factor" \
		--num-processes "$(at_a_time "$factor")" "$@" >"$log" 2>&1 </dev/null
	if ! [ -f "$dir/meson-logs/$base.json" ]; then
		failed=$((failed + 1))
		echo "FAILED: meson test $*"
		tail -n 40 "$log"
		rm -f "$log"
		return
	fi
	# shellcheck disable=SC2207
	counts=($(scripts/count-results "$dir/meson-logs/$base.json"))
	if [ "${counts[1]}" -gt 0 ]; then
		show_failures "$dir/meson-logs/$base.json" | sed 's/^/| /'
		again "$dir" "$base" "$factor" >>"$log" 2>&1 </dev/null
		grep '^unsteady: ' "$log"
		# shellcheck disable=SC2207
		counts=($(scripts/count-results "$dir/meson-logs/$base.json"))
	fi
	rm -f "$log"
	passed=$((passed + counts[0]))
	failed=$((failed + counts[1]))
	skipped=$((skipped + counts[2]))
	printf '   %s: %d good, %d bad, %d skipped\n' "$dir" "${counts[@]}"
}

# again DIR BASE FACTOR: the few programs that failed are run once more, alone,
# since the whole run loads a small machine; what passes then is named as
# unsteady and counted by its second run. Many failures are left as they are.
again() {
	local dir=$1 base=$2 factor=$3 log=$1/meson-logs/$2.json names
	mapfile -t names < <(/usr/bin/python3 scripts/merge-results --failed "$log")
	[ "${#names[@]}" -gt 0 ] && [ "${#names[@]}" -le 3 ] || return 0
	rm -f "$dir/meson-logs/$base-again.json"
	meson test -C "$dir" --no-rebuild --logbase "$base-again" -t "$factor" \
		--num-processes 1 "${names[@]}" || true
	/usr/bin/python3 scripts/merge-results "$log" "$dir/meson-logs/$base-again.json"
}

# The ends of the logs of failed tests.
show_failures() {
	/usr/bin/python3 - "$1" <<'PYTHON'
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    test = json.loads(line)
    if test["result"] in ("OK", "SKIP", "EXPECTEDFAIL"):
        continue
    print(f"---- {test['name']}: {test['result']}")
    bad = [l for l in test.get("stdout", "").splitlines() if l.startswith("not ok")]
    print("\n".join(bad[:40]))
    text = test.get("stderr") or test.get("stdout", "")
    print("\n".join(text.splitlines()[-120:]))
PYTHON
}

# run_suite DIR WHICH FACTOR MESON_OPTIONS...: builds a tree and runs its tests.
# WHICH is all, unit, or thread (units and what is marked as being about threads).
run_suite() {
	local dir=$1 which=$2 factor=$3
	shift 3
	step "build $dir"
	if ! build "$dir" -Dwerror=true "$@"; then
		failed=$((failed + 1))
		echo "FAILED: build $dir"
		return
	fi
	step "tests of $dir"
	case "$which" in
	all) meson_test "$dir" testlog "$factor" ;;
	unit) meson_test "$dir" testlog "$factor" --no-suite e2e --no-suite sim ;;
	thread)
		meson_test "$dir" testlog "$factor" --no-suite e2e --no-suite sim --no-suite fuzz
		meson_test "$dir" testlog-thread "$factor" --suite thread
		;;
	esac
}

# The scripts that are shell, by their first line.
shell_scripts() {
	local file
	for file in .ci/run scripts/*; do
		[ -f "$file" ] && head -n 1 "$file" | grep -Eq '^#!.*\b(ba)?sh\b|shellcheck shell' &&
			echo "$file"
	done
	return 0
}

check_shell() {
	if ! command -v shellcheck >/dev/null; then
		echo "no shellcheck"
		return 0
	fi
	# shellcheck disable=SC2046
	shellcheck -x $(shell_scripts)
}

check_man() {
	local page
	for page in src/doc/*.[1-9]; do
		[ -f "$page" ] || continue
		mandoc -T lint -W warning "$page" || return
	done
}
