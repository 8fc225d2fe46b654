# shellcheck shell=bash
# What the scripts that run tests share. Every function expects the root of the repository as
# working directory.

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
