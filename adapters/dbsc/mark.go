package dbsc

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// markName is the name of the mark in the session's metadata. The data of every
// bound session has it, so it is short.
const markName = "dbsc"

// mark is what the data of a session says about its binding. A browser without
// this protocol looks the same as one whose cookie was taken away, so the data
// has to say which one is expected.
//
//	asked: 1 ‖ first 4 bytes of the session's id ‖ time of Bind, 4 bytes
//	bound: 2 ‖ first 4 bytes of the session's id ‖ thumbprint of the key, 16 bytes
//
// CycleID keeps the metadata and changes the id: the mark is then another
// session's. Four bytes tell the two apart but for one time in four billion,
// and then the visitor logs in again. Nobody can choose an id.
type mark struct {
	kind  markKind
	tag   [tagSize]byte
	at    time.Time  // of asked
	thumb thumbprint // of bound
}

type markKind uint8

const (
	noMark markKind = iota
	asked
	bound
	laterMark // written by a later version
)

const tagSize = 4

// sessionID is what IDBytes returns.
type sessionID = [16]byte

// thumbprint is the first half of SHA-256 of a public key, which is a point of
// P-256 that is not compressed. To pass for a bound browser one needs a key with the thumbprint of
// another, which takes 2^128 attempts: a half is as safe as the curve. Two keys
// of one thumbprint, 2^64 attempts, are both of their maker and help nobody.
type thumbprint [16]byte

func thumbprintOf(publicKey []byte) (t thumbprint) {
	sum := sha256.Sum256(publicKey)
	copy(t[:], sum[:])
	return t
}

// String is the session identifier by which the browser and the server name
// one binding. It is no secret. It is the key's and not the session's, so that
// two registrations of one session are two things to the browser, of which
// each can be ended alone. The letter in front makes it a token of structured
// fields: Chromium 156 sends it without quotes, and a token begins with a letter.
func (t thumbprint) String() string { return "k" + base64.RawURLEncoding.EncodeToString(t[:]) }

func askedMark(id sessionID, at time.Time) []byte {
	return appendTime(append([]byte{byte(asked)}, id[:tagSize]...), at)
}

func boundMark(id sessionID, t thumbprint) []byte {
	return append(append([]byte{byte(bound)}, id[:tagSize]...), t[:]...)
}

// readMark reads what stands in the data. What a later version wrote there may
// be the mark of a bound session, so such a session is shown by a later
// version only.
func readMark(b []byte) (m mark) {
	if len(b) == 0 {
		return mark{}
	}
	if len(b) < 1+tagSize {
		return mark{kind: laterMark}
	}
	rest := b[1+copy(m.tag[:], b[1:]):]
	switch kind := markKind(b[0]); {
	case kind == asked && len(rest) == timeSize:
		m.kind, m.at = asked, readTime(rest)
	case kind == bound && len(rest) == len(m.thumb):
		m.kind = bound
		copy(m.thumb[:], rest)
	default:
		m.kind = laterMark
	}
	return m
}

// of reports whether the mark was made for the session of that id.
func (m *mark) of(id sessionID) bool {
	return (m.kind == asked || m.kind == bound) && m.tag == [tagSize]byte(id[:tagSize])
}

const timeSize = 4

// appendTime appends a time as seconds since 1970, which fit until 2106.
func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(t.Unix()))
}

func readTime(b []byte) time.Time { return time.Unix(int64(binary.BigEndian.Uint32(b)), 0) }
