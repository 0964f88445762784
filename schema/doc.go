// Package schema gives the commands of the service their meaning: the tables of the
// archive, and how a command, or a mark of our own, becomes rows of them.
package schema
