package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Chromium is a headless Chromium. Tab is its context for chromedp, for what a
// [Browser] cannot say.
type Chromium struct {
	Tab context.Context
	end func()
}

// StartChromium starts Chromium with a fresh profile in folder, with JavaScript
// in pages or without. Further options are those of chromedp.
func StartChromium(ctx context.Context, folder string, scripts bool, more ...chromedp.ExecAllocatorOption) (*Chromium, error) {
	path, err := look("chromium", "chromium-browser", "google-chrome")
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(folder),
		chromedp.NoSandbox, // it does not work for root in containers, and nothing but the demo is loaded
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-dev-shm-usage", true),
	)
	allocator, stop := chromedp.NewExecAllocator(ctx, append(options, more...)...)
	tab, closeTab := chromedp.NewContext(allocator)
	c := &Chromium{tab, func() { closeTab(); stop() }}
	if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil {
		c.end()
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	_, err = chromedp.Call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
	return c, err
}

// StartBindingChromium starts a Chromium that binds sessions with keys in
// software. It trusts the certificate with that hash of its key: to switch all
// checks of certificates off would switch binding off as well.
func StartBindingChromium(ctx context.Context, folder, key string, scripts bool, more ...chromedp.ExecAllocatorOption) (*Chromium, error) {
	return StartChromium(ctx, folder, scripts, append(more, Trust(key),
		chromedp.Flag("enable-features", "DeviceBoundSessions:RefreshQuota/false,EnableBoundSessionCredentialsSoftwareKeysForManualTesting"))...)
}

// Trust makes Chromium trust the certificate with that hash of its key.
func Trust(key string) chromedp.ExecAllocatorOption {
	return chromedp.Flag("ignore-certificate-errors-spki-list", key)
}

func (c *Chromium) Open(url string) error {
	ctx, cancel := context.WithTimeout(c.Tab, 30*time.Second)
	defer cancel()
	return chromedp.Do(ctx, chromedp.Navigate(url))
}

func (c *Chromium) Click(css string) error {
	ctx, cancel := context.WithTimeout(c.Tab, 10*time.Second)
	defer cancel()
	return chromedp.Do(ctx, chromedp.Click(chromedp.CSS(css)))
}

func (c *Chromium) Type(css, text string) error {
	ctx, cancel := context.WithTimeout(c.Tab, 10*time.Second)
	defer cancel()
	return chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS(css), text))
}

func (c *Chromium) Text(css string) string {
	ctx, cancel := context.WithTimeout(c.Tab, 10*time.Second)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.querySelector("+strconv.Quote(css)+")?.innerText ?? ''"))
	return strings.TrimSpace(text)
}

func (c *Chromium) Cookies() ([]Cookie, error) {
	found, err := chromedp.Call(c.Tab, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		return nil, err
	}
	var cookies []Cookie
	for _, k := range found.Cookies {
		cookies = append(cookies, Cookie{k.Name, k.Value, k.Path, k.Secure, k.HTTPOnly, string(k.SameSite), int64(k.Expires)})
	}
	return cookies, nil
}

func (c *Chromium) Close() error {
	defer c.end()
	return chromedp.Cancel(c.Tab) // asks it to end, and waits
}
