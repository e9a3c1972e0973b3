# Runs inside members, by any POSIX shell; see kdlib/guest/frames.py for how it gets there and what it answers.
#
#   set-up|notify FRAME OFFSET LENGTH UMASK   act on a frame that has arrived whole
#   wait OPERATION SECONDS BYTES EVERY        tell how an operation ended, with the last BYTES of its output, and each
#                                             EVERY seconds that it goes on
#   watch SECONDS GUARD PROCESS GRACE SESSION stop a run of the start script that takes too long
#
# Everything is kept in /etc/guestconfig/.kubedirector: `guest` is this script, `life.*` holds the guards of one life of
# the container, `in.*` a frame at work. A guard is a directory, since making one succeeds for one process only.
# GUEST_ROOT is empty in members; tests and hollow nodes put a folder there.

set -u
root=${GUEST_ROOT-}
meta=$root/etc/guestconfig
base=$meta/.kubedirector
package=$root/opt/guestconfig
self=$0

# --- the container's life, and processes in it

# Print the fields of a process's stat from the third (state) on; its name may hold blanks and brackets.
stat_fields() {
    stat=
    while IFS= read -r part || [ -n "$part" ]; do stat=$stat$part; done 2>/dev/null <"/proc/$1/stat"
    [ -n "$stat" ] || return 1
    printf '%s\n' "${stat##*) }"
}

start_time() {
    fields=$(stat_fields "$1") || return 1
    set -f
    set -- $fields
    set +f
    [ "$1" = Z ] || printf '%s\n' "${20-0}"
}

# What differs between two lives of a container, and stays while it lives: the boot, and when process 1 started.
find_life() {
    if [ -n "$root" ]; then
        life=$(cat "$root/.life" 2>/dev/null) || life=first
    else
        boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null) || boot=unknown
        life=$boot-$(start_time 1)
    fi
    lived=$base/life.$life
}

# Start this script again in a session of its own, which no end of a connection reaches (W-27).
detach() {
    if command -v setsid >/dev/null 2>&1; then
        setsid sh "$@" </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    elif command -v nohup >/dev/null 2>&1; then
        nohup sh "$@" </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    else
        (trap '' HUP; exec sh "$@") </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    fi
}

# Run a command in a session of its own, at most so many seconds; its exit status is `code`.
# What it leaves behind when it ends in time goes on; when it does not, its whole session is stopped.
run_limited() {
    session=
    ! command -v setsid >/dev/null 2>&1 || session=setsid
    $session "$@" &
    child=$!
    $session sh "$self" watch "$limit_seconds" "$guard" "$child" "$grace_seconds" "$session" </dev/null >/dev/null 2>&1 &
    dog=$!
    wait "$child"
    code=$?
    # The watch is in its session soon; before that there is no group to be killed.
    tries=0
    until [ -e "$guard/expired" ] || kill -s 0 -- "${session:+-}$dog" 2>/dev/null || [ "$tries" -ge 200 ]; do
        nap 10
        tries=$((tries + 1))
    done
    # One that is stopping the command goes on until nothing of it is left.
    [ -e "$guard/expired" ] || kill -s KILL -- "${session:+-}$dog" 2>/dev/null
    wait "$dog" 2>/dev/null
    [ ! -e "$guard/expired" ]
}

# Wait, then stop a command: ask all of its session to end, and kill what is left of it after some more seconds.
watch() {
    sleep "$1"
    mkdir -p "$2" && : >"$2/expired"
    signal TERM "$3" "$5"
    left=$(($4 * 10))
    while [ "$left" -gt 0 ] && signal 0 "$3" "$5"; do
        nap 200
        left=$((left - slept / 100))
    done
    signal KILL "$3" "$5"
}

