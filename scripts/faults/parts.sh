# What the cases are made of. Each case is a subshell with a folder of its own, $dir, which
# is made on a disk that works; what the program writes is in $disk.

# one runs a case. Whatever it starts or mounts ends with it.
one() (
  set -euo pipefail
  name=$1 dir=$work/$1 disk=$work/$1/disk data=$work/$1/disk/data store=$work/$1/archive
  mkdir -p "$disk"
  echo 1 >"$dir/rounds"
  : >"$dir/kills"
  daemon='' simulator='' mounted='' reread=no runs=0
  settings=()
  exec >"$dir/log" 2>&1
  trap end_case EXIT
  trap 'exit 1' INT TERM
  "case_$name"
  touch "$dir/ok"
)

end_case() {
  [ -z "$daemon" ] || { kill -CONT "$daemon"; kill -KILL "$daemon"; } 2>/dev/null || true
  [ -z "$simulator" ] || kill -KILL "$simulator" 2>/dev/null || true
  wait
  if [ -n "$mounted" ]; then
    # What is on the disk is kept with the rest, should the case have failed.
    [ -e "$dir/ok" ] || { mkdir -p "$dir/disk.copy" && cp -a "$disk/data" "$dir/disk.copy/"; } 2>/dev/null || true
    umount "$disk" || umount -l "$disk"
  fi
  ! mountpoint -q "$dir/pool" || umount -l "$dir/pool"
}

say() { printf '%s %s\n' "$(date -u +%T.%3N)" "$*"; }
fail() { say "FAILED: $*"; exit 1; }
skip() { echo "$*" >"$dir/skipped"; exit 0; }

need_mounts() {
  [ "$FAULTS_PRIVATE" = yes ] || skip "needs root and a mount namespace of its own"
}
need_loop() {
  need_mounts
  command -v mkfs.ext4 >/dev/null || skip "needs mkfs.ext4"
}
need_strace() {
  command -v strace >/dev/null || skip "needs strace"
  strace -e trace=none -e inject=fsync:error=EIO true 2>/dev/null || skip "strace may not trace here"
}

mount_tmpfs() { mount -t tmpfs -o "size=$1" tmpfs "$disk" || skip "cannot mount a tmpfs"; mounted=yes; }
# mount_ext4 SIZE [MKFS_OPTION…] makes the image first where there is none.
mount_ext4() {
  if [ ! -e "$dir/image" ]; then
    truncate -s "$1" "$dir/image"
    mkfs.ext4 -q -m 0 "${@:2}" "$dir/image"
  fi
  mount -o loop,errors=remount-ro "$dir/image" "$disk" || skip "cannot mount a loop device"
  mounted=yes
}

# fill leaves so many bytes of the disk, none by default; free gives them back.
fill() {
  local left=${1:-0} there
  dd if=/dev/zero of="$disk/filler" bs=64k 2>/dev/null || true
  dd if=/dev/zero of="$disk/filler" bs=1k oflag=append conv=notrunc 2>/dev/null || true
  there=$(stat -c %s "$disk/filler")
  [ "$left" = 0 ] || truncate -s "$((there > left ? there - left : 0))" "$disk/filler"
  sync -f "$disk/filler" || true
  say "disk filled: $(df --output=avail -B1 "$disk" | tail -1) bytes are left"
}
free() { rm -f "$disk/filler"; say "filler removed"; }

# told_times tells whether the daemon's log has so many lines with the text.
told_times() { [ "$(grep -c "$1" "$log")" -ge "$2" ]; }

# until_ok WHAT COMMAND… waits for a command to succeed.
until_ok() {
  local what=$1 end=$((SECONDS + patience))
  shift
  until "$@"; do
    ((SECONDS < end)) || fail "waited $patience s in vain for $what"
    sleep 0.1
  done
}

simulate() { # COMMANDS_PER_S [OPTIONS…]
  local rate=$1
  shift
  "$bin/danmaku" simulate --rooms 20 --rate "$rate" --seed "$seed" --ledger "$dir/ledger" "$@" >"$dir/sim.out" 2>"$dir/sim.err" &
  simulator=$!
  until_ok "the simulator" test -s "$dir/sim.out"
  url=$(sed -E 's/.*"http":"([^"]*)".*/\1/' "$dir/sim.out")
}

pushed() { wc -l <"$dir/ledger" 2>/dev/null || echo 0; }
pushed_since() { [ "$(pushed)" -ge $(($1 + $2)) ]; }
more() { local now; now=$(pushed); until_ok "$1 more commands" pushed_since "$now" "$1"; }

