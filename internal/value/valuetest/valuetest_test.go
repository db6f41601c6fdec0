// Package valuetest holds that what a session accepts is given back, for types
// of popular modules. It is a module of its own because it needs those.
package valuetest

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/Masterminds/semver/v3"
	"github.com/cookiesession/cookiesession/internal/value"
	gofrs "github.com/gofrs/uuid/v5"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/guregu/null/v6"
	version "github.com/hashicorp/go-version"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/lib/pq"
	"github.com/markbates/goth"
	"github.com/oklog/ulid/v2"
	pkgerrors "github.com/pkg/errors"
	"github.com/rs/xid"
	"github.com/segmentio/ksuid"
	"github.com/shopspring/decimal"
	"github.com/sirupsen/logrus"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/zap/zapcore"
	"golang.org/x/oauth2"
	"golang.org/x/text/language"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"gopkg.in/yaml.v3"
	"gorm.io/gorm"
)

// encoded returns the encoding of v.
func encoded(v any) (raw []byte, err error) {
	err = value.Encode(v, func(b []byte, err error) error {
		raw = bytes.Clone(b)
		return err
	})
	return raw, err
}

// holds checks that values come back: equal, or, where a type has methods of
// its own, with the same JSON and the same encoding. They are tried alone and
// inside other values, where they have no address. A zero value may be refused.
func holds[T any](values ...T) func(*testing.T) {
	return func(t *testing.T) {
		var zero T
		for i, v := range append(values, zero) {
			comesBack(t, v, i == len(values))
			comesBack(t, []T{v}, i == len(values))
			comesBack(t, map[string]T{"a": v}, i == len(values))
			comesBack(t, struct{ Field *T }{&v}, i == len(values))
		}
	}
}

func comesBack[T any](t *testing.T, v T, mayBeRefused bool) {
	t.Helper()
	raw, err := encoded(v)
	if mayBeRefused && err != nil && strings.HasSuffix(err.Error(), "its own decoder does not accept what was written") {
		return
	}
	if err != nil {
		t.Errorf("%T: %v", v, err)
		return
	}
	got, ok := value.Decode[T](raw)
	if !ok {
		t.Errorf("%#v is % x and cannot be read", v, raw)
		return
	}
	again, err := encoded(got)
	if err != nil || !reflect.DeepEqual(v, got) && !(bytes.Equal(raw, again) && text(v) == text(got)) {
		t.Errorf("%#v comes back as %#v, %v", v, got, err)
	}
}

// text is v as JSON, which has other rules and so is another witness.
func text(v any) string {
	b, err := json.Marshal(v)
	return fmt.Sprint(string(b), err)
}

// refuses checks that values are refused.
func refuses[T any](values ...T) func(*testing.T) {
	return func(t *testing.T) {
		for _, v := range values {
			if raw, err := encoded(v); err == nil {
				t.Errorf("%#v is stored as % x", v, raw)
			}
		}
	}
}

var at = time.Date(2026, 11, 27, 15, 0, 0, 0, time.UTC)

