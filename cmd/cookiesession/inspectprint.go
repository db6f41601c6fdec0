package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
)

// printJSON writes reports for programs. encoding/json lets control characters
// above 127 pass, and some terminals obey these, so they are escaped.
func printJSON(w io.Writer, reports []report) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	if err := enc.Encode(map[string]any{"cookies": reports}); err != nil {
		return err
	}
	var safe strings.Builder
	for _, r := range text.String() { // outside of strings there are no such characters
		if r == '\n' || unicode.IsPrint(r) {
			safe.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&safe, `\u%04x`, unit)
		}
	}
	_, err := io.WriteString(w, safe.String())
	return err
}

// print writes r for a person to read. What an application stored may be what
// a visitor wrote: nothing of it reaches the terminal as a control character.
func (r report) print(w io.Writer, now time.Time) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-8s %s\n", name, oneLine(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintf(w, "%q (%s): %s\n", r.Cookie, r.Kind, r.summary())
	if r.Refused != "" {
		line("refused", "%s", r.Refused)
	}
	if r.Key != nil {
		line("key", "%s", r.Key)
	}
	if !r.Sealed.IsZero() {
		line("sealed", "%s", when(r.Sealed, now))
	}
	if l := r.Session; l != nil {
		line("id", "%s", l.ID)
		line("created", "%s", when(l.Created, now))
		if !l.Changed.IsZero() {
			line("changed", "%s", when(l.Changed, now))
		}
		line("expires", "%s, by %s", when(l.Expires, now), l.By)
	}
	if v := r.Views; v != nil {
		line("id", "%s", v.ID)
		line("requests", "%d, of them %d pages (%d different) and %d errors", v.Requests, v.Pages, v.UniquePages, v.Errors)
		for _, p := range v.History {
			line("", "%s  %d  %s", p.Time.Format(time.RFC3339), p.Status, p.Path)
		}
	}
	for i, e := range r.Entries {
		name := ""
		if i == 0 {
			name = "entries"
		}
		line(name, "%5d bytes  %s", e.Bytes, strings.TrimRight(fmt.Sprintf("%q %s", e.Key, e.Value), " "))
	}
	for _, note := range r.Notes {
		line("note", "%s", note)
	}
}

func (r report) summary() string {
	switch {
	case r.Deletes:
		return "deletes this cookie"
	case r.Kind == "test":
		return "the browser keeps cookies"
	case r.Chunks == 1:
		return fmt.Sprintf("1 cookie, %d bytes", r.Bytes)
	}
	return fmt.Sprintf("%d cookies, %d bytes", r.Chunks, r.Bytes)
}

func (k *keyLine) String() string {
	text := k.ID
	if k.State != "" {
		text += " (" + string(k.State) + ")"
	}
	if k.Format != "" {
		text += ", " + k.Format
	}
	return text
}

// when is an instant and how far away it is.
func when(t, now time.Time) string {
	away := now.Sub(t).Round(time.Second)
	if away < 0 {
		return fmt.Sprintf("%s (in %s)", t.Format(time.RFC3339), span(-away))
	}
	return fmt.Sprintf("%s (%s ago)", t.Format(time.RFC3339), span(away))
}

// span writes days, which time.Duration does not.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 2*day {
		return d.String()
	}
	return fmt.Sprintf("%d days %d hours", d/day, d%day/time.Hour)
}

// oneLine leaves no line break in a value that would pass for a line of ours.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
