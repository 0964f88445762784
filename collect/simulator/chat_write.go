package simulator

import (
	"errors"
	"fmt"
	"time"
)

var (
	errClosed     = errors.New("connection closed")
	errMisaligned = errors.New("the stream is out of step on purpose")
)

// write is the only one that writes after the auth: flushes, heartbeat replies and the
// notice to log in. It returns when the link ends.
func (c *chat) write() error {
	var notice <-chan time.Time
	if c.form.masked {
		timer := time.NewTimer(c.sim.timing.notice)
		defer timer.Stop()
		notice = timer.C
	}
	for {
		var err error
		select {
		case <-c.ended:
			return errClosed
		case reply := <-c.replies:
			err = c.link.write(reply)
		case <-notice:
			err = c.pushNotice()
		case f := <-c.flushes:
			err = c.pushFlush(f)
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
}

// pushNotice tells a guest that names are masked.
func (c *chat) pushNotice() error {
	f := newFlush([]command{alike("LOG_IN_NOTICE", "", object{
		"cmd": "LOG_IN_NOTICE",
		"data": object{
			"notice_msg": "为保护用户隐私，未登录无法查看他人昵称", "image_web": "", "image_app": "",
		},
	})}, false)
	fr, err := f.frame(c.form, []int{0})
	if err != nil {
		return err
	}
	return c.pushFrame(f, fr)
}

func (c *chat) pushFlush(f *flush) error {
	defer f.writers.Done()
	frames, err := f.frames(c.form)
	if err != nil {
		return err
	}
	if frames, err = c.spared(f, frames); err != nil || len(frames) == 0 {
		// A dead connection gets nothing pushed again either.
		return err
	}
	frames = c.joined(frames)
	frames = append(frames[:len(frames):len(frames)], c.sim.faults.extras(f, c.form, c.subject())...)
	if err := c.redeliver(f); err != nil {
		return err
	}
	for i, fr := range frames {
		if i > 0 {
			if err := c.pushReplies(); err != nil {
				return err
			}
		}
		if err := c.pushFrame(f, fr); err != nil {
			return err
		}
	}
	return nil
}

func (c *chat) pushFrame(f *flush, fr frame) error {
	if err := c.link.write(fr.data); err != nil {
		return err
	}
	if len(fr.of) > 0 {
		f.written(fr.of)
		c.sim.ledger.record(c.room.id, c.name, f.commands, fr.of, "")
	}
	if fr.misaligned && !c.link.framed() {
		c.link.end(endPolitely)
		return errMisaligned
	}
	return nil
}

// pushReplies writes the heartbeat replies that wait, so that a long flush does not hold
// them up.
func (c *chat) pushReplies() error {
	for {
		select {
		case reply := <-c.replies:
			if err := c.link.write(reply); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}