# Send a signal to a process, or to all of its session, whatever their process groups; fails where nobody is left.
signal() {
    if [ -z "$3" ]; then
        kill -s "$1" "$2" 2>/dev/null
        return
    fi
    reached=1
    for process in /proc/[0-9]*; do
        process=${process#/proc/}
        [ "$(session_of "$process")" = "$2" ] && kill -s "$1" "$process" 2>/dev/null && reached=0
    done
    return "$reached"
}

# Print the session of a process; nothing for one that has ended.
session_of() {
    fields=$(stat_fields "$1") || return 1
    set -f
    set -- $fields
    set +f
    [ "$1" = Z ] || printf '%s\n' "$4"
}

# Say that a run for an event took too long.
late() {
    printf '%s' "the start script's $1 did not end within $limit_seconds s and was stopped ($limit_field)"
}

# --- the frame

open_frame() {
    frame=$1/frame
    spool=$1
    . "$1/vars"
}

# Print a blob of the frame.
blob() {
    eval "set -- \$blob_$1"
    tail -c "+$(($1 + 1))" "$frame" | head -c "$2"
}

# Replace a file by a blob, at once.
put() {
    blob "$1" >"$2.kd$$" && chmod "$3" "$2.kd$$" && mv -f "$2.kd$$" "$2"
}

# Replace configmeta.json, unless a frame that was sent later has done so.
write_configmeta() {
    [ -n "${blob_configmeta-}" ] || return 0
    mkdir -p "$lived" || return 1
    sent=0
    [ ! -r "$lived/held" ] || read -r sent there <"$lived/held"
    if [ "$stamp" -ge "$sent" ]; then
        put configmeta "$meta/configmeta.json" 644 || return 1
        printf '%s %s %s\n' "$stamp" "$generation" "$epoch" >"$lived/held.$$" && mv -f "$lived/held.$$" "$lived/held"
    fi
}

# Print the generation of the configmeta that is there; 0 for none, or where another one counted it than who asks.
held() {
    counted=0
    if [ -r "$lived/held" ]; then
        read -r sent counted by <"$lived/held"
        [ "$by" = "$(cat "$lived/epoch" 2>/dev/null)" ] || counted=0
    fi
    printf '%s' "$counted"
}

# --- results

# Record how an operation ended, as the last thing that is done; a start script may have removed the guard.
finish() {
    rm -rf "$spool"
    mkdir -p "$guard"
    printf '%s %s\n%s\n' "$1" "$2" "$3" >"$guard/result.$$"
    mv -f "$guard/result.$$" "$guard/result"
    exit 0
}

failed() {
    finish "$1" 0 "$2"
}

# Take the guard of an operation; of all who try, one succeeds.
take() {
    mkdir -p "$lived" && mkdir "$guard" 2>/dev/null || return 1
    printf '%s\n' "$container" >"$guard/container"
    doer=$$
    # No other attempt has a guard: either this is the first one, or a start script removed them all.
    if [ "$(echo "$lived"/setup-*)" = "$guard" ]; then
        doer=$(earlier do-set-up)
        doer=${doer:-$$}
    fi
    printf '%s %s\n' "$doer" "$(start_time "$doer")" >"$guard/pid.$$" && mv -f "$guard/pid.$$" "$guard/pid"
    [ "$doer" = "$$" ]
}

# Print a process that was begun before this one to do such an operation: it is there whatever a start script removed.
# One that does `do-set-up` has taken the guard; others of the same attempt may still come to try (W-16).
earlier() {
    command -v setsid >/dev/null 2>&1 || return 0
    mine=$(start_time $$)
    for process in /proc/[0-9]*; do
        line=
        { read -r line <"$process/cmdline"; } 2>/dev/null
        case $line in *"$base/in."*"/guest$1"*) ;; *) continue ;; esac
        process=${process#/proc/}
        # Only the first process of a session is one that was detached; others are parts of it.
        [ "$process" != "$$" ] && [ "$(session_of "$process")" = "$process" ] || continue
        began=$(start_time "$process")
        [ -n "$began" ] || continue
        # The clock of starts is coarse: of two that began in one tick the lower number is the earlier one.
        [ "$began" -lt "$mine" ] || { [ "$began" = "$mine" ] && [ "$process" -lt "$$" ]; } || continue
        printf '%s\n' "$process"
        return
    done
}

# Tell whether the process that took a guard is still at work.
at_work() {
    [ -r "$1/pid" ] && read -r worker began <"$1/pid" && [ "$(start_time "$worker")" = "$began" ]
}

# --- set-up

