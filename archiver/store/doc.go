// Package store says what the archive needs of a place that keeps objects.
package store
