// Package nats spreads the marks of a revocation list with NATS JetStream.
//
//	conn, err := nats.Connect("nats://nats:4222", nats.MaxReconnects(-1))
//	…
//	source, err := revocationnats.New(conn, revocationnats.Config{Replicas: 3})
//	list, err := revocation.New(revocation.Config{Source: source})
//
// One stream holds everything, in order. An instance reads what is behind the
// last message that it has read. After each message a plain one says that
// there is news. Writers take turns by the stream's own expectation of the
// last sequence number, so that no two marks have one moment.
package nats

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/cookiesession/cookiesession/revocation"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Config says where the marks are.
type Config struct {
	// Name is of the stream, letters and digits. The default is "revocations". Its
	// subjects are cookiesession.<Name>.marks and .news. Lists that share it
	// share marks.
	Name string
	// Replicas is how many servers of a cluster have each mark before Append
	// returns. The default is 1. It matters when the stream is made.
	Replicas int
}

// Source is a [revocation.Source]. It may be used from many goroutines, and by
// one list.
type Source struct {
	conn        *nats.Conn
	js          jetstream.JetStream
	config      jetstream.StreamConfig
	marks, news string // subjects

	mu   sync.Mutex
	sub  *nats.Subscription // to news; nil: not yet
	back *restored
}

// page is how many messages one call reads.
const page = 256

