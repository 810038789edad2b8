package reporttest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Browser starts a headless browser for the test, and complains of all that a
// page does which it must not do.
func Browser(t *testing.T) (context.Context, func(path string)) {
	t.Helper()
	if testing.Short() {
		t.Skip("the HTML report is not looked at in a browser: -short")
	}
	if raceEnabled {
		t.Skip("the HTML report is not looked at in a browser under the race detector: what runs there is not Go")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless_shell", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("the HTML report is not looked at in a browser: there is no chromium here; apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it does not start otherwise
	}
	bounded, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	allocated, cancel := chromedp.NewExecAllocator(bounded, options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // which waits until it has ended

	var mu sync.Mutex
	allowed := ""
	err := chromedp.Listen(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if url, _, _ := strings.Cut(e.Request.URL, "#"); url != allowed && url != "about:blank" {
				t.Errorf("it asks for %.200s", e.Request.URL)
			}
		case *runtime.EventConsoleAPICalled:
			t.Errorf("it writes to the console: %s", e.Type)
		case *runtime.EventExceptionThrown:
			t.Errorf("a script failed: %s", e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			t.Errorf("the browser complains: %s", e.Entry.Text)
		case *cdppage.EventJavascriptDialogOpening:
			t.Errorf("a dialog opens: %s", e.Message)
		}
	})
	if err == nil {
		_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	}
	if err == nil {
		_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	}
	if err != nil {
		t.Skipf("the HTML report is not looked at in a browser: %s does not start: %v", path, err)
	}
	return ctx, func(path string) {
		mu.Lock()
		defer mu.Unlock()
		allowed = "file://" + path
	}
}