# Look at the attempts that this life has seen. A higher one tells what is true here, whoever counts anew. A lower one
# for another container was meant for this life, which began between the operator's look and its call: it is adopted,
# not repeated. A lower one for this container failed, and this one was asked for.
compare_attempts() {
    highest=$attempt
    for other in "$lived"/setup-*; do
        [ "${other##*/setup-}" -le "$highest" ] || highest=${other##*/setup-}
    done
    [ "$highest" = "$attempt" ] || follow "$highest"
    for other in "$lived"/setup-*; do
        [ "$other" != "$guard" ] || continue
        if [ "$(cat "$other/container" 2>/dev/null)" != "$container" ] && [ ! -e "$other/adopted" ]; then
            : >"$other/adopted"
            follow "${other##*/setup-}"
        elif [ ! -e "$other/result" ] && at_work "$other"; then
            failed 72 "an earlier attempt is still at work in this container"
        fi
    done
}

# End this attempt with whatever comes of another one.
follow() {
    printf '%s\n' "setup-$1" >"$guard/follow"
    finish 0 0 ""
}

clean_up() {
    for old in "$base"/life.*; do
        [ "$old" = "$lived" ] || rm -rf "$old"
    done
    for old in "$base"/in.*; do
        [ -d "/proc/${old##*.}" ] || [ "$old" = "$spool" ] || rm -rf "$old"
    done
}

run_set_up() {
    open_frame "$1"
    umask "$2"
    find_life
    guard=$lived/setup-$attempt
    take || { rm -rf "$spool"; exit 0; }
    exec sh "$self" do-set-up "$spool" "$2"
}

# Go on under a name by which others see that this process has the guard.
do_set_up() {
    open_frame "$1"
    umask "$2"
    find_life
    guard=$lived/setup-$attempt
    compare_attempts
    clean_up
    mkdir -p "$root/var/log/guestconfig" 2>/dev/null
    # What an app makes of the folder later is its own affair.
    if [ "$layout" = new ]; then
        chmod 700 "$meta"
    elif [ ! -e "$meta/configmeta.json" ]; then
        chmod 755 "$meta"
    fi
    write_configmeta || failed 73 "configmeta.json cannot be written"
    inject_files
    [ -n "$package_url" ] || finish 0 0 ""
    install_configcli
    resume
    fetch_package
    [ "$run_configure" = 1 ] || finish 0 0 ""
    wait_for_systemd
    configure
}

# A volume that outlived its container tells that the work was done: the status file then ends in a zero. An operator
# that knows that it was done sees there what a later run for another event left, by the original (W-19).
resume() {
    status_file=$package/configure.status
    if [ "$from_scratch" = 1 ] || [ ! -r "$status_file" ]; then return 0; fi
    case $(cat "$status_file") in
    *=0) finish 0 1 "" ;;
    *=*) [ "${done_before-0}" != 1 ] || finish 0 1 "" ;;
    *) failed 74 "malformed status file /opt/guestconfig/configure.status" ;;
    esac
}

configure() {
    script=$(start_script) || failed 75 "$script"
    rm -f "$package"/configure.*
    printf '%s=' "$container" >"$package/configure.status" || failed 75 "/opt/guestconfig cannot be written"
    run_limited "$script" --configure \
        </dev/null >"$package/configure.stdout" 2>"$package/configure.stderr" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- ||
        expired=$(late configure)
    printf '%s' "$code" >>"$package/configure.status"
    case $(cat "$package/configure.status") in
    *=*) ;;
    *) failed 74 "malformed status file /opt/guestconfig/configure.status" ;;
    esac
    [ -z "${expired-}" ] || failed "$((code == 0 ? 124 : code))" "$expired"
    finish "$code" 0 ""
}