// New makes a source on conn. The stream is made when it is first needed. Give
// the connection MaxReconnects(-1): by default a client gives up after two
// minutes.
//
// Servers before 2.10 do not tell the time with a stream's state. Each read
// makes a consumer there, which does.
func New(conn *nats.Conn, cfg Config) (*Source, error) {
	if cfg.Name == "" {
		cfg.Name = "revocations"
	}
	// The name is a part of subjects, in which dots and stars have a meaning.
	if !regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`).MatchString(cfg.Name) {
		return nil, fmt.Errorf("cookiesession/nats: Config.Name: %q may have letters and digits only", cfg.Name)
	}
	// This asks the server nothing, so New works while the server is away.
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, fmt.Errorf("cookiesession/nats: %w", err)
	}
	// The subject of the marks is stored in the stream. The subject of the news
	// is not: nobody needs old news.
	subject := "cookiesession." + cfg.Name
	s := &Source{conn: conn, js: js, marks: subject + ".marks", news: subject + ".news"}
	// A full stream refuses new marks. The default would drop old ones, and
	// sessions that were ended would live again. Messages are kept in files, so
	// a restart loses none.
	s.config = jetstream.StreamConfig{
		Name: "cookiesession-" + cfg.Name, Subjects: []string{s.marks}, Replicas: max(cfg.Replicas, 1),
		Storage: jetstream.FileStorage, Discard: jetstream.DiscardNew, AllowDirect: true,
		Description: "Marks that end sessions: see cookiesession/revocation",
	}
	return s, nil
}

// state finds the stream, and makes it where it is missing: at the first use,
// and when the engine has lost it.
func (s *Source) state(ctx context.Context) (jetstream.Stream, *jetstream.StreamInfo, error) {
	// A context that has ended must not start a request. The client would send
	// it all the same.
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	stream, err := s.js.Stream(ctx, s.config.Name) // asks for its state
	// Two instances may both find none and both make it. The same configuration
	// twice is no error.
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = s.js.CreateStream(ctx, s.config)
	}
	if err != nil {
		return nil, nil, err
	}
	return stream, stream.CachedInfo(), nil
}

// A message is a kind, the latest moment of all before it and itself, and
// keys. In one that restores, each key has its moment behind it.
const (
	kindAppend  = 1
	kindRestore = 2
	headSize    = 1 + 8
	keySize     = len(revocation.Key{})
)

// message is one of the stream.
type message struct {
	seq    uint64
	stamp  time.Time // by the server
	latest revocation.Moment
	marks  []revocation.Mark
}

var errData = errors.New("cookiesession/nats: the stream holds what this package has not written")

func parseMessage(seq uint64, stamp time.Time, data []byte) (m message, err error) {
	m.seq, m.stamp = seq, stamp
	// The stream may be used by something else by mistake. That is an error, and
	// no mark is guessed.
	if len(data) < headSize {
		return m, errData
	}
	m.latest = revocation.Moment(binary.BigEndian.Uint64(data[1:]))
	size := keySize
	switch kind, rest := data[0], data[headSize:]; {
	case kind == kindAppend && len(rest)%size == 0:
		// Not before what the writer asked for, nor before the server had it.
		m.latest = max(m.latest, revocation.MomentOf(stamp))
		for ; len(rest) > 0; rest = rest[size:] {
			m.marks = append(m.marks, revocation.Mark{Key: revocation.Key(rest[:size]), At: m.latest})
		}
	// Marks that are given back keep their own moments: they were made earlier.
	case kind == kindRestore && len(rest)%(size+8) == 0:
		for ; len(rest) > 0; rest = rest[size+8:] {
			at := revocation.Moment(binary.BigEndian.Uint64(rest[size:]))
			m.marks = append(m.marks, revocation.Mark{Key: revocation.Key(rest[:size]), At: at})
		}
	default:
		return m, errData
	}
	return m, nil
}

// head is the beginning of every message: one byte for the kind and eight for
// the latest moment.
func head(kind byte, latest revocation.Moment) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, uint64(latest))
}

// last gives the message at the end. Where there is none it gives the zero one.
func last(ctx context.Context, stream jetstream.Stream, info *jetstream.StreamInfo) (m message, err error) {
	// An empty stream still has a last number. The next message must expect that
	// one.
	if m.seq = info.State.LastSeq; info.State.Msgs == 0 {
		return m, nil
	}
	raw, err := stream.GetMsg(ctx, m.seq)
	if err != nil {
		return m, err
	}
	return parseMessage(raw.Sequence, raw.Time, raw.Data)
}

// write publishes what make makes of the last message, again where another
// writer was faster.
func (s *Source) write(ctx context.Context, make func(message) []byte) (message, error) {
	// Every turn begins with the state of the stream, because another writer has
	// changed it.
	for {
		stream, info, err := s.state(ctx)
		if err != nil {
			return message{}, err
		}
		before, err := last(ctx, stream, info)
		if errors.Is(err, jetstream.ErrMsgNotFound) && ctx.Err() == nil {
			continue // trimmed or lost between the two
		}
		if err != nil {
			return message{}, err
		}
		// Nothing to write is no error: what was to be given back is there already.
		data := make(before)
		if data == nil {
			return before, nil
		}
		ack, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: s.marks, Data: data}, jetstream.WithExpectLastSequence(before.seq), jetstream.WithExpectStream(s.config.Name))
		// The server compares the number and writes in one step. So of two writers
		// one succeeds and the other tries again.
		var refused *jetstream.APIError
		if errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
			continue
		}
		if err != nil {
			return message{}, err
		}
		s.conn.Publish(s.news, nil) // lost, it is made good by polling
		// The message is read back for its stamp: the moment of a mark is the
		// server's time, not that of this machine.
		raw, err := stream.GetMsg(ctx, ack.Sequence)
		if err != nil {
			return message{}, err
		}
		return parseMessage(raw.Sequence, raw.Time, raw.Data)
	}
}

// Append implements [revocation.Source].
func (s *Source) Append(ctx context.Context, keys []revocation.Key, atLeast revocation.Moment) (revocation.Moment, error) {
	m, err := s.write(ctx, func(before message) []byte {
		// A moment later than the last one, so that no two marks have the same.
		data := head(kindAppend, max(atLeast, before.latest+1))
		for _, k := range keys {
			data = append(data, k[:]...)
		}
		return data
	})
	return m.latest, err
}

// restored is what the stream has, for as long as marks are given back: a log
// cannot be asked for a key.
type restored struct {
	cursor revocation.Cursor
	has    map[revocation.Key]revocation.Moment
}

// Restore implements [revocation.Source].
func (s *Source) Restore(ctx context.Context, marks []revocation.Mark) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// What the stream lacks is computed again at each try: another instance may
	// have given it back.
	var failed error
	_, err := s.write(ctx, func(before message) []byte {
		var lacking []revocation.Mark
		if lacking, failed = s.lacking(ctx, marks); failed != nil || len(lacking) == 0 {
			return nil
		}
		// The latest moment of all goes along in each message. So the next Append
		// need not read the whole stream.
		latest := before.latest
		for _, m := range lacking {
			latest = max(latest, m.At)
		}
		data := head(kindRestore, latest)
		for _, m := range lacking {
			data = binary.BigEndian.AppendUint64(append(data, m.Key[:]...), uint64(m.At))
		}
		return data
	})
	return errors.Join(failed, err)
}

// lacking gives those marks that the stream has not. It needs the lock.
func (s *Source) lacking(ctx context.Context, marks []revocation.Mark) (lacking []revocation.Mark, err error) {
	// The whole stream is read once for a restore, and only the news for each
	// further batch.
	if s.back == nil {
		s.back = &restored{has: map[revocation.Key]revocation.Moment{}}
	}
	for more := true; more; {
		got, err := s.Read(ctx, s.back.cursor)
		if err != nil {
			return nil, err
		}
		// The stream was lost once more while it was read.
		if got.Reset {
			clear(s.back.has)
		}
		for _, m := range got.Marks {
			s.back.has[m.Key] = max(s.back.has[m.Key], m.At)
		}
		s.back.cursor, more = got.Next, got.More
	}
	for _, m := range marks {
		if at, ok := s.back.has[m.Key]; !ok || at < m.At {
			lacking = append(lacking, m)
		}
	}
	return lacking, nil
}

// Trim implements [revocation.Source]. The last message stays, however old:
// cursors stand on it.
func (s *Source) Trim(ctx context.Context, keep time.Duration) error {
	s.mu.Lock()
	// The map may be large. It is made again when it is needed.
	s.back = nil // nothing is being restored for ever
	s.mu.Unlock()
	stream, info, err := s.state(ctx)
	// One message cannot be trimmed, because the last one stays.
	if err != nil || info.State.Msgs < 2 {
		return err
	}
	now, err := s.time(ctx, stream, info)
	if err != nil {
		return err
	}
	// Messages are in the order of time, so a binary search finds the first
	// young one with a few requests.
	first := info.State.FirstSeq
	young := sort.Search(int(info.State.LastSeq-first), func(i int) bool {
		raw, found := stream.GetMsg(ctx, first+uint64(i))
		// A message that was removed by hand counts as old. Any other error ends
		// the search, and nothing is trimmed.
		if found != nil && !errors.Is(found, jetstream.ErrMsgNotFound) {
			err = found
		}
		return found == nil && !raw.Time.Before(now.Add(-keep))
	})
	// Nothing is old enough.
	if err != nil || young == 0 {
		return err
	}
	return stream.Purge(ctx, jetstream.WithPurgeSequence(first+uint64(young)))
}

// time is the server's.
func (s *Source) time(ctx context.Context, stream jetstream.Stream, info *jetstream.StreamInfo) (time.Time, error) {
	// Servers from 2.10 on say their time with the state. Others say it with
	// each new consumer.
	if !info.TimeStamp.IsZero() {
		return info.TimeStamp, nil
	}
	cons, err := s.consumer(ctx, stream, info.State.LastSeq+1)
	if err != nil {
		return time.Time{}, err
	}
	defer s.drop(ctx, stream, cons)
	return cons.CachedInfo().Created, nil
}

func (s *Source) consumer(ctx context.Context, stream jetstream.Stream, from uint64) (jetstream.Consumer, error) {
	// The consumer is for one page. It is kept in memory, on one server, and the
	// server drops it where this program dies.
	return stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, AckPolicy: jetstream.AckNonePolicy,
		InactiveThreshold: 10 * time.Second, MemoryStorage: true, Replicas: 1,
	})
}

func (s *Source) drop(ctx context.Context, stream jetstream.Stream, cons jetstream.Consumer) {
	stream.DeleteConsumer(ctx, cons.CachedInfo().Name) // or the server does, after 10 seconds
}

// position is a cursor: the last message that was read, and when the server
// had it. A stream that was made anew has others under the same numbers.
type position struct {
	seq   uint64
	stamp int64 // nanoseconds
}

var (
	cursorPattern = regexp.MustCompile(`^(\d{1,18})/(\d{1,18}|\d{19})$`)
	errCursor     = errors.New("cookiesession/nats: the cursor is not this source's")
)

func parseCursor(c revocation.Cursor) (p position, err error) {
	if c == "" {
		return p, nil
	}
	parts := cursorPattern.FindStringSubmatch(string(c))
	if parts == nil {
		return p, errCursor
	}
	// The pattern lets in only what fits.
	p.seq, _ = strconv.ParseUint(parts[1], 10, 64)
	p.stamp, err = strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return p, errCursor
	}
	return p, nil
}

func (p position) cursor() revocation.Cursor {
	return revocation.Cursor(fmt.Sprintf("%d/%d", p.seq, p.stamp))
}

// Read implements [revocation.Source].
func (s *Source) Read(ctx context.Context, after revocation.Cursor) (got revocation.Page, err error) {
	p, err := parseCursor(after)
	if err != nil {
		return got, err
	}
	stream, info, err := s.state(ctx)
	if err != nil {
		return got, err
	}
	// A number alone does not tell whether the stream is still the same one. The
	// time of the message does.
	there, err := s.stands(ctx, stream, info, p)
	if err != nil {
		return got, err
	}
	// The reader begins anew, with the first message of the stream.
	if !there {
		got.Reset, p = true, position{}
	}
	now, err := s.time(ctx, stream, info)
	if err != nil {
		return got, err
	}
	got.Now = revocation.MomentOf(now)
	// Up to what was there when the state was asked for: that is all that was
	// appended before this call.
	if p.seq < info.State.LastSeq && info.State.Msgs > 0 {
		if err := s.fetch(ctx, stream, &p, &got); err != nil {
			return got, err
		}
	}
	got.Next, got.More = p.cursor(), p.seq < info.State.LastSeq && info.State.Msgs > 0
	return got, nil
}

// stands reports whether the message of a cursor is in the stream.
func (s *Source) stands(ctx context.Context, stream jetstream.Stream, info *jetstream.StreamInfo, p position) (bool, error) {
	switch state := info.State; {
	case p.seq == 0:
		return true, nil
	// The message was trimmed, or the stream is a new and shorter one.
	case p.seq < state.FirstSeq, p.seq > state.LastSeq:
		return false, nil
	// The usual case: the reader is at the end. The state has the time of the
	// last message, so no request is needed.
	case p.seq == state.LastSeq:
		return state.LastTime.UnixNano() == p.stamp, nil
	}
	// The message is somewhere in the middle. It is read for its time, and one
	// that is gone means that the reader has to begin anew.
	raw, err := stream.GetMsg(ctx, p.seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	return err == nil && raw.Time.UnixNano() == p.stamp, err
}

// fetch reads messages behind p, and moves it.
func (s *Source) fetch(ctx context.Context, stream jetstream.Stream, p *position, got *revocation.Page) error {
	cons, err := s.consumer(ctx, stream, p.seq+1)
	if err != nil {
		return err
	}
	defer s.drop(ctx, stream, cons)
	// It returns what is there. Waiting for news is the task of Wait.
	batch, err := cons.FetchNoWait(page)
	if err != nil {
		return err
	}
	n := 0
	for msg := range batch.Messages() {
		// The number and the time of a message are beside its data.
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		m, err := parseMessage(meta.Sequence.Stream, meta.Timestamp, msg.Data())
		if err != nil {
			return err
		}
		// The cursor moves with each message. A page that breaks off is still read
		// up to there.
		p.seq, p.stamp = m.seq, m.stamp.UnixNano()
		got.Marks = append(got.Marks, m.marks...)
		n++
	}
	if err := batch.Error(); err != nil {
		return err
	}
	// Without this check the caller would ask for the same page again and again.
	if n == 0 {
		return errors.New("cookiesession/nats: the stream has messages, and none came")
	}
	return nil
}

// Wait implements [revocation.Source].
func (s *Source) Wait(ctx context.Context, after revocation.Cursor) error {
	p, err := parseCursor(after)
	if err != nil {
		return err
	}
	sub, fresh, err := s.subscription()
	if err != nil {
		return err
	}
	if fresh { // what came before was told to nobody
		_, info, err := s.state(ctx)
		if err != nil || info.State.LastSeq > p.seq {
			return err
		}
	}
	// The end of the time is no error: the caller reads the stream then in any
	// case.
	if _, err = sub.NextMsgWithContext(ctx); ctx.Err() != nil {
		return nil
	}
	for err == nil { // one word for all that came since
		if n, _, pending := sub.Pending(); pending != nil || n == 0 {
			break
		}
		_, err = sub.NextMsg(time.Millisecond)
	}
	return err
}

func (s *Source) subscription() (sub *nats.Subscription, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The subscription is kept. One for each Wait would miss what is published
	// between two of them.
	if s.sub != nil && s.sub.IsValid() {
		return s.sub, false, nil
	}
	if s.sub, err = s.conn.SubscribeSync(s.news); err != nil {
		return nil, false, err
	}
	return s.sub, true, nil
}
