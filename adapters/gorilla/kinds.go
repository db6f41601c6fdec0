package gorilla

import (
	"fmt"
	"reflect"
	"time"

	"github.com/cookiesession/cookiesession"
)

// kindsKey holds, beside the values, the names of the Go types that msgpack
// does not tell apart: a program that stored an int asserts an int.
const kindsKey = "gorilla.kinds"

// A kind reads a value as the Go type it was saved with.
type kind struct {
	read func(s *cookiesession.Session, key string) (any, bool)
}

// Register lets sessions of the store hold values of type T, and flashes of
// it, as gob.Register did: call it while setting up. Known without it are nil,
// booleans, strings, byte slices, all numbers, times (UTC when they come back),
// durations, []string, []int, map[string]string, and []any and map[string]any
// of what msgpack tells apart itself. Saving any other type is an error, never
// another type at the next request. It panics when the store has another type
// of T's name.
func Register[T any](s *Store) {
	name := reflect.TypeFor[T]().String()
	if _, ok := s.kinds[name]; ok {
		panic(fmt.Sprintf("cookiesession: a type named %s is registered already", name))
	}
	s.kinds[name] = kind{func(s *cookiesession.Session, key string) (any, bool) {
		v, ok := cookiesession.Get[T](s, key)
		return v, ok
	}}
	s.kinds[listOf+name] = kind{func(s *cookiesession.Session, key string) (any, bool) {
		typed, ok := cookiesession.Get[[]T](s, key)
		list := make([]any, len(typed))
		for i, v := range typed {
			list[i] = v
		}
		return list, ok
	}}
}

// listOf begins the name of a []any, as AddFlash makes them, whose elements are
// all of the type that follows.
const listOf = "any:"

func registerBasic(s *Store) {
	Register[int](s)
	Register[int8](s)
	Register[int16](s)
	Register[int32](s)
	Register[uint](s)
	Register[uint8](s)
	Register[uint16](s)
	Register[uint32](s)
	Register[uint64](s)
	Register[float32](s)
	Register[time.Duration](s)
	Register[[]string](s)
	Register[[]int](s)
	Register[map[string]string](s)
}

// kindOf returns "" for a value that comes back as it is.
func (s *Store) kindOf(value any) (string, error) {
	if plain(value) {
		return "", nil
	}
	name := reflect.TypeOf(value).String()
	if list, ok := value.([]any); ok {
		name = listOf + elements(list)
	}
	if _, ok := s.kinds[name]; !ok {
		return "", fmt.Errorf("a %T would come back as another type; gorilla.Register its type, "+
			"and keep the elements of one []any of one type", value)
	}
	return name, nil
}

// plain reports whether msgpack keeps the type of v.
func plain(v any) bool {
	switch v := v.(type) {
	case nil, bool, string, []byte, int64, float64, time.Time:
		return true
	case []any:
		for _, element := range v {
			if !plain(element) {
				return false
			}
		}
		return v != nil
	case map[string]any:
		for _, element := range v {
			if !plain(element) {
				return false
			}
		}
		return v != nil
	}
	return false
}

// elements is the type that all elements of list have, or "".
func elements(list []any) string {
	name := ""
	for _, element := range list {
		if element == nil {
			return ""
		}
		this := reflect.TypeOf(element).String()
		if name != "" && this != name {
			return ""
		}
		name = this
	}
	return name
}
