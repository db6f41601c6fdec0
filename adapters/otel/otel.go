// Package otel counts what happens to sessions and keys as OpenTelemetry metrics.
//
// It is not in the core because it needs the OpenTelemetry API. The core tells
// everything through [cookiesession.Config] OnEvent and Keyring.Status, which
// any other metrics library can be fed from in the same way.
package otel

import (
	"context"
	"errors"
	"slices"

	"github.com/cookiesession/cookiesession"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Attribute keys. A cookie is named by its compartment, a key by its id.
const (
	cookieKey  = attribute.Key("cookiesession.cookie")
	keyIDKey   = attribute.Key("cookiesession.key_id")
	reasonKey  = attribute.Key("cookiesession.reason")
	outcomeKey = attribute.Key("cookiesession.outcome")
)

// OnEvent makes a function for Config.OnEvent that counts into the meter:
//
//	cookiesession.cookies.opened    by key id: which keys are still in use
//	cookiesession.cookies.refused   by cookie and reason, and by key id where the key is one of ring's
//	cookiesession.cookies.issued    by cookie and key id
//	cookiesession.cookies.renewed   by cookie and key id: unchanged, for the idle deadline
//	cookiesession.cookies.rekeyed   by cookie and key id: unchanged, under a newer key
//	cookiesession.cookies.deleted   by cookie
//	cookiesession.cookies.doubled   by cookie: several cookies of one name came
//	cookiesession.cookies.size      histogram, bytes of the names and values of all three, by cookie
//	cookiesession.writes.refused    by reason: "committed" is a late write
//	cookiesession.late_looks        responses not marked as varying
//	cookiesession.keys.reloads      by outcome, "loaded" or "refused"; once for each manager of the ring
//
// A function given as next hears every event after it was counted: Config.OnEvent
// replaces the core's own log, which [cookiesession.LogEvent] keeps. The ring is observed for as long as the meter's
// provider lives, so call OnEvent once for each ring.
func OnEvent(meter metric.Meter, ring *cookiesession.Keyring, next ...func(context.Context, cookiesession.Event)) (func(context.Context, cookiesession.Event), error) {
	i, err := newInstruments(meter)
	if err == nil {
		err = observe(meter, ring)
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, e cookiesession.Event) {
		i.count(ctx, e, ring)
		for _, f := range next {
			f(ctx, e)
		}
	}, nil
}

// observe reads the ring's own counters when metrics are collected: opening is
// the hot path and has no event.
func observe(meter metric.Meter, ring *cookiesession.Keyring) error {
	_, err := meter.Int64ObservableCounter("cookiesession.cookies.opened",
		metric.WithDescription("Cookies opened, by the key that opened them."), metric.WithUnit("{cookie}"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for _, key := range ring.Status() {
				o.Observe(int64(key.Opened), metric.WithAttributes(keyIDKey.String(key.ID)))
			}
			return nil
		}))
	return err
}

type instruments struct {
	refused, issued, renewed, rekeyed, deleted, doubled metric.Int64Counter
	writes, looks, reloads                              metric.Int64Counter
	size                                                metric.Int64Histogram
}

func newInstruments(meter metric.Meter) (*instruments, error) {
	var errs []error
	counter := func(name, unit, description string) metric.Int64Counter {
		c, err := meter.Int64Counter("cookiesession."+name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return c
	}
	size, err := meter.Int64Histogram("cookiesession.cookies.size", metric.WithUnit("By"),
		metric.WithDescription("Names and values of the cookies issued, in bytes."),
		metric.WithExplicitBucketBoundaries(128, 256, 512, 1024, 2048, 4096, 6144, 8192)) // 4,093 is a cookie's end, 7,168 the default MaxBytes
	errs = append(errs, err)
	i := &instruments{
		refused: counter("cookies.refused", "{cookie}", "Cookies that were not accepted, by reason."),
		issued:  counter("cookies.issued", "{cookie}", "Cookies set for a change."),
		renewed: counter("cookies.renewed", "{cookie}", "Cookies issued anew without a change, by RenewAfter or SaveEveryRequest."),
		rekeyed: counter("cookies.rekeyed", "{cookie}", "Cookies issued anew under a newer key."),
		deleted: counter("cookies.deleted", "{cookie}", "Cookies deleted."),
		doubled: counter("cookies.doubled", "{cookie}", "Requests with several cookies of one name."),
		writes:  counter("writes.refused", "{write}", "Changes that were not saved, by reason."),
		looks:   counter("late_looks", "{response}", "Sessions first looked at after the header left."),
		reloads: counter("keys.reloads", "{reload}", "New keys that were loaded or refused."),
		size:    size,
	}
	return i, errors.Join(errs...)
}

func (i *instruments) count(ctx context.Context, e cookiesession.Event, ring *cookiesession.Keyring) {
	cookie := cookieKey.String(e.CookieName)
	add := func(c metric.Int64Counter, attrs ...attribute.KeyValue) {
		c.Add(ctx, 1, metric.WithAttributes(attrs...))
	}
	switch e.Kind {
	case cookiesession.EventRefused:
		attrs := []attribute.KeyValue{cookie, reasonKey.String(reason(e.Err))}
		if known(ring, e.KeyID) {
			attrs = append(attrs, keyIDKey.String(e.KeyID))
		}
		add(i.refused, attrs...)
	case cookiesession.EventIssued:
		i.set(ctx, i.issued, e)
	case cookiesession.EventRenewed:
		i.set(ctx, i.renewed, e)
	case cookiesession.EventRekeyed:
		i.set(ctx, i.rekeyed, e)
	case cookiesession.EventDeleted:
		add(i.deleted, cookie)
	case cookiesession.EventDoubled:
		add(i.doubled, cookie)
	case cookiesession.EventWriteRefused:
		add(i.writes, reasonKey.String(reason(e.Err)))
	case cookiesession.EventLateLook:
		add(i.looks)
	case cookiesession.EventKeysLoaded:
		add(i.reloads, outcomeKey.String("loaded"))
	case cookiesession.EventKeysRefused:
		add(i.reloads, outcomeKey.String("refused"))
	}
}

// set counts a cookie that was set, for whichever reason.
func (i *instruments) set(ctx context.Context, c metric.Int64Counter, e cookiesession.Event) {
	cookie := cookieKey.String(e.CookieName)
	c.Add(ctx, 1, metric.WithAttributes(cookie, keyIDKey.String(e.KeyID)))
	i.size.Record(ctx, int64(e.Bytes), metric.WithAttributes(cookie))
}

// known: the key id of a refused cookie is the client's text. Taken as it
// comes, a flood of made-up ids would be a flood of time series.
func known(ring *cookiesession.Keyring, id string) bool {
	return slices.ContainsFunc(ring.Status(), func(k cookiesession.KeyStatus) bool { return k.ID == id })
}

// reason is one of a few words, never an error's text: Validate's errors are
// the application's and may hold anything.
func reason(err error) string {
	for _, r := range []struct {
		err  error
		word string
	}{
		{cookiesession.ErrUnknownKey, "unknown-key"},
		{cookiesession.ErrExpired, "expired"},
		{cookiesession.ErrRevoked, "revoked"},
		{cookiesession.ErrInvalid, "invalid"},
		{cookiesession.ErrTooLarge, "too-large"},
		{cookiesession.ErrCommitted, "committed"},
	} {
		if errors.Is(err, r.err) {
			return r.word
		}
	}
	return "other"
}
