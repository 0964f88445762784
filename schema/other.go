package schema

import "encoding/base64"

// other keeps a command as it came.
func (d *Decoder) other(o *origin, name string, rows *Rows) {
	rows.Other = append(rows.Other, OtherRow{
		Common:  d.common(o, TableOther, d.bytes(o.msgID), 0),
		Command: name,
		Payload: string(o.rec.Payload),
	})
}

// setAside keeps, byte for byte, what would not decode.
func (d *Decoder) setAside(o *origin, name string, reason Reason, rows *Rows) {
	rows.Other = append(rows.Other, OtherRow{
		Common:  d.common(o, TableOther, d.bytes(o.msgID), 0),
		Command: name,
		Payload: base64.StdEncoding.EncodeToString(o.rec.Payload),
		Broken:  true,
		Reason:  reason,
	})
}
