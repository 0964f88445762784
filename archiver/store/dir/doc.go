// Package dir keeps objects as files of a folder: the key is the path below it, and any
// tool that reads files reads the archive.
//
//	<folder>/
//	├── .tmp/put-…          what is being written; never listed, never read
//	└── hourly/…/x.parquet  the object with the key hourly/…/x.parquet
//
// An object comes into being in this order, and a crash between any two steps leaves
// either no object or the whole one:
//
//	.tmp/put-… written and hashed → size and SHA-256 compared → fsync of the file
//	→ link (only if absent) or rename (replace) → fsync of every folder up to the root
//
// Invariants:
//
//	D1  What has a key was complete and synced before it got the key.
//	D2  Put returns after the file and every folder above it are synced.
//	D3  A temporary file is locked (flock) while its writer lives, so New removes what a
//	    crash left and nothing else, also while other processes write.
//	D4  A missing folder is an error and never looks like an empty archive.
//	D5  Nothing outside of the folder is read or written, whatever symbolic links say; a
//	    symbolic link is no object.
//
// A folder keeps no SHA-256: Stat leaves it nil. Files get the mode 0644 and folders 0755,
// less the umask. The file system must have hard links; a network file system must have
// them and flock. Files whose path is no key, such as "notes (old).txt", are not listed.
package dir
