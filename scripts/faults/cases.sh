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
    times=$(grep -c 'no space left' "$log" || true)
    fill $((1048576 - $(written) + left))
    until_ok "a write that finds no space" told_times 'no space left' $((times + 1))
    sleep 1
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

# An error makes ext4 read-only until it is unmounted, hence until another start. Going on
# without one cannot be tried with a read-only mount on this machine: with a file open for
# writing, and the journal always has one, the kernel answers a remount with EBUSY, per
# bind mount too; after an error it answers a remount with EROFS; and what forces all mounts
# (sysrq) is not ours to press. The cases immutable and erofs try the same refusals one by one.
case_readonly() {
  need_loop
  mount_ext4 64M
  simulate 400
  collecting
  more 1000
  ! mount -o remount,ro "$disk" 2>/dev/null || fail "a remount is not busy here: try it without a start"
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

# The kernel refuses every write, new file, new name and removal, as on a read-only mount;
# then it takes them again, and nobody started anything.
case_immutable() {
  need_loop
  mount_ext4 64M
  simulate 400
  collecting
  more 1000
  chattr -R +i "$data/journal" || skip "ext4 has no immutable files here"
  say "immutable: $(lsattr -R "$data/journal" | grep -c -- '-i-') files and folders"
  sleep 6
  alive || fail "a disk that refuses ended the daemon: $(tail -n 3 "$log")"
  grep -q 'operation not permitted' "$log" || fail "the refusal is not told"
  chattr -R -i "$data/journal"
  heals
  modest
  more 400
  account
}

# The disk's device runs out of room of which the file system knows nothing, as thinly
# provisioned ones do: write succeeds, fsync fails, and the kernel forgets what it could not
# write. What is read at the end is what the device has.
case_thin() {
  need_loop
  mkdir "$dir/pool"
  mount -t tmpfs -o size=160m tmpfs "$dir/pool" || skip "cannot mount a tmpfs"
  ln -s pool/image "$dir/image"
  # Only what ext4 needs for itself is there for certain, its own journal too, which mkfs
  # leaves out where it can: the rest is given back.
  truncate -s 128M "$dir/sparse"
  mkfs.ext4 -q -m 0 -b 4096 -E nodiscard,lazy_itable_init=0 "$dir/sparse"
  dd if="$dir/sparse" of="$dir/pool/image" bs=1M 2>/dev/null
  rm "$dir/sparse"
  mount_ext4
  # The loop driver takes a write that its file cut short for a whole one, and fsync says
  # that all is well: no program can know better. Of one page nothing can be cut off.
  local device
  device=$(findmnt -no SOURCE "$disk")
  echo 4 >"/sys/block/${device#/dev/}/queue/max_sectors_kb" || skip "the loop device cannot be told to write page by page"
  fstrim "$disk" || skip "the loop device gives no room back"
  reread=yes
  simulate 3000
  settings=(DANMAKU_JOURNAL_SEGMENT_SIZE=1MiB)
  collecting
  local n
  for n in 1 2 3; do
    more 3000
    dd if=/dev/zero of="$dir/pool/filler" bs=4k 2>/dev/null || true
    say "the device is full; the file system has $(df --output=avail -B1 "$disk" | tail -1) bytes"
    until_ok "an fsync that fails" told_times 'sync.*\(no space left\|input/output\)' "$n"
    sleep 3
    alive || fail "a failing device ended the daemon: $(tail -n 3 "$log")"
    rm "$dir/pool/filler"
    heals
  done
  modest
  more 400
  account
  echo 3 >"$dir/rounds"
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

# No file can be made where a segment ends, though there is room for bytes.
case_inodes() {
  need_loop
  mount_ext4 64M -N 64
  simulate 3000
  settings=(DANMAKU_JOURNAL_SEGMENT_SIZE=1MiB)
  collecting
  until_ok "a segment that is nearly full" nearly
  mkdir "$disk/files"
  local n=0
  while touch "$disk/files/$n" 2>/dev/null; do n=$((n + 1)); done
  say "$n files made; $(df --output=iavail "$disk" | tail -1) more are left"
  until_ok "a segment that cannot begin" grep -q 'cannot begin a segment.*no space left' "$log"
  sleep 2
  alive || fail "a disk without inodes ended the daemon: $(tail -n 3 "$log")"
  rm -r "$disk/files"
  heals
  modest
  more 400
  account
  [ "$(ls "$data"/journal/*/*.sealed | wc -l)" -ge 2 ] || fail "no segment ended"
}

# The journal may take so much and no more, on a disk that has room.
case_max_size() {
  ! "$bin/danmaku" config | grep 'max_size:.*not available' >/dev/null ||
    skip "this version makes no use of journal.max_size"
  simulate 5000
  settings=(DANMAKU_JOURNAL_SEGMENT_SIZE=1MiB DANMAKU_JOURNAL_MAX_SIZE=6MiB)
  collecting
  until_ok "shedding" sheds all
  more 20000
  modest
  account
  shed max_size all
  local size
  size=$(du -sb "$data/journal" | cut -f 1)
  ((size <= 6 * 1048576)) || fail "the journal takes $size bytes of the 6 MiB that it may"
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
