package main

import (
	"bytes"
	"net/http"

	"github.com/gorilla/securecookie"
	"github.com/vmihailenco/msgpack/v5"
)

// handMade is what one writes without a session package: securecookie with a
// msgpack serializer around a map, read with Request.Cookie and written with
// http.SetCookie.
type handMade struct{ codec *securecookie.SecureCookie }

func newHandMade() contender {
	codec := securecookie.New([]byte(hashKey), []byte(blockKey)).
		MaxAge(int(lifetime.Seconds())).
		SetSerializer(msgpackSerializer{})
	return handMade{codec}
}

type msgpackSerializer struct{}

func (msgpackSerializer) Serialize(src any) ([]byte, error) { return msgpack.Marshal(src) }

// Deserialize asks for loose decoding, because a counter that was stored as an
// int64 would come back as an int8.
func (msgpackSerializer) Deserialize(src []byte, dst any) error {
	d := msgpack.GetDecoder()
	defer msgpack.PutDecoder(d)
	d.Reset(bytes.NewReader(src))
	d.UseLooseInterfaceDecoding(true)
	return d.Decode(dst)
}

func (h handMade) name() string                        { return "by hand" }
func (h handMade) wrap(next http.Handler) http.Handler { return next }

func (h handMade) features() features {
	return features{
		encrypted: encryptedYes, expiry: expiryChecked, revocation: revocationNo,
		rotation: "DecodeMulti, by hand", flash: "no", large: saveRefused,
	}
}

func (h handMade) load(r *http.Request) map[string]any {
	var values map[string]any
	if text := cookieText(r); text != "" && h.codec.Decode(cookie, text, &values) == nil {
		return values
	}
	return make(map[string]any)
}

func (h handMade) save(w http.ResponseWriter, values map[string]any) error {
	text, err := h.codec.Encode(cookie, values)
	if err != nil {
		return err
	}
	setCookie(w, text)
	return nil
}

func (h handMade) fill(w http.ResponseWriter, r *http.Request, pairs []pair) error {
	values := h.load(r)
	for _, p := range pairs {
		values[p.key] = p.value
	}
	return h.save(w, values)
}

func (h handMade) read(w http.ResponseWriter, r *http.Request) int64 {
	id, _ := h.load(r)["id"].(int64)
	return id
}

func (h handMade) count(w http.ResponseWriter, r *http.Request) int64 {
	values := h.load(r)
	if _, ok := values["id"].(int64); !ok {
		return -1
	}
	n, _ := values["counter"].(int64)
	n++
	values["counter"] = n
	if h.save(w, values) != nil {
		return -1
	}
	return n
}
