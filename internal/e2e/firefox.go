package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// firefox is a headless Firefox, driven through Marionette, the protocol that
// it speaks itself: JSON over a socket, no program in between.
type firefox struct {
	cmd  *exec.Cmd
	conn net.Conn
	in   *bufio.Reader
	last int
}

// prefs keep Firefox from calling home, and let it choose the port.
const prefs = `user_pref("marionette.port", 0);
user_pref("app.update.auto", false);
user_pref("app.normandy.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.safebrowsing.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "http://127.0.0.1:9/");
user_pref("toolkit.telemetry.enabled", false);
user_pref("javascript.enabled", %t);
`

// StartFirefox starts Firefox with a fresh profile in folder, with JavaScript
// in pages or without.
func StartFirefox(ctx context.Context, folder string, scripts bool) (Browser, error) {
	path, err := look("firefox-esr", "firefox")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(folder, "user.js"), fmt.Appendf(nil, prefs, scripts), 0o600); err != nil {
		return nil, err
	}
	f := &firefox{cmd: exec.CommandContext(ctx, path, "--headless", "--marionette", "--no-remote", "--profile", folder)}
	f.cmd.Env = append(os.Environ(), "HOME="+folder, "MOZ_HEADLESS=1")
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	if err := f.connect(ctx, filepath.Join(folder, "MarionetteActivePort")); err != nil {
		return nil, errors.Join(err, f.kill())
	}
	return f, nil
}

// connect waits for the port that Firefox writes into its profile.
func (f *firefox) connect(ctx context.Context, portFile string) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for f.conn == nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("firefox did not open its port: %w", ctx.Err())
		case <-every.C:
		}
		port, err := os.ReadFile(portFile)
		if err != nil {
			continue
		}
		f.conn, _ = net.Dial("tcp", "127.0.0.1:"+strings.TrimSpace(string(port)))
	}
	f.in = bufio.NewReader(f.conn)
	if _, err := f.read(); err != nil { // its greeting
		return err
	}
	return f.do("WebDriver:NewSession", map[string]any{"acceptInsecureCerts": true}, nil)
}

// do sends one command and decodes its answer into result, if that is not nil.
func (f *firefox) do(command string, params map[string]any, result any) error {
	if params == nil {
		params = map[string]any{}
	}
	f.last++
	text, err := json.Marshal([]any{0, f.last, command, params})
	if err != nil {
		return err
	}
	_ = f.conn.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := fmt.Fprintf(f.conn, "%d:%s", len(text), text); err != nil {
		return err
	}
	answer, err := f.read()
	if err != nil {
		return err
	}
	var parts [4]json.RawMessage
	if err := json.Unmarshal(answer, &parts); err != nil {
		return err
	}
	if failed := string(parts[2]); failed != "null" {
		return fmt.Errorf("firefox: %s: %s", command, failed)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(parts[3], result)
}

// read takes one message: its length in decimal, a colon, JSON.
func (f *firefox) read() ([]byte, error) {
	_ = f.conn.SetReadDeadline(time.Now().Add(60 * time.Second))
	head, err := f.in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(head, ":"))
	if err != nil || n > 64<<20 {
		return nil, fmt.Errorf("firefox: a message of length %q", head)
	}
	text := make([]byte, n)
	_, err = io.ReadFull(f.in, text)
	return text, err
}

func (f *firefox) Open(url string) error {
	return f.do("WebDriver:Navigate", map[string]any{"url": url}, nil)
}

func (f *firefox) find(css string) (string, error) {
	var found struct{ Value map[string]string }
	err := f.do("WebDriver:FindElement", map[string]any{"using": "css selector", "value": css}, &found)
	for _, id := range found.Value {
		return id, err
	}
	return "", err
}

func (f *firefox) Click(css string) error {
	id, err := f.find(css)
	if err != nil {
		return err
	}
	return f.do("WebDriver:ElementClick", map[string]any{"id": id}, nil)
}

func (f *firefox) Type(css, text string) error {
	id, err := f.find(css)
	if err != nil {
		return err
	}
	return f.do("WebDriver:ElementSendKeys", map[string]any{"id": id, "text": text}, nil)
}

func (f *firefox) Text(css string) string {
	id, err := f.find(css)
	if err != nil {
		return ""
	}
	var text struct{ Value string }
	_ = f.do("WebDriver:GetElementText", map[string]any{"id": id}, &text)
	return text.Value
}

func (f *firefox) Cookies() ([]Cookie, error) {
	var cookies []Cookie
	return cookies, f.do("WebDriver:GetCookies", nil, &cookies)
}

func (f *firefox) Close() error {
	_ = f.do("Marionette:Quit", map[string]any{"flags": []string{"eForceQuit"}}, nil)
	_ = f.conn.Close()
	late := time.AfterFunc(15*time.Second, func() { _ = f.cmd.Process.Kill() })
	defer late.Stop()
	return f.cmd.Wait()
}

func (f *firefox) kill() error {
	err := f.cmd.Process.Kill()
	_ = f.cmd.Wait()
	return err
}