var popular = map[string]func(*testing.T){
	"uuid.UUID":              holds(uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")),
	"uuid.NullUUID":          holds(uuid.NullUUID{UUID: uuid.Max, Valid: true}),
	"map[uuid.UUID]string":   holds(map[uuid.UUID]string{uuid.Max: "a", {}: "b"}),
	"gofrs uuid.UUID":        holds(gofrs.Must(gofrs.FromString("6ba7b810-9dad-11d1-80b4-00c04fd430c8"))),
	"gofrs uuid.NullUUID":    holds(gofrs.NullUUID{Valid: true}),
	"decimal.Decimal":        holds(decimal.RequireFromString("-12.50"), decimal.New(1, 100)),
	"decimal.NullDecimal":    holds(decimal.NullDecimal{Decimal: decimal.New(5, -2), Valid: true}),
	"ulid.ULID":              holds(ulid.MustParse("01ARZ3NDEKTSV4RRFFQ69G5FAV")),
	"xid.ID":                 holds(xid.ID{1, 2, 3}),
	"ksuid.KSUID":            holds(ksuid.Max),
	"civil.Date":             holds(civil.DateOf(at)),
	"civil.Time":             holds(civil.TimeOf(at)),
	"civil.DateTime":         holds(civil.DateTimeOf(at)),
	"language.Tag":           holds(language.MustParse("de-CH-1996"), language.English),
	"oauth2.Token":           holds(oauth2.Token{AccessToken: "a", RefreshToken: "b", Expiry: at, ExpiresIn: 5}),
	"*oauth2.Token":          holds(&oauth2.Token{AccessToken: "a"}),
	"oauth2.Config":          holds(oauth2.Config{ClientID: "a", Scopes: []string{"b"}}),
	"null.String":            holds(null.StringFrom("a")),
	"null.Int":               holds(null.IntFrom(5)),
	"null.Bool":              holds(null.BoolFrom(true)),
	"null.Float":             holds(null.FloatFrom(0.5)),
	"null.Time":              holds(null.TimeFrom(at)),
	"pgtype.Text":            holds(pgtype.Text{String: "a", Valid: true}),
	"pgtype.Int8":            holds(pgtype.Int8{Int64: 5, Valid: true}),
	"pgtype.UUID":            holds(pgtype.UUID{Bytes: [16]byte{1}, Valid: true}),
	"pgtype.Timestamptz":     holds(pgtype.Timestamptz{Time: at, Valid: true}),
	"pgtype.Date":            holds(pgtype.Date{Time: at, Valid: true, InfinityModifier: pgtype.Infinity}),
	"pgtype.Interval":        holds(pgtype.Interval{Months: 5, Valid: true}),
	"pgtype.Numeric":         holds(pgtype.Numeric{Int: big.NewInt(5), Exp: -2, Valid: true}),
	"pgtype.Range[int]":      holds(pgtype.Range[int]{Lower: 1, Upper: 2, LowerType: pgtype.Inclusive, UpperType: pgtype.Exclusive, Valid: true}),
	"pgtype.Array[string]":   holds(pgtype.Array[string]{Elements: []string{"a"}, Valid: true}),
	"pq.StringArray":         holds(pq.StringArray{"a"}),
	"bson.ObjectID":          holds(bson.ObjectID{1, 2, 3}),
	"bson.DateTime":          holds(bson.DateTime(5)),
	"bson.D":                 holds(bson.D{{Key: "a", Value: int64(1)}}),
	"bson.M":                 holds(bson.M{"a": int64(1), "b": nil}),
	"bson.Decimal128":        refuses(bson.NewDecimal128(1, 2)),
	"bson.Binary":            holds(bson.Binary{Subtype: 1, Data: []byte("a")}),
	"*semver.Version":        holds(semver.MustParse("1.2.3-rc.1+meta")),
	"*version.Version":       holds(version.Must(version.NewVersion("1.2.3"))),
	"jwt.RegisteredClaims":   holds(jwt.RegisteredClaims{Issuer: "a", Audience: jwt.ClaimStrings{"b"}, ExpiresAt: jwt.NewNumericDate(at)}),
	"jwt.MapClaims":          holds(jwt.MapClaims{"a": int64(1)}),
	"logrus.Level":           holds(logrus.WarnLevel),
	"zapcore.Level":          holds(zapcore.WarnLevel),
	"gorm.Model":             holds(gorm.Model{ID: 5, CreatedAt: at, DeletedAt: gorm.DeletedAt{Time: at, Valid: true}}),
	"gorm.DeletedAt":         holds(gorm.DeletedAt(sql.NullTime{Time: at, Valid: true})),
	"goth.User":              holds(goth.User{Email: "a", RawData: map[string]any{"b": "c"}, ExpiresAt: at}),
	"*timestamppb.Timestamp": holds(timestamppb.New(at)),
	"*durationpb.Duration":   holds(durationpb.New(time.Minute)),
	"yaml.Node":              holds(yaml.Node{Kind: yaml.ScalarNode, Value: "a", Content: []*yaml.Node{{Value: "b"}}}),
	"pkg/errors":             refuses(pkgerrors.Wrap(errors.New("a"), "b")),
	"a user": holds(struct {
		gorm.Model
		ID      uuid.UUID
		Name    null.String
		Balance decimal.Decimal
		Born    *civil.Date
		Locale  language.Tag `msgpack:",omitempty"`
	}{Model: gorm.Model{ID: 7}, ID: uuid.Max, Name: null.StringFrom("a"), Balance: decimal.New(1, 2)}),
}

func TestTheSentenceHoldsForTypesOfPopularModules(t *testing.T) {
	for name, check := range popular {
		t.Run(name, check)
	}
}
