// Command screenshots takes the pictures of the README: the demo in Chromium,
// light and dark, and as a phone shows it.
//
//	go run ./internal/e2e/screenshots docs/img
package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/cookiesession/cookiesession/internal/e2e"
)

var shots = []struct {
	file, scheme  string
	width, height int64
}{
	{"demo.png", "light", 1440, 1330},
	{"demo-dark.png", "dark", 1440, 1330},
	{"demo-phone.png", "light", 390, 1400},
}

func main() {
	const usage = "Usage: go run ./internal/e2e/screenshots docs/img"
	switch {
	case len(os.Args) != 2:
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	case os.Args[1] == "-h":
		fmt.Println(usage)
		return
	}
	if err := take(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

func take(folder string) (err error) {
	work, err := os.MkdirTemp("", "cookiesession-screenshots-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	program, err := e2e.Build(context.Background(), work)
	if err != nil {
		return err
	}
	demo, err := e2e.Start(program, nil, "-addr", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer demo.Stop()
	browser, err := e2e.StartChromium(context.Background(), filepath.Join(work, "profile"), true)
	if err != nil {
		return err
	}
	defer browser.Close()
	if err := shop(browser, demo.URL); err != nil {
		return err
	}
	for _, s := range shots {
		if err := shoot(browser.Tab, filepath.Join(folder, s.file), s.scheme, s.width, s.height); err != nil {
			return fmt.Errorf("%s: %w", s.file, err)
		}
	}
	return nil
}

// shop leaves a session behind that has something to show.
func shop(b *e2e.Chromium, url string) error {
	for range 3 {
		if err := b.Open(url); err != nil {
			return err
		}
	}
	if err := b.Type("#name", "Ada"); err != nil {
		return err
	}
	for _, step := range []struct{ click, shows, text string }{
		{"#login", "#user", "Ada"},
		{"#add-linzer", "#basket-n", "1"},
		{"#add-anzac", "#basket-n", "2"},
		{"#hamper", "#basket-n", "3"},
		{"#hamper", "#basket-n", "4"},
		{"#hamper", "#basket-n", "5"},
		{"#hamper", "#basket-n", "6"},
		{"#rotate", "#told", "A new key seals from now on. The old one still opens, so your session was sealed anew and you are still you."},
	} {
		if err := b.Click(step.click); err != nil {
			return err
		}
		if err := until(func() bool { return b.Text(step.shows) == step.text }); err != nil {
			return fmt.Errorf("after %s: %w", step.click, err)
		}
	}
	return nil
}

func until(ok func() bool) error {
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	late := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-late:
			return fmt.Errorf("the page does not show what it should")
		case <-every.C:
		}
	}
	return nil
}

func shoot(tab context.Context, file, scheme string, width, height int64) error {
	_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		return err
	}
	if err := chromedp.Do(tab, chromedp.EmulateViewport(width, height)); err != nil {
		return err
	}
	if _, err := chromedp.Run(tab, chromedp.Evaluate[any]("scrollTo(0, 0)")); err != nil {
		return err
	}
	taken, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	small, err := shrink(taken)
	if err != nil {
		return err
	}
	fmt.Printf("%s\t%d bytes\n", file, len(small))
	return os.WriteFile(file, small, 0o644)
}

// shrink keeps 256 colours: a page has few more, all of them at the edges of
// letters, and a README is fetched often.
func shrink(taken []byte) ([]byte, error) {
	full, err := png.Decode(bytes.NewReader(taken))
	if err != nil {
		return nil, err
	}
	counts := make(map[color.Color]int)
	area := full.Bounds()
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			counts[full.At(x, y)]++
		}
	}
	palette := color.Palette(slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int {
		return cmp.Compare(counts[b], counts[a])
	}))
	palette = distinct(palette, 256)
	nearest := make(map[color.Color]uint8, len(counts))
	for c := range counts {
		nearest[c] = uint8(palette.Index(c))
	}
	small := image.NewPaletted(area, palette)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			small.SetColorIndex(x, y, nearest[full.At(x, y)])
		}
	}
	var out bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small)
	return out.Bytes(), err
}

// distinct picks n of the colours, the first ones before the others, and none
// that is nearly another: the small patches of a legend are rare and must stay.
func distinct(colours color.Palette, n int) color.Palette {
	for apart := uint32(12); len(colours) > n; apart *= 2 {
		var kept color.Palette
		for _, c := range colours {
			if len(kept) == 0 || distance(c, kept.Convert(c)) > apart {
				kept = append(kept, c)
			}
		}
		colours = kept
	}
	return colours
}

// distance is the sum over the channels, in steps of 1/255.
func distance(a, b color.Color) (sum uint32) {
	r1, g1, b1, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	for _, pair := range [][2]uint32{{r1, r2}, {g1, g2}, {b1, b2}} {
		sum += (max(pair[0], pair[1]) - min(pair[0], pair[1])) >> 8
	}
	return sum
}