# collect starts the daemon, with the case's settings.
collect() {
  runs=$((runs + 1)) log=$dir/collect.$((runs + 1)).err
  env DANMAKU_ROOMS_TOP=20 DANMAKU_BILIBILI_TRANSPORT=tcp DANMAKU_BILIBILI_CONNECT_INTERVAL=5ms \
    DANMAKU_BILIBILI_REQUESTS_PER_SECOND=1000 DANMAKU_BILIBILI_API_URL="$url" DANMAKU_BILIBILI_MAIN_URL="$url" \
    "${settings[@]}" "$bin/danmaku" collect --data-dir "$data" --collector faults 2>"$log" &
  daemon=$!
}
alive() { kill -0 "$daemon" 2>/dev/null; }
connected() { alive || fail "the daemon ended: $(tail -n 3 "$log")"; [ "$(grep -c 'msg=connected' "$log")" -ge 20 ]; }
collecting() { collect; until_ok "20 connections" connected; }

# crash notes the moment after which nothing can have been taken any more.
crash() {
  kill -KILL "$daemon"
  date +%s%6N >>"$dir/kills"
  wait "$daemon" 2>/dev/null || true
  daemon=''
}

# ended waits for the daemon, which must end with the given exit code.
ended() {
  local want=$1 code=0 end=$((SECONDS + patience))
  while alive && ((SECONDS < end)); do sleep 0.1; done
  ! alive || fail "the daemon does not end"
  wait "$daemon" || code=$?
  daemon=''
  [ "$code" = "$want" ] || fail "the daemon ended with exit code $code, not $want: $(tail -n 3 "$log")"
}

newer() {
  alive || fail "the daemon ended: $(tail -n 3 "$log")"
  [[ "$("$bin/danmaku" journal ls --data-dir "$data" --json | sed -nE 's/^ *"last": "([^"]*)".*/\1/p' | sort | tail -1)" > "$1" ]]
}
# level is what the journal sheds now, by its last mark.
level() {
  "$bin/danmaku" journal cat --data-dir "$data" --command shedding | tail -n 1 | sed -nE 's/.*"level":"([^"]*)".*/\1/p'
}
sheds() { [ "$(level)" = "$1" ]; }
# heals waits until the journal has records from now on and sheds nothing.
heals() {
  local now
  now=$(date -u +%FT%T)
  until_ok "records after $now" newer "$now"
  until_ok "an end of shedding" sheds ''
  say "it records everything again"
}

# modest demands that an outage cost no more memory than its bounds.
modest() {
  local peak
  peak=$(sed -nE 's/^VmHWM:[[:space:]]*([0-9]+) kB/\1/p' "/proc/$daemon/status")
  [ -n "$peak" ] || fail "the daemon's memory cannot be read"
  say "at most $((peak / 1024)) MiB of memory were used"
  ((peak < 400 * 1024)) || fail "$((peak / 1024)) MiB of memory are more than its bounds allow"
}

all_read() {
  [ "$("$bin/danmaku" journal cat --data-dir "$data" --command disconnected |
    sed -E 's/.*"received_at":"([^"]*)".*/\1/' | awk -v t="$1" '$0 > t' | wc -l)" -ge 20 ]
}

# account ends simulator and daemon in that order, so that nothing is under way, archives
# and compares. It is the last step of a case.
account() {
  local now
  now=$(date -u +%FT%T)
  kill -TERM "$simulator"
  wait "$simulator" || fail "simulator: $(tail -n 3 "$dir/sim.err")"
  simulator=''
  until_ok "all rooms to be read to the end" all_read "$now"
  kill -TERM "$daemon"
  ended 0
  [ "$reread" = no ] || { umount "$disk" && mount_ext4; }
  "$bin/danmaku" journal ls --data-dir "$data"
  "$bin/danmaku" archive --drain --data-dir "$data" --store "$store"
  "$bin/danmaku" verify --data-dir "$data" --store "$store"
  "$bin/danmaku" journal verify --data-dir "$data"
  "$bin/danmaku" show coverage --data-dir "$data" --store "$store" --format csv --columns state,cause | sort | uniq -c
  "$bin/audit" -danmaku "$bin/danmaku" -data "$data" -store "$store" -ledger "$dir/ledger" -kills "$dir/kills" >"$dir/account"
}

# told demands an interval of coverage of that state and cause, in every room.
told() {
  local rooms
  rooms=$("$bin/danmaku" show coverage --data-dir "$data" --store "$store" --format csv --columns room_id,state,cause |
    grep -E "$1" | cut -d, -f1 | sort -u | wc -l)
  [ "$rooms" = 20 ] || fail "coverage tells of $1 in $rooms rooms of 20"
}

# shed demands that commands were shed for the cause at the level, in every room.
shed() {
  local n
  n=$(cut -f 4 "$dir/account")
  ((n > 0)) || fail "nothing was shed"
  told "shed,$2\$"
  grep -q "msg=\"commands are shed\" level=$2 cause=$1 " "$dir"/collect.*.err || fail "the log does not tell that $2 is shed for $1"
}
