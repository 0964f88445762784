// Package collect keeps one session a wanted room and writes all that they receive.
package collect
