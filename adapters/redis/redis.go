// Package redis spreads the marks of a revocation list with Redis: a server of
// its own, Sentinel, Cluster, and Valkey, which has the same commands.
//
//	client := goredis.NewClient(&goredis.Options{Addr: "redis:6379", ContextTimeoutEnabled: true})
//	list, err := revocation.New(revocation.Config{Source: redis.New(client, "")})
//
// Three keys hold everything: a stream tells an instance what it has not seen,
// a sorted set has all marks for one that is new or was away for long, and a
// hash has the end of a chain.
//
// The chain is how a loss is noticed. Redis may lose what it has confirmed: a
// server without persistence restarts, a replica that was a moment behind
// takes over, somebody restores a backup. Positions in a stream look the same
// then. So each entry names the one before it by a random number, and an
// instance whose last entry is not in the chain reads everything anew and
// gives back what is missing.
package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cookiesession/cookiesession/revocation"
	goredis "github.com/redis/go-redis/v9"
)

// Source is a [revocation.Source]. It may be used from many goroutines.
type Source struct {
	client goredis.UniversalClient
	keys   []string // stream, sorted set, hash: of one slot
}

const (
	// history is about how many entries the stream keeps. Who has missed more
	// reads the sorted set: that is no slower from there on.
	history = 10_000
	// page is how many entries or marks one call reads.
	page = 1000
	// longest is how long one call waits for news. A client does not hear that
	// its context was cancelled while it reads.
	longest = time.Second
	// entrySize is a mark in an entry: the key, and 16 digits of microseconds.
	entrySize = len(revocation.Key{}) + 16
)

// New makes a source on client. Lists that share the server and prefix share
// marks. prefix is "cookiesession:revocation" if empty. Waiting for news holds
// one connection of the client's pool. Give the client
// ContextTimeoutEnabled, or a server that hangs is waited for beyond the
// list's Timeout.
//
// The server must not evict (maxmemory-policy noeviction). What it loses all
// the same comes back from the instances that run.
func New(client goredis.UniversalClient, prefix string) *Source {
	// One server may serve several applications. Each has a prefix of its own.
	if prefix == "" {
		prefix = "cookiesession:revocation"
	}
	tag := "{" + prefix + "}" // Cluster keeps what has one tag in one place
	return &Source{client: client, keys: []string{tag + ":log", tag + ":marks", tag + ":head"}}
}

// common begins every script. Moments are microseconds: whole numbers up to
// 2^53 are exact in Lua. The count in the head is that of the sorted set, for
// an eviction takes one key and leaves the others.
const common = `
local log, marks, head = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('HGET', head, 'last') or 0)
local function digits(n) return string.format('%016.0f', n) end
local function write(entry, nonce, latest, history)
	redis.call('XADD', log, 'MAXLEN', '~', history, '*', 'p', redis.call('HGET', head, 'nonce') or '', 'n', nonce, 'm', entry)
	redis.call('HSET', head, 'nonce', nonce, 'last', digits(latest), 'count', redis.call('ZCARD', marks))
end
`

// ARGV: nonce, history, the earliest moment allowed, keys.
var appendScript = goredis.NewScript(common + `
local at = math.max(now, tonumber(ARGV[3]), last + 1)
local entry = {}
for i = 4, #ARGV do
	redis.call('ZADD', marks, digits(at), ARGV[i])
	entry[#entry + 1] = ARGV[i] .. digits(at)
end
write(table.concat(entry), ARGV[1], at, ARGV[2])
return digits(at)
`)

// ARGV: nonce, history, a key and a moment for each mark.
var restoreScript = goredis.NewScript(common + `
local entry = {}
for i = 3, #ARGV, 2 do
	local at = tonumber(ARGV[i + 1])
	local has = tonumber(redis.call('ZSCORE', marks, ARGV[i]) or -1)
	if has < at then
		redis.call('ZADD', marks, digits(at), ARGV[i])
		entry[#entry + 1] = ARGV[i] .. digits(at)
		last = math.max(last, at)
	end
end
if #entry > 0 then
	write(table.concat(entry), ARGV[1], last, ARGV[2])
end
return #entry
`)

