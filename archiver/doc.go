// Package archiver turns the hours of journals into sorted Parquet files in a store, and
// shows and verifies what lies there.
//
//	            blocks        rows            files           objects
//	journal ──> gather ──> sort, write ──> read back ──> put, compare ──> manifest ──> retire
//	            (decode)     (staging folder)                (store)       (commit)
//
// An hour belongs to one journal. It is complete once nothing can come any more that
// belongs to it: the journal has a later record beyond the grace, or is ended. [Archiver.Poke]
// builds every complete hour that is not committed, oldest first, also those that were
// missed; [Archiver.Run] pokes on a schedule.
//
// What holds whatever crashes:
//
//	A1  Objects first, the manifest last, and only if there is none: reading the manifest
//	    is what makes an hour committed. What lies there without one is a leftover and is
//	    replaced by the next build; under a manifest nothing is ever replaced.
//	A2  The bytes of every object and manifest are a function of the journal and the
//	    recipe alone: not of the clock, the host, or the number of processors.
//	A3  No file leaves the staging folder before it was read back and found to hold, column
//	    by column, the values and nulls of the rows that were written.
//	A4  No manifest is put before its books balance: each command that was received in the
//	    hour's window is kept, a copy, set aside, or given to a neighbouring hour.
//	A5  Every row lies in the hour of its ts. What an hour gives its neighbour, the
//	    neighbour takes.
//	A6  A journal's segments are retired only when the manifests of all their hours were
//	    read from the store again, also where lack of space makes them go before their
//	    time: then oldest first, and no more than has to.
//	A7  An hour that fails is reported and tried again; it never keeps others from being
//	    committed. That holds for a panic in a decoder or in the Parquet library too.
//
// An hour is sorted in memory: one that does not fit cannot be built.
//
// One process works on an archive's folder at a time; a lock file says which.
package archiver