# Print the path of the package's start script, or what is wrong with it.
start_script() {
    set -- "$package"/*/startscript
    if [ "$#" -ne 1 ]; then
        echo "the setup package has more than one folder with a startscript"
        return 1
    fi
    [ -f "$1" ] || { echo "the setup package has no folder with a startscript"; return 1; }
    printf '%s\n' "$1"
}

wait_for_systemd() {
    [ "$systemd" = 1 ] || return 0
    waited=0
    until systemctl status systemd-journald >"$root/tmp/journald-status.out" 2>&1; do
        [ "$waited" -lt "$limit_seconds" ] || failed 76 "systemd does not answer: systemctl status systemd-journald fails"
        waited=$((waited + 1))
        sleep 1
    done
}

# --- fetching

# Fetch a URL into a file; an answer of HTTP that is not a success is a failure (W-51, W-52). Prints why it failed.
fetch() {
    case $1 in
    file:*) fetch_file "${1#file:}" "$2" ;;
    *)
        if command -v curl >/dev/null 2>&1; then
            curl -fsSL --connect-timeout 30 --max-time "$fetch_seconds" -o "$2" "$1" 2>&1
        elif command -v wget >/dev/null 2>&1; then
            message=$(wget -T 60 -O "$2" "$1" 2>&1) || { printf '%s\n' "${message##*
}"; return 1; }
        else
            fetch_by_python "$1" "$2"
        fi
        ;;
    esac
}

fetch_file() {
    path=$root/${1#"${1%%[!/]*}"}
    [ -f "$path" ] || { echo "no such file"; return 1; }
    cat "$path" >"$2" 2>/dev/null || { echo "cannot be read"; return 1; }
}

fetch_by_python() {
    for python in python3 python python2; do
        command -v "$python" >/dev/null 2>&1 || continue
        "$python" -c '
import shutil, sys
try:
    from urllib.request import urlopen
except ImportError:
    from urllib2 import urlopen
try:
    answer = urlopen(sys.argv[1], timeout=60)
    with open(sys.argv[2], "wb") as target:
        shutil.copyfileobj(answer, target)
except Exception as error:
    sys.exit(str(error))
' "$1" "$2" 2>&1
        return
    done
    echo "the image has neither curl nor wget nor python"
    return 1
}

# Print the last line of a text, for a message of one line.
last_line() {
    text=$(printf '%s' "$1")
    text=${text##*
}
    printf '%s' "${text:-no reason was given}"
}

# Unpack the package into an empty folder, look at it, and only then replace what was there.
fetch_package() {
    stage=$package/.kubedirector-stage
    mkdir -p "$package" && chmod 700 "$package" && rm -rf "$stage" && mkdir "$stage" ||
        failed 77 "/opt/guestconfig cannot be written"
    why=$(fetch "$package_url" "$spool/package.tgz") ||
        failed 77 "setup package $package_url cannot be fetched: $(last_line "$why")"
    why=$(unpack "$spool/package.tgz" "$stage" 2>&1) ||
        failed 77 "setup package $package_url cannot be unpacked: $(last_line "$why")"
    rm -f "$spool/package.tgz"
    where=$package
    package=$stage
    found=$(start_script) || { rm -rf "$stage"; failed 77 "$found: $package_url"; }
    package=$where
    chmod u+x "$found"
    for old in "$package"/* "$package"/.[!.]* "$package"/..?*; do
        [ "$old" = "$stage" ] || rm -rf "$old"
    done
    for new in "$stage"/* "$stage"/.[!.]* "$stage"/..?*; do
        if [ -e "$new" ] || [ -h "$new" ]; then
            mv "$new" "$package/" || failed 77 "/opt/guestconfig cannot be written"
        fi
    done
    rm -rf "$stage"
}

unpack() {
    if command -v tar >/dev/null 2>&1 && command -v gzip >/dev/null 2>&1; then
        gzip -dc <"$1" >"$1.tar" && (cd "$2" && tar -xf "$1.tar") && rm -f "$1.tar"
        return
    fi
    for python in python3 python python2; do
        command -v "$python" >/dev/null 2>&1 || continue
        "$python" -c 'import sys, tarfile; tarfile.open(sys.argv[1], "r:gz").extractall(sys.argv[2])' "$1" "$2"
        return
    done
    echo "the image has neither tar and gzip nor python"
    return 1
}

# --- file injections (5.6)

inject_files() {
    number=0
    while [ "$number" -lt "$injections" ]; do
        eval "url=\$inject_${number}_url dir=\$inject_${number}_dir mode=\$inject_${number}_mode"
        eval "owner=\$inject_${number}_owner group=\$inject_${number}_group"
        inject
        number=$((number + 1))
    done
}

inject() {
    target=$root$dir/${url##*/}
    part=$target.kd$$
    about="file injections: $url"
    mkdir -p "$root$dir" || failed 78 "$about: cannot make $dir"
    why=$(fetch "$url" "$part") || { rm -f "$part"; failed 78 "$about cannot be fetched: $(last_line "$why")"; }
    mv -f "$part" "$target" || failed 78 "$about: cannot write to $dir"
    if [ -n "$mode" ]; then chmod "$mode" "$target" || failed 78 "$about: chmod $mode failed"; fi
    if [ -n "$owner" ]; then chown "$owner" "$target" || failed 78 "$about: chown $owner failed"; fi
    if [ -n "$group" ]; then chgrp "$group" "$target" || failed 78 "$about: chgrp $group failed"; fi
}

