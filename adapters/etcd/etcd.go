// Package etcd has a keyring follow a key in etcd, for fleets that share
// their configuration there: a rotation reaches every process within
// milliseconds.
//
// It is not in the core because clientv3 brings gRPC, protobuf and zap along. A
// program that takes its keys from a file should not pay for them.
//
// Other engines are followed with gocloud.dev/runtimevar (adapters/runtimevar).
// Its driver for etcd, etcdvar, cancels the context that it watches with. So it
// polls: 7,522 reads and as many watches reached a quiet etcd 3.4.23 in 5 seconds
// (v0.37.0, and later heads too).
package etcd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cookiesession/cookiesession"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	loadTimeout = 10 * time.Second // for one read
	retryAfter  = time.Second
	// resync reads the key although nothing was said to have changed: a
	// cluster restored from a backup begins again at an earlier revision, and
	// a watch for a later one would wait in silence.
	resync = time.Minute
)

// Follow makes a ring of the value of key, the text of a key file
// ({"keys": […]}, see [cookiesession.LoadKeyFile]), and follows it until ctx
// ends. It fails when the first value cannot be had within 10 seconds or is
// refused. From then on the last good keys stay in force, whatever happens to
// the server or the value: lost connections, restarts and compactions are
// survived, and what is refused is told by [cookiesession.Keyring.Err] and as
// [cookiesession.EventKeysRefused].
//
// Whoever may write that key may forge every session, and whoever may read it
// too: give etcd users and TLS, and this key a role of its own.
func Follow(ctx context.Context, client *clientv3.Client, key string) (*cookiesession.Keyring, error) {
	f := &follower{client: client, key: key, ring: new(cookiesession.Keyring)}
	if err := f.load(ctx); err != nil {
		return nil, fmt.Errorf("cookiesession/etcd: no keys from %q: %w", key, err)
	}
	go f.run(ctx)
	return f.ring, nil
}

type follower struct {
	client   *clientv3.Client
	key      string
	ring     *cookiesession.Keyring
	value    []byte // as last handed to the ring
	revision int64  // of the store at the last read
	failing  bool   // reads fail, and it was reported
}

func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		broken := f.watch(ctx)
		if f.load(ctx) != nil || broken != nil {
			wait(ctx, retryAfter) // nothing is missed: the next watch begins where this one ended
		}
	}
}

// watch takes over what changes, until the watch breaks or is due for a resync.
func (f *follower) watch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, resync)
	defer cancel()
	// A member cut off from the others would else watch nothing happen.
	changes := f.client.Watch(clientv3.WithRequireLeader(ctx), f.key, clientv3.WithRev(f.revision+1))
	for change := range changes {
		if err := change.Err(); err != nil { // compacted, say: the revision is gone, load finds the newest
			return err
		}
		for _, e := range change.Events {
			f.revision = e.Kv.ModRevision
			if e.Type == clientv3.EventTypeDelete {
				f.take(nil)
			} else {
				f.take(e.Kv)
			}
		}
	}
	return nil
}

// load reads the value once.
func (f *follower) load(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	got, err := f.client.Get(limited, f.key)
	if err != nil {
		if !f.failing && ctx.Err() == nil {
			f.ring.Refuse(fmt.Errorf("cookiesession/etcd: %q cannot be read: %w", f.key, err))
		}
		f.failing = true
		return err
	}
	if f.failing { // a good value, though unchanged, clears the error
		f.failing, f.value = false, nil
	}
	f.revision = got.Header.Revision
	if len(got.Kvs) == 0 {
		return f.take(nil)
	}
	return f.take(got.Kvs[0])
}

// take hands a value to the ring if it is news. nil: the key is gone.
func (f *follower) take(kv *mvccpb.KeyValue) error {
	if f.value != nil && bytes.Equal(kv.GetValue(), f.value) {
		return nil
	}
	f.value = append([]byte{}, kv.GetValue()...)
	if kv == nil {
		err := errors.New("the key does not exist")
		f.ring.Refuse(fmt.Errorf("cookiesession/etcd: %q: %w", f.key, err))
		return err
	}
	return f.ring.ReplaceJSON(kv.Value)
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
