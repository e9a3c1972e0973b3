r"""The two shell programs that Kubernetes starts in a member: after its start, and before its first one.

Both are for any POSIX shell, since many images have no bash (W-33). Kubernetes replaces `$(NAME)` in the arguments of
a container, so neither contains a dollar sign before a parenthesis.

Layer: pure.
"""

import shlex
from collections.abc import Sequence

__all__ = ["init_script", "post_start_script"]

_POST_START = r"""
log=/tmp/kd-postcluster.log
( : >"$log" ) 2>/dev/null || log=/dev/null
(
set -x -f
turns=
while [ ! -s /etc/resolv.conf ] && [ "${#turns}" -lt 60 ]; do
  sleep 1
  turns=$turns.
done
service=@SERVICE@
text=
changed=
while read -r word rest || [ -n "$word" ]; do
  if [ "$word" = search ]; then
    set -- $rest
    case $1 in
      '') own= ;;
      "$service".*) own=$1 ;;
      *) own=$service.$1 ;;
    esac
    domains=$own
    for domain; do
      [ "$domain" = "$own" ] || domains="$domains $domain"
    done
    [ "$domains" = "$rest" ] || changed=yes
    rest=$domains
  fi
  text="$text$word${rest:+ $rest}
"
done </etc/resolv.conf
[ -z "$changed" ] || printf '%s' "$text" >/etc/resolv.conf
chmod 755 /run
) 2>"$log"
exit 0
"""

_INIT = r"""
marker=@VOLUME@/etc/kubedirector.init
[ ! -f "$marker" ] || exit 0
fail() {
  echo "$1" >&2
  ( echo "$1" >/dev/termination-log ) 2>/dev/null
  exit 1
}
mkdir -p @VOLUME@/etc || fail 'the volume cannot be written'
set --
for directory in @DIRECTORIES@; do
  if [ -e "$directory" ]; then
    set -- "$@" "$directory"
  else
    mkdir -p "@VOLUME@$directory" || fail "cannot make $directory on the volume"
  fi
done
options='--info=progress2 --relative -ax --no-inc-recursive'
trial=@VOLUME@/.kubedirector-init
if [ "$#" -eq 0 ]; then
  :
elif rsync --log-file=/dev/null $options --version >/dev/null 2>&1; then
  rsync --log-file=@VOLUME@/etc/kubedirector-init.log $options "$@" @VOLUME@ \
    >@VOLUME@/etc/kubedirector-init-progress-bar.log || fail "rsync to the volume failed with status $?"
elif mkdir -p "$trial/a" "$trial/b" && cp --parents -ax "$trial/a" "$trial/b" 2>/dev/null; then
  cp --parents -ax "$@" @VOLUME@ || fail "cp to the volume failed with status $?"
else
  for directory; do
    mkdir -p "@VOLUME@${directory%/*}" && cp -a "$directory" "@VOLUME@${directory%/*}/" ||
      fail "cp of $directory to the volume failed"
  done
fi
rm -rf "$trial"
touch "$marker" || fail 'the volume cannot be written'
"""


def post_start_script(cluster_service: str) -> str:
    """Return the program of the postStart hook (4.4.1).

    It waits at most 60 s for `/etc/resolv.conf`, puts the cluster's own domain before the first search domain, and
    gives `/run` mode 755. It never fails, and running it again, in a further container of the pod, changes nothing.
    """
    return _POST_START.lstrip().replace("@SERVICE@", shlex.quote(cluster_service))


def init_script(directories: Sequence[str], volume: str = "/mnt") -> str:
    """Return the program of the init container (4.4.4, rule KO-14): copies the directories to an empty volume, once.

    A directory that the image has not is made on the volume. When copying fails, the program fails and leaves no
    marker, so that the kubelet starts it again (W-40); why is its termination message.
    """
    quoted = " ".join(shlex.quote(path).replace("$", "$$") for path in directories)
    return _INIT.lstrip().replace("@DIRECTORIES@", quoted).replace("@VOLUME@", volume)
