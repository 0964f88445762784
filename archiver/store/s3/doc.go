// Package s3 keeps objects in a bucket of Amazon S3 or of a server that speaks its
// protocol (MinIO, versitygw, Ceph, R2, …). The key follows the prefix, if there is one:
//
//	s3://<bucket>/<prefix>/hourly/…/x.parquet
//
// Invariants:
//
//	S1  The server checks what it receives: the SHA-256 that PutOptions names is in the
//	    signature of the request and, unless Checksums is when_required, in
//	    x-amz-checksum-sha256. A content that differs is refused before it is sent, too.
//	S2  Only-if-absent is a condition of the server (If-None-Match: *). After a refusal,
//	    which is also what follows a lost answer, size and SHA-256 of what stands there
//	    decide; the SHA-256 comes from its metadata (x-amz-meta-sha256), else it is read.
//	S3  One object is read as it was when opened (If-Match with its ETag), or not at all.
//	S4  A failing request is repeated with pauses while that makes sense, never less often
//	    because others have failed before.
//	S5  Errors name bucket and key and say what to do. No secret is in them.
//
// Objects of more than 5 GiB are refused: they need several parts, which is not done here.
//
// A server must support If-None-Match for PutObject. One that answers "not implemented" is
// reported; one that ignores the condition cannot be told apart, and then two writers of
// one key are not kept apart either.
package s3
