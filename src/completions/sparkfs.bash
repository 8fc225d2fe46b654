# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of sparkfs for bash. It starts no program and asks no server: logins are the files of
# their folder. test_completion compares the words with the tables of the program.

# Prints the names of the logins, a line each.
_sparkfs_logins() {
	local state=${XDG_STATE_HOME:-} file name
	[[ $state == /* ]] || state=$HOME/.local/state
	for file in "$state"/sparkfs/logins/*.json; do
		name=${file##*/}
		name=${name%.json}
		[[ $name =~ ^[A-Za-z0-9@_+][A-Za-z0-9@._+-]*$ ]] && printf '%s\n' "$name"
	done
}

# Sets `word` to what stands before the cursor, and `before` to what of that readline leaves in
# place: a reply is without it. For bash, "=", ":" and "@" are words of their own.
_sparkfs_word() {
	local i last rest=${COMP_LINE:0:COMP_POINT} piece
	last=${COMP_WORDS[COMP_CWORD]:-}
	word=
	for ((i = COMP_CWORD; i >= 0; i--)); do
		piece=${COMP_WORDS[i]}
		if ((i == COMP_CWORD)); then
			# The cursor may stand in the middle of a word.
			while [[ -n $piece && $rest != *"$piece" ]]; do piece=${piece%?}; done
			last=$piece
		fi
		[[ $rest == *"$piece" ]] || break
		rest=${rest%"$piece"}
		word=$piece$word
		[[ $rest == *[[:space:]] || -z $rest ]] && break
	done
	first=$i
	[[ -n $last && $COMP_WORDBREAKS == *"$last"* && ${#last} -eq 1 ]] && last=
	before=${word%"$last"}
	# A quote that is open is not in the replies.
	word=${word#[\"\']}
	before=${before#[\"\']}
}

# Adds each of the words behind $1 that begins with $1.
_sparkfs_add() {
	local begin=$1 reply
	shift
	for reply; do
		[[ $reply == "$begin"* ]] && COMPREPLY+=("${reply#"$before"}")
	done
}

# Adds the files, or with -d the folders, that begin with $2; $3 stands before them.
_sparkfs_add_files() {
	local found
	compopt -o filenames 2>/dev/null
	while IFS= read -r found; do
		found=$3$found
		COMPREPLY+=("${found#"$before"}")
	done < <(compgen "$1" -- "$2")
}

# The last of the options behind -o, which are divided by commas; $1: what stands before them.
_sparkfs_mount_options() {
	local list=${word#"$1"} done_part name value names
	done_part=$1
	# A comma behind a backslash is part of a value.
	while [[ $list =~ ^(([^,\\]|\\.)*,)(.*)$ ]]; do
		done_part+=${BASH_REMATCH[1]}
		list=${BASH_REMATCH[3]}
	done
	compopt -o nospace 2>/dev/null
	if [[ $list != *=* ]]; then
		_sparkfs_add "$word" \
			"$done_part"{url,token_file,token_command,cache,account,proxy,cacert}= \
			"$done_part"{recent,cache_messages,cache_size,rate,timeout,scan_timeout}= \
			"$done_part"{poll,idle,linger,uid,gid,umask,max_threads,max_read,fsname}= \
			"$done_part"{recursive_delete,inotify,unscannable,ro,default_permissions} \
			"$done_part"{allow_other,allow_root,auto_unmount} \
			"$done_part"{noexec,atime,noatime,sync,dirsync}
		return
	fi
	name=${list%%=*}
	value=${list#*=}
	done_part+=$name=
	case $name in
	account)
		mapfile -t names < <(_sparkfs_logins)
		_sparkfs_add "$word" "${names[@]/#/"$done_part"}"
		;;
	token_file | cacert) _sparkfs_add_files -f "$value" "$done_part" ;;
	cache)
		_sparkfs_add "$word" "${done_part}memory"
		_sparkfs_add_files -d "$value" "$done_part"
		;;
	proxy) _sparkfs_add "$word" "$done_part"{off,http://,https://,socks5://,socks5h://} ;;
	url) _sparkfs_add "$word" "$done_part"https://webexapis.com/v1 ;;
	recent | cache_messages) _sparkfs_add "$word" "${done_part}all" ;;
	rate | poll) _sparkfs_add "$word" "${done_part}off" ;;
	esac
}

# Adds the logins, or the options where one is begun.
_sparkfs_add_logins() {
	local names
	if [[ $word == -* ]]; then
		_sparkfs_add "$word" "$@"
	else
		mapfile -t names < <(_sparkfs_logins)
		_sparkfs_add "$word" "${names[@]}"
	fi
}

_sparkfs_mount() {
	if [[ ${COMP_WORDS[first - 1]} == -o ]]; then
		_sparkfs_mount_options ''
	elif [[ $word == -o* ]]; then
		_sparkfs_mount_options -o
	elif [[ $word == -* ]]; then
		_sparkfs_add "$word" -f -d -o -h --help -V --version
	else
		((first == 1)) && _sparkfs_add "$word" login logout accounts api help
		_sparkfs_add_files -d "$word" ''
	fi
}

_sparkfs() {
	local word before first
	COMPREPLY=()
	_sparkfs_word
	((first < 1)) && return
	if ((first == 1)); then
		_sparkfs_mount
		return
	fi
	case ${COMP_WORDS[1]} in
	login)
		[[ ${COMP_WORDS[first - 1]} == --url ]] ||
			_sparkfs_add_logins --browser --paste --token --keyring --no-keyring --url --replace --help
		;;
	logout) _sparkfs_add_logins --purge --help ;;
	accounts) _sparkfs_add "$word" --json --help ;;
	api)
		case $first in
		2) _sparkfs_add "$word" GET POST PUT PATCH DELETE --help ;;
		3) _sparkfs_add "$word" {people,rooms,memberships,messages,teams,webhooks,events}{,/} \
			{organizations,licenses,roles,authorizations,contents}{,/} \
			team/memberships attachment/actions room/tabs adminAudit/events ;;
		4) _sparkfs_add_files -d "$word" '' ;;
		esac
		;;
	help) ((first == 2)) && _sparkfs_add "$word" login logout accounts api ;;
	*) _sparkfs_mount ;;
	esac
}

complete -F _sparkfs sparkfs
