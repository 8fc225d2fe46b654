#!/bin/bash
# usage: life.sh DIR
# The life of the packages in DIR on a machine that has nothing else: installed, logged in and mounted by an
# ordinary user, upgraded and removed under the mount, which goes on and refreshes its token, purged, and
# installed again. For scripts/package --prove, as root in a chroot that is thrown away.
set -euo pipefail
dir=${1:?usage: life.sh DIR}
home=/home/alice
mount=$home/webex
space="$mount/spaces/Reading circle"

die() {
	echo "life.sh: $*" >&2
	exit 1
}

say() {
	printf '== %s (%d s)\n' "$*" $SECONDS
}

# quiet COMMAND...: its output only if it fails.
quiet() {
	"$@" >/tmp/life.log 2>&1 || {
		cat /tmp/life.log
		die "this failed: $*"
	}
}

apt() {
	quiet env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@"
}

alice() {
	setpriv --reuid=alice --regid=alice --init-groups --inh-caps=-all \
		env -i HOME=$home USER=alice PATH=/usr/bin:/bin LC_ALL=C.UTF-8 "$@"
}

until_true() {
	for _ in $(seq 300); do
		! "$@" || return 0
		sleep 0.1
	done
	die "not within 30 s: $*"
}

# call PATH [CURL'S ARGUMENTS...]: of the simulator.
call() {
	local path=$1
	shift
	curl -sSf "$@" "${url%/v1}$path"
}

# ---- the person ----

install_it() {
	apt install --no-install-recommends "$1" "$dir"/webexsim_*.deb
	[ "$(sparkfs --version | head -n 1)" = "sparkfs $(dpkg-deb -f "$1" Version | sed 's/[-+~].*//')" ] ||
		die "sparkfs --version says another one"
}

start_sim() {
	local line
	# Devices need not wait.
	webexsim --port-file /tmp/url --device-interval 0 >/tmp/sim.log 2>&1 &
	sim=$!
	until_true test -s /tmp/url
	url=$(cat /tmp/url)
}

# Allows the login, as a browser does with the address that is printed.
decide() {
	local page line args=(--data-urlencode person=alice@example.com -d decision=allow)
	page=$(curl -sSf "$1")
	while IFS= read -r line; do
		args+=(--data-urlencode "$line")
	done < <(sed -n 's/&amp;/\&/g; s/.*type="hidden" name="\([^"]*\)" value="\([^"]*\)".*/\1=\2/p' <<<"$page")
	call "$(sed -n 's/.*<form[^>]* action="\([^"]*\)".*/\1/p' <<<"$page")" "${args[@]}" >/dev/null
}

log_in() {
	local address login
	install -d -o alice -g alice -m 700 $home/.config $home/.config/sparkfs
	printf '[integration]\nclient_id=sim-client\nclient_secret_file=secret\n' >$home/.config/sparkfs/config
	install -o alice -g alice -m 600 /dev/stdin $home/.config/sparkfs/secret <<<sim-secret
	alice sparkfs login --url "$url" work >/tmp/login &
	login=$!
	until_true grep -q 'verify?userCode=' /tmp/login
	address=$(grep -o 'http[^ ]*verify?userCode=[^ ]*' /tmp/login | head -n 1)
	decide "$address"
	wait "$login" || die "sparkfs login failed"
}

mount_it() {
	alice mkdir -p "$mount"
	alice sparkfs "$mount"
	until_true alice pgrep -u alice -x sparkfs >/dev/null
	pid=$(pgrep -o -u alice -x sparkfs)
}

# Ends the token that the login has, so that the mount must get another one.
end_token() {
	local token
	token=$(sed -n 's/.*"accessToken" *: *"\([^"]*\)".*/\1/p' $home/.local/state/sparkfs/logins/work.json)
	[ -n "$token" ] || die "no token in the login"
	call /_sim/tokens -d "{\"token\": \"$token\", \"valid\": false}" >/dev/null
}

# works TEXT: the mount is that of before, gets a new token, posts and reads.
works() {
	[ "$(pgrep -o -u alice -x sparkfs)" = "$pid" ] || die "the mount is another process"
	end_token
	alice sh -c 'echo "$1" >"$2/post" && test "$(cat "$2/last")" = "$1"' sh "$1" "$space" ||
		die "cannot post: $(alice cat "$mount/.sparkfs/last-error")"
	until_true grep -qF "$1" /tmp/followed
	grep -q '"login": *"ok"' <(alice cat "$mount/.sparkfs/status.json") || die "the login is not ok"
}

# Somebody follows the transcript and stands in the mount all the while.
follow() {
	alice sh -c 'cd "$1" && exec tail -n 0 -f transcript.log' sh "$space" >/tmp/followed &
	until_true pgrep -u alice -x tail >/dev/null
	tail=$(pgrep -u alice -x tail)
	until_true sh -c "find /proc/$tail/fd -lname '*/transcript.log' | grep -q ."
}

unmount_it() {
	kill "$tail"
	until_true test ! -e "/proc/$tail"
	until_true alice fusermount3 -u "$mount"
	until_true test ! -e "/proc/$pid"
}

# What the person has, by name and bytes.
possessions() {
	(cd $home && find . -path ./webex -prune -o -type f -print0 | sort -z | xargs -0 sha256sum)
}

# The same package with a later version, as an upgrade.
make_upgrade() {
	dpkg-deb -R "$1" /tmp/later
	sed -i 's/^Version: .*/&+later/' /tmp/later/DEBIAN/control
	quiet dpkg-deb --root-owner-group --build /tmp/later /tmp/sparkfs_later.deb
}

# ---- ----

deb=$(echo "$dir"/sparkfs_*.deb)
apt update
say "install, log in, mount as an ordinary user"
install_it "$deb"
apt install --no-install-recommends curl procps
# Whatever the package has to run while it is installed, upgraded or removed must not end or unmount anything.
[ -z "$(find /var/lib/dpkg/info -name 'sparkfs.*inst' -o -name 'sparkfs.*rm')" ] ||
	echo "it has scripts: $(cd /var/lib/dpkg/info && echo sparkfs.*inst sparkfs.*rm)"
useradd -m -s /bin/bash alice
start_sim
log_in
mount_it
follow
works "Before the upgrade."
dpkg -L sparkfs webexsim >/tmp/files

say "upgrade under the mount"
make_upgrade "$deb"
apt install /tmp/sparkfs_later.deb
readlink "/proc/$pid/exe" | grep -q deleted || die "the upgrade replaced nothing"
works "After the upgrade."

say "remove under the mount"
apt remove sparkfs
! [ -e /usr/bin/sparkfs ] || die "it is still there"
works "After the removal."
unmount_it

say "purge: what the person has stays"
possessions >/tmp/before
apt purge sparkfs webexsim
possessions | diff /tmp/before - || die "something of the person's is gone or changed"
while read -r file; do
	[ ! -f "$file" ] || die "$file is still there"
done </tmp/files

say "installed again, it is all there"
install_it "$deb"
mount_it
grep -qF "After the removal." <(alice cat "$space/transcript.log") || die "the post is not there"
alice fusermount3 -u "$mount"
until_true test ! -e "/proc/$pid"
kill "$sim"

say "tested as installed"
apt purge sparkfs webexsim
apt install --no-install-recommends autopkgtest dpkg-dev
quiet autopkgtest -B "$dir"/sparkfs_*.deb "$dir"/webexsim_*.deb . -- null
grep -E 'mount +PASS' /tmp/life.log || die "no test passed"
say "done"
