// Package runtimevar has a keyring follow any gocloud.dev/runtimevar variable:
// AWS Secrets Manager and Parameter Store, GCP Secret Manager, an HTTP URL, a
// blob. The variable holds the whole ring, the text of a key file: keys that
// came one by one would be a ring that nobody has checked as a whole.
//
// It is not in the core because of what it costs. A program that serves
// sessions grows by 7.5 MB stripped and 10.9 MB as built (v0.47.0, httpvar
// alone), before any cloud's own driver.
//
// Two drivers are better left alone. etcdvar (v0.37.0 and later heads) polls:
// 7,522 reads and as many watches came to a quiet server in 5 seconds, because
// it cancels the context that it watches with. Use adapters/etcd. filevar
// misses a retargeted symbolic link, and Kubernetes brings a new Secret by
// retargeting one. Use [cookiesession.LoadKeyFile].
package runtimevar

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cookiesession/cookiesession"
	"gocloud.dev/runtimevar"
)

const loadTimeout = 10 * time.Second // for the first value

// Follow makes a ring of v's value, the text of a key file ({"keys": […]}, see
// [cookiesession.LoadKeyFile]), and follows it until ctx ends or v is closed.
// The value has to be a string or []byte: open v with
// [runtimevar.StringDecoder] or [runtimevar.BytesDecoder].
//
// It fails when the first value cannot be had within 10 seconds or is refused.
// From then on the last good keys stay in force. What is refused or cannot be
// read is told by [cookiesession.Keyring.Err] and as
// [cookiesession.EventKeysRefused]. Nobody else may call v.Watch.
//
// How soon a change is seen is the driver's WaitDuration, 30 seconds if you
// leave it: choose the delay of a rotation longer than that.
func Follow(ctx context.Context, v *runtimevar.Variable) (*cookiesession.Keyring, error) {
	first, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	got, err := v.Watch(first)
	if err != nil {
		return nil, fmt.Errorf("cookiesession/runtimevar: no first value: %w", err)
	}
	ring := new(cookiesession.Keyring)
	if err := take(ring, got.Value); err != nil {
		return nil, fmt.Errorf("cookiesession/runtimevar: first value refused: %w", err)
	}
	go follow(ctx, v, ring)
	return ring, nil
}

func follow(ctx context.Context, v *runtimevar.Variable, ring *cookiesession.Keyring) {
	var reported string // drivers repeat an error at each poll
	for {
		got, err := v.Watch(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, runtimevar.ErrClosed):
			return
		case err == nil:
			reported = ""
			take(ring, got.Value) // the ring tells what it refuses
		case err.Error() != reported:
			reported = err.Error()
			ring.Refuse(fmt.Errorf("cookiesession/runtimevar: the variable cannot be read: %w", err))
		}
	}
}

func take(ring *cookiesession.Keyring, value any) error {
	switch value := value.(type) {
	case string:
		return ring.ReplaceJSON([]byte(value))
	case []byte:
		return ring.ReplaceJSON(value)
	}
	err := fmt.Errorf("cookiesession/runtimevar: the value is a %T: open the variable with StringDecoder or BytesDecoder", value)
	ring.Refuse(err)
	return err
}
