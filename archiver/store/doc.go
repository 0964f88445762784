// Package store says what the archive needs of a place that keeps objects, and what lies
// there: keys, manifests, and which of them count.
//
//	hourly/<table>/utc_date=2026-01-02/utc_hour=03/<collector>-<journal id>-<generation>.parquet
//	manifest/utc_date=2026-01-02/utc_hour=03/<collector>-<journal id>-<generation>.json
//
// An object belongs to the archive when a manifest lists it, and only then. The manifest
// is put last, so whoever reads one finds everything that it names.
//
// What holds of every archive:
//
//	K1  A collector is [a-z0-9][a-z0-9-]{0,62} and may hold hyphens, a journal id is 16
//	    lower-case hex digits, a generation is decimal without leading zeros: keys are
//	    parsed from the right.
//	K2  Of the manifests of one hour, collector and journal the highest generation counts.
//	K3  A manifest holds nothing from a clock: the same journal and recipe give the same
//	    bytes.
//	K4  A manifest bears the SHA-256 of its own bytes: one that was changed is refused.
//
// The package does not know Parquet, nor any concrete place: those are its subfolders.
package store
