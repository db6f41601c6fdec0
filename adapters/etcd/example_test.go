package etcd_test

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/cookiesession/cookiesession"
	"github.com/cookiesession/cookiesession/adapters/etcd"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// "etcdctl put sessions/ring < keys.json" brings a new ring to every instance.
func Example() {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"127.0.0.1:2379"}, DialTimeout: 5 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	ring, err := etcd.Follow(context.Background(), client, "sessions/ring")
	if err != nil {
		log.Fatal(err)
	}
	manager, err := cookiesession.New(cookiesession.Config{Keyring: ring})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(":8080", manager.Handler(http.DefaultServeMux)))
}
