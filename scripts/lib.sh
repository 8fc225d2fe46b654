# shellcheck shell=bash
# What the scripts share.

passed=0
failed=0
started=$SECONDS

step() {
	printf '== %s (%d s)\n' "$1" $((SECONDS - started))
}

# Prints the closing line and exits.
finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}

# Ends the script after a failure without which the rest cannot run.
finish_broken() {
	echo "FAILED: $1"
	failed=$((failed + 1))
	finish
}

# show_progress LOG COMMAND...: runs it with its output in LOG, and shows the newest line of that
# every three seconds. The command is in the foreground, where Ctrl-C ends it.
show_progress() {
	local log=$1 ticker status=0
	shift
	: >"$log"
	# Whoever kills this script is not made to wait for its sleep, nor does it stay without it.
	while sleep "${SHOW_EVERY_S:-3}" >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
		tail -n 1 "$log" | cut -c 1-76 | sed -n 's/^[^[:space:]]/  &/p'
	done &
	ticker=$!
	"$@" </dev/null >"$log" 2>&1 || status=$?
	kill "$ticker" 2>/dev/null || true
	wait "$ticker" 2>/dev/null || true
	return "$status"
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