// ARGV: how many, after which id, a nonce. A sorted set that is not as large
// as it was left breaks the chain for everybody, once.
var readScript = goredis.NewScript(common + `
local card = redis.call('ZCARD', marks)
if card ~= tonumber(redis.call('HGET', head, 'count') or 0) then
	redis.call('HSET', head, 'nonce', ARGV[3], 'count', card)
end
local found = redis.call('XREAD', 'COUNT', ARGV[1], 'STREAMS', log, ARGV[2])
local entries = {}
for _, entry in ipairs(found and found[1][2] or {}) do
	entries[#entries + 1] = {entry[1], entry[2][2], entry[2][4], entry[2][6]}
end
return {digits(now), redis.call('HGET', head, 'nonce') or '', entries}
`)

// ARGV: how many, from which moment.
var snapshotScript = goredis.NewScript(common + `
local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
return {digits(now), redis.call('HGET', head, 'nonce') or '', newest[1] and newest[1][1] or '0-0',
	redis.call('ZRANGEBYSCORE', marks, ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[1])}
`)

// ARGV: how many, the age in microseconds.
var trimScript = goredis.NewScript(common + `
local old = redis.call('ZCOUNT', marks, '-inf', '(' .. digits(now - ARGV[2]))
local n = math.min(old, tonumber(ARGV[1]))
if n > 0 then
	redis.call('ZREMRANGEBYRANK', marks, 0, n - 1)
	redis.call('HSET', head, 'count', redis.call('ZCARD', marks))
end
return old - n
`)

// rand.Text has 130 random bits: two entries never have the same one.
func nonce() string { return rand.Text() }

// Append implements [revocation.Source]. The client may send it again after a
// line broke: then the key has two marks, and the later one counts.
func (s *Source) Append(ctx context.Context, keys []revocation.Key, atLeast revocation.Moment) (revocation.Moment, error) {
	// The script is one step on the server, so marks of two instances never mix
	// and never share a moment.
	args := []any{nonce(), history, int64(atLeast)}
	for _, k := range keys {
		args = append(args, k[:])
	}
	// The moment is the time of the server, as 16 digits.
	text, err := s.run(ctx, appendScript, args...).Text()
	if err != nil {
		return 0, err
	}
	return parseMoment(text)
}

// run sends a script by its hash, and its text where the server does not know
// it. Some clients look at a context only while they wait for a connection.
func (s *Source) run(ctx context.Context, script *goredis.Script, args ...any) *goredis.Cmd {
	if err := ctx.Err(); err != nil {
		cmd := goredis.NewCmd(ctx)
		cmd.SetErr(err)
		return cmd
	}
	return script.Run(ctx, s.client, s.keys, args...)
}

// Restore implements [revocation.Source].
func (s *Source) Restore(ctx context.Context, marks []revocation.Mark) error {
	// The script takes what is missing and leaves the rest, so it does no harm
	// when several instances give back the same marks.
	args := []any{nonce(), history}
	for _, m := range marks {
		args = append(args, m.Key[:], int64(m.At))
	}
	return s.run(ctx, restoreScript, args...).Err()
}

// Trim implements [revocation.Source]. It takes old marks away in portions:
// the server does nothing else meanwhile.
func (s *Source) Trim(ctx context.Context, keep time.Duration) error {
	for {
		// The script tells how many old marks are left, so the loop ends without
		// another request.
		left, err := s.run(ctx, trimScript, page, keep.Microseconds()).Int()
		if err != nil || left == 0 {
			return err
		}
	}
}

// position is a cursor: behind which entry of the stream, and which entry that
// was. While the sorted set is read, from says from which moment on.
type position struct {
	id, nonce string
	snapshot  bool
	from      revocation.Moment
}

