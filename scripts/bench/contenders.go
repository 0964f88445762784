package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftwal "github.com/hashicorp/raft-wal"
	"github.com/klauspost/compress/zstd"
	tidwall "github.com/tidwall/wal"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"danmaku-archiver/collect/journal"
	"danmaku-archiver/schema"
)

// batchCommands is how many commands each contender makes durable at once.
const batchCommands = 4_096

// logger is a log that is measured. Batch returns once the commands [first, first+n) of the
// pool are durable; Close once the files are as they stay.
type logger interface {
	Batch(ctx context.Context, p *pool, first, n int) error
	Close() error
}

// contender makes a logger in an empty folder.
type contender struct {
	name string
	open func(ctx context.Context, dir string) (logger, error)
}

// contenders lists them; the first is ours, which the others are compared with.
func contenders(p *pool) ([]contender, error) {
	blocks, err := compressed(p)
	if err != nil {
		return nil, err
	}
	return []contender{
		{"**this journal**", openOurs},
		{"this journal, its own fsync each second", openRunning},
		{"etcd wal", openEtcd},
		{"hashicorp raft-wal", openRaft},
		{"tidwall/wal", openTidwall},
		{"raw: write + fdatasync of the commands", func(_ context.Context, dir string) (logger, error) { return openRaw(dir, nil) }},
		{"raw: the same, compressed beforehand", func(_ context.Context, dir string) (logger, error) { return openRaw(dir, blocks) }},
	}, nil
}

// ours is a journal whose Run goes on.
type ours struct {
	w    *journal.Writer
	stop context.CancelFunc
	done chan error
	sync bool
}

func startJournal(ctx context.Context, dir string, o journal.Options) (*ours, error) {
	w, err := journal.Open(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	l := &ours{w: w, stop: stop, done: make(chan error, 1), sync: true}
	go func() { l.done <- w.Run(ctx) }()
	return l, nil
}

func openOurs(ctx context.Context, dir string) (logger, error) {
	return startJournal(ctx, dir, journal.Options{})
}

// openRunning is the journal as the collector runs it: nobody waits for an fsync.
func openRunning(ctx context.Context, dir string) (logger, error) {
	l, err := startJournal(ctx, dir, journal.Options{})
	if err != nil {
		return nil, err
	}
	l.sync = false
	return l, nil
}

func (l *ours) Batch(ctx context.Context, p *pool, first, n int) error {
	for k := first; k < first+n; k++ {
		room, c := p.command(k)
		if err := l.w.Append(ctx, room, schema.KindCommand, c); err != nil {
			return err
		}
	}
	if !l.sync {
		return nil
	}
	return l.w.Sync(ctx)
}

func (l *ours) Close() error {
	l.stop()
	return <-l.done
}

type etcd struct {
	w     *etcdwal.WAL
	ents  []*raftpb.Entry
	state *raftpb.HardState
}

func openEtcd(_ context.Context, dir string) (logger, error) {
	w, err := etcdwal.Create(zap.NewNop(), filepath.Join(dir, "wal"), nil)
	if err != nil {
		return nil, err
	}
	l := &etcd{w: w, state: &raftpb.HardState{}}
	for range batchCommands {
		l.ents = append(l.ents, &raftpb.Entry{Term: new(uint64(1)), Index: new(uint64), Type: raftpb.EntryNormal.Enum()})
	}
	return l, nil
}

func (l *etcd) Batch(_ context.Context, p *pool, first, n int) error {
	for k := range n {
		*l.ents[k].Index = uint64(first + k + 1)
		_, l.ents[k].Data = p.command(first + k)
	}
	return l.w.Save(l.state, l.ents[:n])
}

func (l *etcd) Close() error { return l.w.Close() }

type raftWAL struct {
	w    *raftwal.WAL
	logs []*raft.Log
}

func openRaft(_ context.Context, dir string) (logger, error) {
	w, err := raftwal.Open(dir, raftwal.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		return nil, err
	}
	l := &raftWAL{w: w}
	for range batchCommands {
		l.logs = append(l.logs, &raft.Log{Term: 1})
	}
	return l, nil
}

func (l *raftWAL) Batch(_ context.Context, p *pool, first, n int) error {
	for k := range n {
		l.logs[k].Index = uint64(first + k + 1)
		_, l.logs[k].Data = p.command(first + k)
	}
	return l.w.StoreLogs(l.logs[:n])
}

func (l *raftWAL) Close() error { return l.w.Close() }

type tidwallLog struct {
	w     *tidwall.Log
	batch tidwall.Batch
}

func openTidwall(_ context.Context, dir string) (logger, error) {
	w, err := tidwall.Open(dir, &tidwall.Options{SegmentSize: 64 << 20, SegmentCacheSize: 1, DirPerms: 0o750, FilePerms: 0o640})
	if err != nil {
		return nil, err
	}
	return &tidwallLog{w: w}, nil
}

func (l *tidwallLog) Batch(_ context.Context, p *pool, first, n int) error {
	for k := first; k < first+n; k++ {
		_, c := p.command(k)
		l.batch.Write(uint64(k+1), c)
	}
	return l.w.WriteBatch(&l.batch)
}

func (l *tidwallLog) Close() error { return l.w.Close() }

// raw is the limit: one file, one write and one fdatasync a batch, no framing, no checksum.
type raw struct {
	f   *os.File
	buf []byte
	// blocks are batches compressed beforehand; none for a log of the commands themselves.
	blocks [][]byte
}

func openRaw(dir string, blocks [][]byte) (logger, error) {
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		return nil, err
	}
	return &raw{f: f, blocks: blocks, buf: make([]byte, 0, batchCommands*2500)}, nil
}

func (l *raw) Batch(_ context.Context, p *pool, first, n int) error {
	if l.blocks != nil {
		l.buf = append(l.buf[:0], l.blocks[first/batchCommands%len(l.blocks)]...)
	} else {
		l.buf = l.buf[:0]
		for k := first; k < first+n; k++ {
			_, c := p.command(k)
			l.buf = append(l.buf, c...)
		}
	}
	if _, err := l.f.Write(l.buf); err != nil {
		return err
	}
	return unix.Fdatasync(int(l.f.Fd()))
}

func (l *raw) Close() error { return l.f.Close() }

// compressed returns the pool's batches as a compressor of the journal's settings leaves
// them; making them is not measured.
func compressed(p *pool) ([][]byte, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("make encoder: %w", err)
	}
	defer enc.Close()
	var blocks [][]byte
	for first := 0; first < len(p.commands); first += batchCommands {
		var batch []byte
		for _, c := range p.commands[first : first+batchCommands] {
			batch = append(batch, c...)
		}
		blocks = append(blocks, enc.EncodeAll(batch, nil))
	}
	return blocks, nil
}
