# SPDX-License-Identifier: MIT
# Completion of sparkfs for fish. It starts no program and asks no server: logins are the files of
# their folder. test_completion compares the words with the tables of the program.

function __sparkfs_logins
    set -l state $HOME/.local/state
    string match -q '/*' -- "$XDG_STATE_HOME"; and set state $XDG_STATE_HOME
    for file in $state/sparkfs/logins/*.json
        set -l name (string replace -r '^.*/(.*)\.json$' '$1' -- $file)
        string match -qr '^[A-Za-z0-9@_+][A-Za-z0-9@._+-]*$' -- $name; and echo $name
    end
end

# True if the first word behind sparkfs is one of these; without any: if there is none yet.
function __sparkfs_command_is
    set -l words (commandline -opc)
    if test (count $argv) -eq 0
        test (count $words) -eq 1
    else
        test (count $words) -gt 1; and contains -- $words[2] $argv
    end
end

function __sparkfs_mounts
    not __sparkfs_command_is login logout accounts api help
end

# True if the word before is an option that takes the next one.
function __sparkfs_is_value
    set -l words (commandline -opc)
    contains -- $words[-1] -o --url
end

# The option behind the last comma of what is written behind -o.
function __sparkfs_mount_options
    set -l word (string replace -r -- '^-o' '' (commandline -ct))
    # A comma behind a backslash is part of a value.
    set -l parts (string match -r -- '^((?:(?:[^,\\\\]|\\\\.)*,)*)(.*)$' $word)
    set -l begin $parts[2]
    set -l name (string match -r -- '^[^=]*=' $parts[3])
    if test -z "$name"
        printf '%s%s\t%s\n' \
            $begin url= 'base URL of the API' \
            $begin token_file= 'file with the access token' \
            $begin token_command= 'shell command that prints the access token' \
            $begin cache= 'where to keep what was fetched' \
            $begin account= 'login, or account that was mounted before' \
            $begin proxy= 'ask by that proxy' \
            $begin cacert= 'authorities to trust' \
            $begin recent= 'how many newest messages of a space are listed' \
            $begin cache_messages= 'how many texts of messages are kept' \
            $begin cache_size= 'how much of attachments is kept' \
            $begin rate= 'requests a minute' \
            $begin timeout= 'when to give up on the server' \
            $begin scan_timeout= 'how long to wait for a scan' \
            $begin poll= 'how often to ask for news' \
            $begin idle= 'when the mount is not in use any more' \
            $begin linger= 'how long a file that is not sent waits' \
            $begin uid= 'owner of the files' \
            $begin gid= 'group of the files' \
            $begin umask= 'permissions that the files lack' \
            $begin max_threads= 'requests of FUSE at once' \
            $begin max_read= 'bytes that one read asks for' \
            $begin fsname= 'what mount and df show' \
            $begin recursive_delete 'let rm -r delete' \
            $begin inotify 'tell watchers of what others do' \
            $begin unscannable 'read what cannot be scanned' \
            $begin ro 'nothing is posted, changed or deleted' \
            $begin default_permissions 'let the kernel check the modes' \
            $begin allow_other 'let other users in' \
            $begin allow_root 'let root in' \
            $begin auto_unmount 'unmount when sparkfs dies' \
            $begin noexec 'run no program of the mount' \
            $begin atime 'as mount(8) has it' \
            $begin noatime 'as mount(8) has it' \
            $begin sync 'as mount(8) has it' \
            $begin dirsync 'as mount(8) has it'
        return
    end
    set -l value (string replace -r -- '^[^=]*=' '' $parts[3])
    set begin $begin$name
    switch $name
        case account=
            printf '%s\n' $begin(__sparkfs_logins)
        case token_file= cacert=
            printf '%s\n' $begin(__fish_complete_path $value)
        case cache=
            printf '%s\n' {$begin}memory $begin(__fish_complete_directories $value '')
        case proxy=
            printf '%s\n' $begin{off,http://,https://,socks5://,socks5h://}
        case url=
            printf '%s\n' {$begin}https://webexapis.com/v1
        case recent= cache_messages=
            printf '%s\n' {$begin}all
        case rate= poll=
            printf '%s\n' {$begin}off
    end
end

complete -c sparkfs -f

complete -c sparkfs -n __sparkfs_command_is -a login -d 'log a person in'
complete -c sparkfs -n __sparkfs_command_is -a logout -d 'forget a login'
complete -c sparkfs -n __sparkfs_command_is -a accounts -d 'list the logins'
complete -c sparkfs -n __sparkfs_command_is -a api -d 'make a request of the API'
complete -c sparkfs -n __sparkfs_command_is -a help -d 'explain a subcommand'

complete -c sparkfs -n '__sparkfs_mounts; and not __sparkfs_is_value' -a '(__fish_complete_directories (commandline -ct) "folder")'
complete -c sparkfs -n __sparkfs_mounts -s f -d 'stay in the foreground'
complete -c sparkfs -n __sparkfs_mounts -s d -d 'stay in the foreground, show each request'
complete -c sparkfs -n __sparkfs_mounts -s o -x -a '(__sparkfs_mount_options)' -d 'mount options'
complete -c sparkfs -n __sparkfs_mounts -s h -l help -d 'explain the options'
complete -c sparkfs -n __sparkfs_mounts -s V -l version -d 'print versions'

complete -c sparkfs -n '__sparkfs_command_is login logout; and not __sparkfs_is_value' -a '(__sparkfs_logins)' -d login
complete -c sparkfs -n '__sparkfs_command_is login logout accounts api' -l help -d 'explain this'
complete -c sparkfs -n '__sparkfs_command_is login' -l browser -d 'a browser of this machine'
complete -c sparkfs -n '__sparkfs_command_is login' -l paste -d 'any browser; its last address is pasted'
complete -c sparkfs -n '__sparkfs_command_is login' -l token -d 'read an access token from standard input'
complete -c sparkfs -n '__sparkfs_command_is login' -l keyring -d 'keep the tokens in the keyring'
complete -c sparkfs -n '__sparkfs_command_is login' -l no-keyring -d 'keep the tokens in a file'
complete -c sparkfs -n '__sparkfs_command_is login' -l url -x -a 'https://webexapis.com/v1' -d 'base URL of the API'
complete -c sparkfs -n '__sparkfs_command_is login' -l replace -d 'the name may be that of somebody else'
complete -c sparkfs -n '__sparkfs_command_is logout' -l purge -d 'remove what was fetched for it, too'
complete -c sparkfs -n '__sparkfs_command_is accounts' -l json -d 'for programs'
complete -c sparkfs -n '__sparkfs_command_is api; and test (count (commandline -opc)) -eq 2' -a 'GET POST PUT PATCH DELETE' -d method
complete -c sparkfs -n '__sparkfs_command_is api; and test (count (commandline -opc)) -eq 3' -a 'people rooms memberships messages teams webhooks events organizations licenses roles authorizations contents team/memberships attachment/actions room/tabs adminAudit/events' -d path
complete -c sparkfs -n '__sparkfs_command_is api; and test (count (commandline -opc)) -eq 4' -a '(__fish_complete_directories (commandline -ct) "path in the mount")'
complete -c sparkfs -n '__sparkfs_command_is help' -a 'login logout accounts api' -d 'explain it'