var (
	cursorPattern = regexp.MustCompile(`^(\d{1,20}-\d{1,20})/(\w*)(?:/(\d{1,19}))?$`)
	errCursor     = errors.New("cookiesession/redis: the cursor is not this source's")
)

func parseCursor(c revocation.Cursor) (position, error) {
	// Who is new reads the sorted set first: the stream does not go back that
	// far.
	if c == "" {
		return position{snapshot: true}, nil
	}
	// A cursor comes from a list and not from a visitor. It is checked all the
	// same: one of another source would be read as a wrong place.
	parts := cursorPattern.FindStringSubmatch(string(c))
	if parts == nil {
		return position{}, errCursor
	}
	p := position{id: parts[1], nonce: parts[2], snapshot: parts[3] != ""}
	// The moment at which the next page of the sorted set begins.
	if p.snapshot {
		from, err := strconv.ParseInt(parts[3], 10, 64)
		if err != nil {
			return position{}, errCursor
		}
		p.from = revocation.Moment(from)
	}
	return p, nil
}

func (p position) cursor() revocation.Cursor {
	if p.snapshot {
		return revocation.Cursor(fmt.Sprintf("%s/%s/%d", p.id, p.nonce, p.from))
	}
	return revocation.Cursor(p.id + "/" + p.nonce)
}

// Read implements [revocation.Source].
func (s *Source) Read(ctx context.Context, after revocation.Cursor) (revocation.Page, error) {
	p, err := parseCursor(after)
	if err != nil {
		return revocation.Page{}, err
	}
	if p.snapshot {
		return s.readSet(ctx, p)
	}
	// The usual case is one request, with nothing to read.
	got, whole, err := s.readLog(ctx, p)
	if err != nil || whole {
		return got, err
	}
	// The chain is broken: something was lost. Everything is read anew, and the
	// list is told, so that it gives back what is missing.
	got, err = s.readSet(ctx, position{snapshot: true})
	got.Reset = true
	return got, err
}

// readLog reads the stream. whole is false where the chain is broken.
func (s *Source) readLog(ctx context.Context, p position) (got revocation.Page, whole bool, err error) {
	// The nonce is used only where the sorted set is smaller than it was left.
	// It breaks the chain then.
	answer, err := s.run(ctx, readScript, page, p.id, nonce()).Slice()
	if err != nil {
		return got, false, err
	}
	var head string
	var entries []any
	if got.Now, head, err = begin(answer, 3); err != nil {
		return got, false, err
	}
	entries, _ = answer[2].([]any)
	for _, entry := range entries { // each names the one before it
		e, err := parseEntry(entry)
		// An entry that does not name the one before it follows another history.
		if err != nil || e.before != p.nonce {
			return got, false, err
		}
		p.id, p.nonce = e.id, e.nonce
		got.Marks = append(got.Marks, e.marks...)
	}
	// A full page may have more behind it.
	got.More = len(entries) == page
	got.Next = p.cursor()
	// The chain ends where the head says. It does not where entries were lost
	// and none has come since, or where those that came have earlier ids.
	return got, got.More || p.nonce == head, nil
}

// readSet reads the sorted set. Where the stream goes on behind it is noted
// before the first page, so nothing falls between the two.
func (s *Source) readSet(ctx context.Context, p position) (got revocation.Page, err error) {
	answer, err := s.run(ctx, snapshotScript, page, int64(p.from)).Slice()
	if err != nil {
		return got, err
	}
	now, head, err := begin(answer, 4)
	if err != nil {
		return got, err
	}
	// The first page notes the end of the stream. Marks that come while the set
	// is read are read from the stream afterwards.
	if p.id == "" {
		p.id, _ = answer[2].(string)
		p.nonce = head
	}
	pairs, _ := answer[3].([]any)
	// Members and scores come in turn.
	for i := 0; i+1 < len(pairs); i += 2 {
		m, err := parsePair(pairs[i], pairs[i+1])
		if err != nil {
			return got, err
		}
		got.Marks = append(got.Marks, m)
	}
	got.Now, got.More = now, true // what is in the stream behind it
	if p.snapshot = len(got.Marks) == page; p.snapshot {
		// The next page begins at the last moment of this one, because that moment
		// may have further marks. Marks that come twice do no harm.
		from := got.Marks[page-1].At
		if from == p.from { // an Append has 32 keys at most: this is no set of ours
			return got, errData
		}
		p.from = from
	}
	got.Next = p.cursor()
	return got, nil
}

