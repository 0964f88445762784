# The cases. Each begins with what it needs and ends with the account.

# fullness is what a full disk is tried with, wherever it is mounted.
fullness() {
  simulate 400
  collecting
  more 1000
  fill
  until_ok "shedding" sheds all
  more 2000
  alive || fail "a full disk ended the daemon: $(tail -n 3 "$log")"
  modest
  free
  heals
  more 400
  kill -TERM "$daemon"
  ended 0
  say "started on a full disk"
  fill
  collect
  sleep 3
  alive || fail "it does not start on a full disk: $(tail -n 3 "$log")"
  free
  until_ok "20 connections" connected
  heals
  more 400
  account
  shed disk_space all
  echo 2 >"$dir/rounds"
}

case_tmpfs() { need_mounts; mount_tmpfs 64m; fullness; }
case_ext4() { need_loop; mount_ext4 64M; fullness; }

# written is how long the open segment is, without the zeros ahead.
written() { "$bin/danmaku" journal ls --data-dir "$data" --json | sed -nE 's/^ *"bytes": ([0-9]+).*/\1/p' | tail -1; }
nearly() { [ "$(written)" -ge $((1048576 - 400000)) ]; }

# unmeasured keeps the journal from learning how much room there is, until measured.
unmeasured() {
  strace -f -qq -p "$daemon" -o "$dir/strace" -e trace=statfs -e inject=statfs:error=EIO &
  tracer=$!
  until_ok "a measurement that fails" grep -q INJECTED "$dir/strace"
}
measured() { kill -INT "$tracer"; wait "$tracer" || true; rm "$dir/strace"; }

# The last of the space goes where a segment is sealed and the next one begins. The journal
# would shed before, if it were told how little is left.
case_rotate() {
  need_loop
  need_strace
  mount_ext4 64M
  simulate 3000
  settings=(DANMAKU_JOURNAL_SEGMENT_SIZE=1MiB)
  collecting
  for left in 0 4096 65536; do
    until_ok "a segment that is nearly full" nearly
    unmeasured
    fill $((1048576 - $(written) + left))
    sleep 4
    alive || fail "a full disk ended the daemon: $(tail -n 3 "$log")"
    free
    measured
    heals
  done
  modest
  account
  [ "$(ls "$data"/journal/*/*.sealed | wc -l)" -ge 3 ] || fail "no segment ended"
  grep -q 'no space left' "$dir"/collect.*.err || fail "the disk was never full"
  echo 3 >"$dir/rounds"
}

# An error makes ext4 read-only until it is mounted anew, which needs another start.
case_readonly() {
  need_loop
  mount_ext4 64M
  simulate 400
  collecting
  more 1000
  # Nobody writes a file while it is open for writing on a mount that becomes read-only by
  # request; abort is how the kernel does it itself.
  mount -o remount,abort "$disk" || skip "ext4 cannot be made read-only while it is in use"
  say "aborted: $(findmnt -no OPTIONS "$disk")"
  sleep 4
  alive || fail "a read-only disk ended the daemon: $(tail -n 3 "$log")"
  modest
  kill -TERM "$daemon"
  ended 1
  grep -q 'read-only\|input/output' "$log" || fail "the disk's error is not told"
  umount "$disk"
  mount -o loop,ro,noload "$dir/image" "$disk"
  collect
  ended 1
  say "on a read-only disk it says: $(tail -n 1 "$log")"
  grep -q 'read-only file system' "$log" || fail "a read-only disk is not told"
  umount "$disk"
  mounted=''
  mount_ext4
  collecting
  more 400
  account
  told 'down,killed'
  echo 2 >"$dir/rounds"
}

# inject lets system calls of the running daemon fail for some seconds, and until one has.
inject() {
  local seconds=$1 tracer
  shift
  strace -f -qq -p "$daemon" -o "$dir/strace" "$@" &
  tracer=$!
  sleep "$seconds"
  until_ok "system calls that fail" grep -q INJECTED "$dir/strace"
  kill -INT "$tracer"
  wait "$tracer" || true
  say "$(grep -c INJECTED "$dir/strace") system calls failed: ${*: -1}"
}

# A remount cannot be had while files are written, but what it does to a program can.
case_erofs() {
  need_strace
  simulate 400
  collecting
  more 1000
  local calls=pwrite64,pwritev,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,mkdirat,linkat
  inject 5 -e "trace=$calls" -e "inject=$calls:error=EROFS"
  heals
  modest
  more 400
  account
}

case_fsync() {
  need_strace
  simulate 400
  local when n=0
  # strace counts by thread, so that these meet creating, writing and sealing alike.
  for when in 1+4 2+3 3+5; do
    n=$((n + 1))
    collecting
    inject 4 -e trace=fsync,fdatasync -e "inject=fsync,fdatasync:error=EIO:when=$when"
    heals
    if [ "$n" -lt 3 ]; then
      kill -TERM "$daemon"
      ended 0
    fi
  done
  account
  echo 3 >"$dir/rounds"
}

case_enospc() {
  need_strace
  simulate 400
  local when
  collecting
  for when in 1+2 2+3 4+5; do
    inject 3 -e trace=pwrite64 -e "inject=pwrite64:error=ENOSPC:when=$when"
  done
  heals
  account
  echo 3 >"$dir/rounds"
}

# A disk that hangs is slower than any queue.
case_freeze() {
  need_loop
  command -v fsfreeze >/dev/null || skip "needs fsfreeze"
  mount_ext4 64M
  simulate 400
  collecting
  more 1000
  fsfreeze -f "$disk" || skip "cannot freeze ext4"
  sleep 15
  fsfreeze -u "$disk"
  heals
  modest
  more 400
  account
}

case_kill() {
  simulate 1200
  # A room is served once a second: connected one after the other, not all at once.
  settings=(DANMAKU_BILIBILI_CONNECT_INTERVAL=40ms)
  RANDOM=$seed
  local n
  for ((n = 0; n < rounds; n++)); do
    collecting
    more 300
    sleep "0.$(printf %03d $((RANDOM % 1000)))"
    crash
  done
  collecting
  more 300
  account
  told 'down,killed'
  # A gap is told for what happened and for nothing else.
  ! "$bin/danmaku" show coverage --data-dir "$data" --store "$store" --format csv --columns state,cause | grep '^down' |
    grep -Ev '^down,(killed|stopped)$' || fail "a kill is told as something else"
  echo "$rounds" >"$dir/rounds"
}

case_stop() {
  simulate 400
  collecting
  more 1000
  kill -STOP "$daemon"
  sleep 8
  kill -CONT "$daemon"
  heals
  more 400
  account
  told 'down,blind'
}

case_term() {
  need_mounts
  mount_tmpfs 64m
  simulate 400
  collecting
  more 1000
  fill
  until_ok "shedding" sheds all
  more 400
  kill -TERM "$daemon"
  ended 0 # marks have had their room
  free
  collecting
  more 400
  account
  shed disk_space all
  told 'down,stopped'
  echo 2 >"$dir/rounds"
}
