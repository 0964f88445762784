// Package storetest is the contract of store.Store as a test suite. A store proves itself
// in a few lines:
//
//	func TestContract(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store { return mustNew(t, t.TempDir()) })
//	}
//
// The suite holds what every store promises:
//
//	C1  An object that was put is read back byte for byte, in any order of ReadAt calls.
//	C2  A content that is not what PutOptions says is refused, and nothing changes.
//	C3  IfAbsent: an equal object is success, another is ErrExists, nothing changes; of
//	    many at once exactly one content stands afterwards.
//	C4  A replaced object is read as the old or the new one, never as a mixture.
//	C5  What is not there is ErrNotExist; removing it is no error.
//	C6  List goes in the order of keys (bytes), not in the order of folders.
//	C7  What is no key is refused by every operation.
//	C8  A cancelled context ends an operation, and a cancelled Put leaves nothing.
//
// It does not hold what a single process cannot see: that an object survives a power cut.
// Nor does it put an object whose key is a folder of another one (a and a/b): a folder on
// a disk cannot hold both, and the archive has no such keys.
package storetest
