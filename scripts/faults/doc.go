// Faults judges what a recording under faults has kept: scripts/faults/run starts the real
// program on disks that fail and kills it, and this program compares three accounts of what
// happened, of which only the first was not written by the program under test.
//
//	ledger (simulator) --- journal (danmaku journal cat) --- archive (danmaku show, manifests)
//
// It reads what any user can read and shares no code with the journal's reader. Every line
// of the ledger has exactly one fate:
//
//	archived     in the journal once, and in the books of the archive
//	in a gap     coverage says that the room was not listened to then
//	shed         coverage says that its class was not recorded then, and shed marks count it
//	doubled      in the journal, or as a danmaku in the archive, more than once
//	unexplained  anything else, also what nobody pushed and counts that do not add up
//
// Most commands bear no id of their own. But a connection brings them in order: what the
// journal has of a connection must be what the ledger has, in its order, and where danmaku,
// which do bear one, show that some are missing, exactly those are.
//
// A gap excuses only the end of what a connection brought, never the middle.
package main
