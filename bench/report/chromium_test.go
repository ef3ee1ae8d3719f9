package report

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// browser is a headless Chromium that is driven over a pair of pipes by the DevTools
// protocol: JSON messages that end with a zero byte.
type browser struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	id      int
	session string
	events  []event
}

type event struct {
	ID     int
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct{ Message string }
}

// newBrowser starts Chromium with an empty page, and skips where there is none.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: the report is not tried in a browser")
	}
	read, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
		"--user-data-dir="+t.TempDir(), "--no-first-run", "about:blank")
	cmd.ExtraFiles = []*os.File{read, write}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read.Close()
	write.Close()
	from.SetReadDeadline(time.Now().Add(3 * time.Minute))
	b := &browser{t: t, to: to, from: bufio.NewReader(from)}
	t.Cleanup(func() {
		b.call("Browser.close", nil)
		to.Close()
		cmd.Wait()
		from.Close()
	})
	var targets struct {
		TargetInfos []struct{ TargetID, Type string }
	}
	json.Unmarshal(b.call("Target.getTargets", nil), &targets)
	for _, target := range targets.TargetInfos {
		if target.Type == "page" {
			var attached struct{ SessionID string }
			json.Unmarshal(b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}), &attached)
			b.session = attached.SessionID
		}
	}
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil)
	}
	return b
}

// call sends a command and waits for its answer; events before it are kept.
func (b *browser) call(method string, params map[string]any) json.RawMessage {
	b.t.Helper()
	b.id++
	msg := map[string]any{"id": b.id, "method": method}
	if params != nil {
		msg["params"] = params
	}
	if b.session != "" && !strings.HasPrefix(method, "Browser.") {
		msg["sessionId"] = b.session
	}
	text, err := json.Marshal(msg)
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	for {
		e := b.next()
		if e.Error != nil && e.ID == b.id {
			b.t.Fatalf("%s: %s", method, e.Error.Message)
		}
		if e.ID == b.id {
			return e.Result
		}
		b.events = append(b.events, e)
	}
}

func (b *browser) next() event {
	b.t.Helper()
	text, err := b.from.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("chromium: %v", err)
	}
	var e event
	if err := json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &e); err != nil {
		b.t.Fatal(err)
	}
	return e
}

// open loads a file and waits until it is drawn.
func (b *browser) open(path string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": "file://" + path})
	for {
		e := b.next()
		b.events = append(b.events, e)
		if e.Method == "Page.loadEventFired" {
			return
		}
	}
}

// eval returns the value of an expression.
func (b *browser) eval(expression string) any {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	if err := json.Unmarshal(b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}), &r); err != nil || r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %v %s", expression, err, r.ExceptionDetails)
	}
	return r.Result.Value
}

// size sets the window's width, and whether it is a dark one on a phone.
func (b *browser) size(width int, dark bool) {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600})
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}})
}

// tab presses the key and returns the element that is focused then.
func (b *browser) tab() string {
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9})
	}
	return fmt.Sprint(b.eval("document.activeElement.tagName.toLowerCase()"))
}

// complaints are errors, warnings and requests of anything but files.
func (b *browser) complaints() []string {
	var out []string
	for _, e := range b.events {
		switch e.Method {
		case "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded":
			out = append(out, string(e.Params))
		case "Network.requestWillBeSent":
			var p struct{ Request struct{ URL string } }
			if err := json.Unmarshal(e.Params, &p); err != nil || !strings.HasPrefix(p.Request.URL, "file://") {
				out = append(out, "request of "+p.Request.URL)
			}
		}
	}
	return out
}

// screenshot stores a picture where REPORT_SCREENSHOTS names a folder.
func (b *browser) screenshot(name string) {
	dir := os.Getenv("REPORT_SCREENSHOTS")
	if dir == "" {
		return
	}
	var r struct{ Data string }
	json.Unmarshal(b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}), &r)
	png, err := base64.StdEncoding.DecodeString(r.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o666)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// TestChromium opens the report and every plot, wide and light, on a dark phone, and
// with the keyboard.
func TestChromium(t *testing.T) {
	b := newBrowser(t)
	dir := t.TempDir()
	path := os.Getenv("REPORT_HTML") // a real one to try, else an example
	if path == "" {
		path = filepath.Join(dir, "report.html")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := examplePage().WriteHTML(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	papers := map[string]bool{}
	for _, window := range []struct {
		name  string
		width int
		dark  bool
	}{{"wide", 1280, false}, {"phone-dark", 390, true}} {
		b.size(window.width, window.dark)
		b.open(path)
		b.screenshot(window.name)
		if w := b.eval("document.documentElement.scrollWidth").(float64); int(w) > window.width {
			t.Errorf("%s: the page is %v wide in a window of %d", window.name, w, window.width)
		}
		if h := b.eval("Math.min(...[...document.querySelectorAll('figure')].filter(f => f.checkVisibility()).map(f => f.getBoundingClientRect().height))").(float64); h < 40 {
			t.Errorf("%s: a figure is only %v high", window.name, h)
		}
		papers[fmt.Sprint(b.eval("getComputedStyle(document.body).backgroundColor"))] = true
	}
	if len(papers) != 2 {
		t.Errorf("light and dark have the same background: %v", papers)
	}
	reached := map[string]bool{}
	for range 60 {
		reached[b.tab()] = true
	}
	for _, tag := range []string{"a", "g", "div", "summary"} {
		if !reached[tag] {
			t.Errorf("Tab never reaches a <%s>: %v", tag, reached)
		}
	}
	for _, plot := range examplePage().Plots() {
		file := filepath.Join(dir, plot.Name+".svg")
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := plot.WriteSVG(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
		b.open(file)
		if n := b.eval("document.documentElement.tagName === 'svg' ? document.querySelectorAll('text').length : 0").(float64); n == 0 {
			t.Errorf("%s shows no text", plot.Name)
		}
	}
	if bad := b.complaints(); len(bad) > 0 {
		t.Errorf("the browser complains:\n%s", strings.Join(bad, "\n"))
	}
}
