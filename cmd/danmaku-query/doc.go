// Danmaku-query is SQL over an archive, with DuckDB inside.
//
//	danmaku-query sql "select room_id, count(*) from danmaku group by all order by 2 desc limit 10"
//	danmaku-query sql --store /var/lib/danmaku/archive --format csv -f top.sql
//
// Every table of the archive is a view of its name, also one that has no rows yet. A view
// reads the objects that the manifests name, newest generation only, and none that are not
// committed: counts agree with danmaku verify. Times are instants; they are shown in the
// time zone given by --timezone, and comparisons with dates happen in it too.
//
// It is a program of its own because DuckDB needs cgo and adds some 60 MB; built without
// cgo it only says so. It reads folders; for a bucket, copy the days of interest first.
package main