# --- configcli (5.6, 5.9)

install_configcli() {
    [ -n "${blob_configcli-}" ] || return 0
    if [ "$layout" = new ]; then bin=$root/usr/local/bin; else bin=$root/usr/bin; fi
    if [ ! -e "$root/usr/local/bin/configcli" ] && [ ! -e "$root/usr/bin/configcli" ]; then
        mkdir -p "$bin" && write_program || failed 79 "configcli cannot be installed into ${bin#"$root"}"
        for name in ccli bdvcli bd_vcli configmacro; do
            ln -sf "$bin/configcli" "$bin/$name" || failed 79 "configcli cannot be installed into ${bin#"$root"}"
        done
    fi
    # The folder of the links is not kept by a volume in the new layout, so they are made in every life.
    if [ "$layout" = new ]; then
        mkdir -p "$root/usr/bin" 2>/dev/null
        for name in configcli ccli bdvcli bd_vcli configmacro; do
            ln -sf "$root/usr/local/bin/$name" "$root/usr/bin/$name" 2>/dev/null
        done
    fi
}

# Install the program for the first Python there is, and the module for each; the shell's program where there is none.
write_program() {
    interpreter=
    known=:
    for python in python3 python python2; do
        path=$(command -v "$python" 2>/dev/null) || continue
        site=$("$path" -c "$site_of_layout" "$layout" 2>/dev/null) || continue
        [ -n "$interpreter" ] || interpreter=$path
        case $known in *":$site:"*) continue ;; esac
        known=$known$site:
        if mkdir -p "$root$site" 2>/dev/null && put configcli "$root$site/configcli.py" 644; then
            printf 'from configcli import *\n' >"$root$site/configcli3.py"
        fi
    done
    if [ -n "$interpreter" ]; then
        { printf '#!%s\n' "$interpreter" && blob configcli; } >"$bin/configcli.kd$$"
    else
        { printf '#!/bin/sh\n' && blob ccli; } >"$bin/configcli.kd$$"
    fi && chmod 755 "$bin/configcli.kd$$" && mv -f "$bin/configcli.kd$$" "$bin/configcli"
}

site_of_layout='
import json, os, site, sys, sysconfig
if sys.argv[1] == "new":
    os.environ["PYTHONUSERBASE"] = site.USER_BASE = "/usr/local"
    site.USER_SITE = None
    print(site.getusersitepackages())
else:
    print(sysconfig.get_path("purelib"))
'

# --- notifications

