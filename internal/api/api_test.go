package main

import (
	"go/ast"
	goimporter "go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

// source is a package with everything that a record may have to say.
const source = `package shop

import "time"

type Cart struct {
	Items []string ` + "`json:\"items\"`" + `
	until time.Time
}

func (c Cart) Len() int { return len(c.Items) }
func (c *Cart) Empty() { c.Items = nil }
func (c Cart) hidden() {}

type Config struct {
	_ [0]func()
	Open bool
}

type base struct{}
func (base) Close() error { return nil }
type Shop struct{ base }

type Field[T any] struct{ key string }
func (f Field[V]) Get(c *Cart) (v V, ok bool) { return v, false }
func Sum[K comparable, V ~int | ~uint](values map[K]V) (sum V) { return sum }

type Source interface {
	Read(p []byte) (n int, err error)
	private()
}
type Number interface{ ~int | ~uint }
type Kind uint8
type Seconds = time.Duration

const Wide Kind = 2
const Limit = 1 << 70
const Day = 24 * time.Hour
var ErrClosed error
var internal int
`

const recorded = `package shop // example.com/shop

import "time"

type Cart struct {
	Items []string "json:\"items\""
	_ func()
}
func (*Cart) Empty()
func (Cart) Len() int
type Config struct {
	Open bool
	_ func()
}
const Day time.Duration = 86400000000000
var ErrClosed error
type Field[T any] struct {
	_ int
}
func (Field[V]) Get(c *Cart) (v V, ok bool)
type Kind uint8
const Limit = 1180591620717411303424
type Number interface{~int | ~uint}
type Seconds = time.Duration
type Shop struct {
	_ int
}
func (Shop) Close() error
type Source interface {
	Read(p []byte) (n int, err error)
	hidden()
}
func Sum[K comparable, V ~int | ~uint](values map[K]V) (sum V)
const Wide Kind = 2
`

func TestTheRecordHasWhatIsExported(t *testing.T) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "shop.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	config := types.Config{Importer: goimporter.Default()}
	p, err := config.Check("example.com/shop", fset, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := describe(p)
	if got != recorded {
		t.Errorf("the record is\n%s\nwant\n%s", got, recorded)
	}
	if _, err := parse(got, goimporter.Default()); err != nil {
		t.Errorf("the record cannot be read back: %v", err)
	}
}

func TestAChangeIsJudged(t *testing.T) {
	for _, test := range []struct {
		name     string
		old, new string // in the record
		want     string // the name of the change
		breaks   bool
	}{
		{"a method is added", "func (Cart) Len() int\n", "func (Cart) Len() int\nfunc (Cart) Cap() int\n", "shop.Cart.Cap", false},
		{"a method is removed", "func (*Cart) Empty()\n", "", "shop.Cart.Empty", true},
		{"a method of a generic type is removed", "func (Field[V]) Get(c *Cart) (v V, ok bool)\n", "", "shop.Field.Get", true},
		{"a method wants a pointer", "func (Cart) Len() int", "func (*Cart) Len() int", "shop.Cart.Len", true},
		{"a parameter is added", "Len() int", "Len(n int) int", "shop.Cart.Len", true},
		{"a field is added", "Open bool\n", "Open bool\n\tName string\n", "shop.Config.Name", false},
		{"a field is removed", "\tOpen bool\n", "", "shop.Config.Open", true},
		{"a field gets another type", "Open bool", "Open int", "shop.Config.Open", true},
		{"a constant gets another value", "Wide Kind = 2", "Wide Kind = 3", "shop.Wide", true},
		{"values can no longer be compared", "type Shop struct {\n\t_ int", "type Shop struct {\n\t_ func()", "shop.Shop", true},
		{"a variable is removed", "var ErrClosed error\n", "", "shop.ErrClosed", true},
		{"a package is removed", recorded, "", "shop", true},
		{"a package is added", recorded, recorded + "\npackage more // example.com/more\n", "more", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := strings.Replace(recorded, test.old, test.new, 1)
			changes, err := compare(recorded, now, goimporter.Default())
			if err != nil {
				t.Fatal(err)
			}
			if len(changes) != 1 || changes[0].name != test.want || changes[0].breaks != test.breaks {
				t.Errorf("got %+v, want one of %q, breaking %v", changes, test.want, test.breaks)
			}
		})
	}
}

func TestABreakIsRefusedUntilTheChangelogNamesIt(t *testing.T) {
	broken := []change{{name: "Session.Old", text: "cookiesession: (*Session).Old: removed", breaks: true}}
	for _, test := range []struct {
		name, changelog string
		ok              bool
	}{
		{"nothing is said", "# Changes\n", false},
		{"it is removed", "## Unreleased\n\n### Added\n\n- A.\n\n### Removed\n\n- `Session.Old`: use another.\n", true},
		{"it is changed", "## Unreleased\n\n### Changed\n\n- `Session.Old(n)` wants a number.\n", true},
		{"it is mentioned among what was added", "## Unreleased\n\n### Added\n\n- `Session.Old`.\n\n### Removed\n\n- Nothing.\n", false},
		{"it is named without being code", "## Unreleased\n\n### Removed\n\n- Session.Old\n", false},
		{"another name begins so", "## Unreleased\n\n### Removed\n\n- `Session.Older`\n", false},
		{"it was in an earlier version", "## Unreleased\n\n## 0.1.0 - 2026-01-31\n\n### Removed\n\n- `Session.Old`\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := refuse(broken, test.changelog); (err == nil) != test.ok {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := refuse([]change{{name: "Session.New", text: "added"}}, ""); err != nil {
		t.Errorf("an addition needs no entry: %v", err)
	}
}

func TestPackagesThatUsersImportAreRecorded(t *testing.T) {
	for path, want := range map[string]bool{
		"":                       true,
		"/cookiesessiontest":     true,
		"/adapters/redis":        true,
		"/internal/wire":         false,
		"/adapters/x/internal/y": false,
		"/examples/chi":          false,
		"/cmd/cookiesession/x":   false,
	} {
		if got := released(module+path, "x"); got != want {
			t.Errorf("%q: got %v", path, got)
		}
	}
	if released(module+"/adapters/redis/demo", "main") {
		t.Error("a command is recorded")
	}
}
