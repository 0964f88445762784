package simulator

import (
	"hash/crc32"
	"hash/fnv"
	"math/rand/v2"
)

// person is a user of the scripted service.
type person struct {
	uid  int64 // 0 where masked
	name string
	crc  uint32 // CRC-32 of the decimal uid, also where masked
	// level is the user's level, wealth what the service calls the level of honour.
	level, wealth int
	guard         int // 0 none, 3 captain, 2 admiral, 1 governor
	admin         bool
	medal         int // level of the room's medal, 0 without one
	entered       int64
}

// masked is the person as a guest sees them: without uid, the name starred; the hash stays
// (wzgrx/pure_live).
func (p person) masked() person {
	p.uid, p.name = 0, starred(p.name)
	return p
}

// crcOf is the hash that the service sends for a user, with danmaku even where masked.
func crcOf(uid int64) uint32 { return crc32.ChecksumIEEE([]byte(decimal(uid))) }

// hashOf mixes numbers into one that looks random; equal numbers give equal results.
func hashOf(numbers ...uint64) uint64 {
	h := fnv.New64a()
	var b [8]byte
	for _, n := range numbers {
		for i := range b {
			b[i] = byte(n >> (8 * i))
		}
		h.Write(b[:])
	}
	// FNV alone is weak in its high bits for short input.
	x := h.Sum64()
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return x ^ x>>32
}

// Salts keep the things that are made from the same seed apart.
const (
	saltRoom uint64 = iota + 1
	saltPerson
	saltScript
	saltKeys
	saltText
	saltSite
	saltFault
	saltFlux
)

func random(numbers ...uint64) *rand.Rand {
	h := hashOf(numbers...)
	return rand.New(rand.NewPCG(h, h>>1^saltRoom))
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// someone returns the user of a number; the same number is the same user in all rooms.
func someone(seed, number uint64) person {
	r := random(seed, saltPerson, number)
	p := person{
		uid:    10_000_000 + r.Int64N(490_000_000),
		name:   pick(r, nameStarts) + pick(r, nameEnds),
		level:  1 + r.IntN(40),
		wealth: r.IntN(30),
	}
	if r.IntN(2) == 0 {
		p.name += decimal(r.IntN(10000))
	}
	p.crc = crcOf(p.uid)
	return p
}