run_notify() {
    open_frame "$1"
    umask "$2"
    find_life
    guard=$lived/notify-$change
    take || { rm -rf "$spool"; exit 0; }
    # One after the other: an earlier one may run that nobody waits for any more, or that did this and lost its guard.
    while [ -n "$(earlier run-notify)" ]; do nap 200; done
    [ ! -e "$guard/result" ] || { rm -rf "$spool"; exit 0; }
    script=$(start_script) || failed 75 "$script"
    set -f
    run_limited "$script" $arguments \
        </dev/null >"$guard/stdout" 2>"$guard/stderr" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- ||
        failed "$((code == 0 ? 124 : code))" "$(event=${arguments%% *} && late "${event#--}")"
    finish "$code" 0 ""
}

# Tell whether this life of the container was set up, whatever has become of the package since.
is_set_up() {
    for done in "$lived"/setup-*/result; do
        [ ! -e "$done" ] || return 0
    done
    start_script >/dev/null
}

notify() {
    started=$2
    if [ -n "$arguments" ] && ! is_set_up; then
        rm -rf "$spool"
        echo "KD1 absent"
        exit 0
    fi
    write_configmeta || { rm -rf "$spool"; echo "KD1 refused configmeta.json cannot be written"; exit 0; }
    if [ -z "$arguments" ]; then
        rm -rf "$spool"
        printf 'KD1 finished 0 %s 0\n\n' "$(held)"
        exit 0
    fi
    operation=notify-$change seconds=$wait_seconds bytes=$tail_bytes
    detach "$self" run-notify "$spool" "$started"
    await "$operation" "$seconds" "$bytes" "${report_seconds-0}"
}

# --- waiting

# Sleep for milliseconds, or a second where the shell's sleep knows whole seconds only; `slept` is how long.
nap() {
    slept=$1
    sleep "$(($1 / 1000)).$(printf %03d "$(($1 % 1000))")" 2>/dev/null || { slept=1000; sleep 1; }
}

# Answer with an operation's result, or after some seconds with what is known of it.
await() {
    asked=$lived/$1 left=$(($2 * 1000)) bytes=$3 patience=10000 pause=30
    every=$((${4:-0} * 1000))
    quiet=$every
    while :; do
        while [ -r "$asked/follow" ]; do asked=$lived/$(cat "$asked/follow"); done
        [ ! -r "$asked/result" ] || answer
        if [ "$patience" -le 0 ]; then
            [ -d "$asked" ] || { echo "KD1 absent"; exit 0; }
            at_work "$asked" || [ -r "$asked/result" ] || interrupted
        elif [ -r "$asked/pid" ] && ! at_work "$asked"; then
            nap 100
            [ -r "$asked/result" ] || interrupted
            continue
        fi
        [ "$left" -gt 0 ] || { tell_running; exit 0; }
        nap "$pause"
        left=$((left - slept)) patience=$((patience - slept)) quiet=$((quiet - slept))
        if [ "$quiet" -le 0 ] && [ "$every" -gt 0 ]; then
            tell_running
            quiet=$every
        fi
        pause=$((pause + pause / 8 + 1))
        [ "$pause" -lt 1000 ] || pause=1000
    done
}

# Tell for how long an operation has been running, and the last line of its output if its end would be shown.
tell_running() {
    read -r worker began <"$asked/pid" || began=
    read -r up idle </proc/uptime || up=0
    line=
    [ "$bytes" -eq 0 ] || { line=$(last_output_line); } 2>/dev/null
    printf 'KD1 running %s %s\n' "$((${began:+${up%%.*} - began / 100}))" "$line"
} 2>/dev/null

last_output_line() {
    find_output
    latest=${output}out
    [ ! "${output}err" -nt "$latest" ] || latest=${output}err
    # An older one is of another run.
    [ "$asked/container" -nt "$latest" ] || tail -c 400 "$latest" | tail -n 1
}

find_output() {
    case $asked in
    */setup-*) output=$package/configure.std ;;
    *) output=$asked/std ;;
    esac
}

interrupted() {
    printf 'KD1 finished 70 0 0\nthe process that did it ended without a result\n'
    exit 0
}

# Print the result; after it the last of standard output, and on standard error the last of that, if it failed.
answer() {
    { read -r code resumed; read -r detail; } <"$asked/result"
    printf 'KD1 finished %s %s %s\n%s\n' "$code" "$(held)" "$resumed" "$detail"
    if [ "$code" != 0 ] && [ "$bytes" -gt 0 ]; then
        find_output
        [ ! -r "${output}out" ] || tail -c "$bytes" "${output}out"
        [ ! -r "${output}err" ] || tail -c "$bytes" "${output}err" >&2
    fi
    exit 0
}

# --- what was asked for

act() {
    head -c "$3" "$2/frame" >"$base/guest.$$" && mv -f "$base/guest.$$" "$base/guest"
    tail -c "+$(($3 + 1))" "$2/frame" | head -c "$4" >"$2/vars"
    open_frame "$2"
    find_life
    mkdir -p "$lived" && printf '%s\n' "$epoch" >"$lived/epoch.$$" && mv -f "$lived/epoch.$$" "$lived/epoch"
    case $1 in
    set-up)
        detach "$self" run-set-up "$2" "$5"
        echo "KD1 accepted"
        ;;
    notify) notify "$2" "$5" ;;
    esac
}

case $1 in
set-up | notify) act "$@" ;;
run-set-up)
    shift
    run_set_up "$@"
    ;;
do-set-up)
    shift
    do_set_up "$@"
    ;;
run-notify)
    shift
    run_notify "$@"
    ;;
watch)
    shift
    watch "$@"
    ;;
wait)
    find_life
    await "$2" "$3" "$4" "${5-0}"
    ;;
esac