var errData = errors.New("cookiesession/redis: the server holds what this package has not written: is the prefix used by something else?")

// begin checks the shape of an answer, and reads what each begins with.
func begin(answer []any, n int) (now revocation.Moment, head string, err error) {
	// The answers come from a server that others may have written to. So every
	// shape is checked, and nothing panics.
	if len(answer) != n {
		return 0, "", errData
	}
	text, _ := answer[0].(string)
	now, err = parseMoment(text)
	head, ok := answer[1].(string)
	if !ok {
		err = errData
	}
	return now, head, err
}

func parseMoment(text string) (revocation.Moment, error) {
	// The error does not show the text: it could be anything that stands on that
	// server.
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errData
	}
	return revocation.Moment(n), nil
}

// entry is one of the stream.
type entry struct {
	id, before, nonce string
	marks             []revocation.Mark
}

func parseEntry(v any) (e entry, err error) {
	fields, _ := v.([]any)
	texts := make([]string, 0, 4)
	for _, f := range fields {
		text, ok := f.(string)
		if !ok {
			return e, errData
		}
		texts = append(texts, text)
	}
	// Three fields and the id of the entry.
	if len(texts) != 4 || len(texts[3])%entrySize != 0 {
		return e, errData
	}
	e = entry{id: texts[0], before: texts[1], nonce: texts[2]}
	for rest := texts[3]; rest != ""; rest = rest[entrySize:] {
		const k = len(revocation.Key{})
		// The zeros in front only fill the 16 digits.
		at, err := parseMoment(strings.TrimLeft(rest[k:entrySize], "0"))
		if err != nil {
			return e, err
		}
		e.marks = append(e.marks, revocation.Mark{Key: revocation.Key([]byte(rest[:k])), At: at})
	}
	return e, nil
}

// parsePair is a member of the sorted set and its score. Go reads the latter
// as a float: RESP 3 sends it as one.
func parsePair(member, score any) (m revocation.Mark, err error) {
	key, ok := member.(string)
	if !ok || len(key) != len(m.Key) {
		return m, errData
	}
	// The score is a float64 and a moment is a whole number of microseconds. Up
	// to 2^53, which is the year 2255, none is rounded.
	var at float64
	switch score := score.(type) {
	case float64:
		at = score
	case string:
		if at, err = strconv.ParseFloat(score, 64); err != nil {
			return m, errData
		}
	default:
		return m, errData
	}
	if at != math.Trunc(at) || math.Abs(at) > 1<<53 {
		return m, errData
	}
	return revocation.Mark{Key: revocation.Key([]byte(key)), At: revocation.Moment(at)}, nil
}

// Wait implements [revocation.Source].
func (s *Source) Wait(ctx context.Context, after revocation.Cursor) error {
	p, err := parseCursor(after)
	if err != nil || p.snapshot || ctx.Err() != nil {
		return err
	}
	// The wait ends with the time of the caller, or after a second. The caller
	// reads then and waits again.
	block := longest
	if deadline, ok := ctx.Deadline(); ok {
		block = min(block, time.Until(deadline))
	}
	block = max(block.Truncate(time.Millisecond), time.Millisecond) // 0 would be for ever
	err = s.client.XRead(context.WithoutCancel(ctx), &goredis.XReadArgs{Streams: []string{s.keys[0], p.id}, Count: 1, Block: block}).Err()
	if errors.Is(err, goredis.Nil) {
		return nil
	}
	return err
}
