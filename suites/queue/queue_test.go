package queue

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// lease is short, so that a lost worker is missed soon.
const lease = time.Second

// kind is that of the jobs of these tests, unless they say otherwise.
const kind = "v1-any"

func startServer(t *testing.T) *Server {
	t.Helper()
	s, err := StartServer(t.TempDir(), "a-token")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func connect(t *testing.T, url string) *Queue {
	t.Helper()
	q, err := Connect(t.Context(), Options{Access: Access{URL: url}, Name: t.Name(), Lease: lease, Attempts: 3, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

func begin(t *testing.T, q *Queue, id string) *Batch {
	t.Helper()
	b, err := q.Batch(t.Context(), id, kind)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func submit(t *testing.T, b *Batch, jobs int) {
	t.Helper()
	for i := range jobs {
		if err := b.Submit(t.Context(), fmt.Sprintf("k%d", i), fmt.Appendf(nil, "job %d", i)); err != nil {
			t.Fatal(err)
		}
	}
}

// collect reads results until there are so many under different keys.
func collect(t *testing.T, b *Batch, jobs int, limit time.Duration) map[string]Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	got := map[string]Result{}
	err := b.Results(ctx, func(r Result) (bool, error) {
		if _, twice := got[r.Key]; twice {
			t.Errorf("%s has two results", r.Key)
		}
		got[r.Key] = r
		return len(got) < jobs, nil
	})
	if err != nil {
		t.Fatalf("after %d of %d results: %v", len(got), jobs, err)
	}
	return got
}

// work has jobs done until the test ends.
func work(t *testing.T, q *Queue, do func(context.Context, Job) ([]byte, error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = q.Work(ctx, Worker{Name: "w", Kinds: []string{kind}}, do)
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func TestEachJobHasOneResult(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := begin(t, connect(t, s.URL), "b1")
	if err := b.Put(t.Context(), "rubric", func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("points")), nil }); err != nil {
		t.Fatal(err)
	}
	submit(t, b, 40)
	submit(t, b, 40) // as a coordinator does that was started again
	var runs atomic.Int64
	for range 2 {
		work(t, connect(t, s.URL), func(ctx context.Context, j Job) ([]byte, error) {
			runs.Add(1)
			var text []byte
			err := j.Batch.Get(ctx, "rubric", func(from io.Reader) (err error) {
				text, err = io.ReadAll(from)
				return err
			})
			return append(append(bytes.Clone(j.Data), ": "...), text...), err
		})
	}
	got := collect(t, b, 40, 20*time.Second)
	for i := range 40 {
		key := fmt.Sprintf("k%d", i)
		if want := fmt.Sprintf("job %d: points", i); string(got[key].Data) != want || got[key].Failed != "" {
			t.Errorf("%s: %+v, want %q", key, got[key], want)
		}
	}
	if runs.Load() != 40 {
		t.Errorf("%d runs for 40 jobs", runs.Load())
	}
	if err := b.Forget(t.Context()); err != nil {
		t.Error(err)
	}
	again := begin(t, connect(t, s.URL), "b1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := again.Results(ctx, func(r Result) (bool, error) { t.Errorf("left over: %v", r.Key); return true, nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestAFaultOfTheMachineIsTriedAgainAndThenFinal(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	q := connect(t, s.URL)
	b := begin(t, q, "b1")
	submit(t, b, 2)
	work(t, q, func(_ context.Context, j Job) ([]byte, error) {
		if j.Key == "k1" || j.Attempt == 1 {
			return nil, errors.New("no space left")
		}
		return []byte("done"), nil
	})
	got := collect(t, b, 2, 20*time.Second)
	if r := got["k0"]; string(r.Data) != "done" || r.Attempts != 2 {
		t.Errorf("k0: %+v", r)
	}
	if r := got["k1"]; r.Failed != "no space left" || r.Attempts != 3 {
		t.Errorf("k1: %+v", r)
	}
}

// leaves works until it has a job, and leaves then.
func leaves(t *testing.T, q *Queue) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	err := q.Work(ctx, Worker{Name: "leaves", Kinds: []string{kind}}, func(ctx context.Context, _ Job) ([]byte, error) {
		leave()
		return nil, ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// Machines are wanted elsewhere more often than a job may be tried: that is not the
// job's doing.
func TestAWorkerThatLeavesGivesItsJobBack(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := begin(t, connect(t, s.URL), "b1")
	submit(t, b, 1)
	for range 6 {
		leaves(t, connect(t, s.URL))
	}
	began := time.Now()
	work(t, connect(t, s.URL), func(context.Context, Job) ([]byte, error) { return []byte("x"), nil })
	if r := collect(t, b, 1, 10*time.Second)["k0"]; string(r.Data) != "x" || r.Attempts != 1 {
		t.Errorf("%+v", r)
	}
	t.Logf("taken over after %s", time.Since(began))
}

// What takes workers down does so no more often since some have left in between.
func TestAJobThatWasGivenBackIsGivenUpAllTheSame(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	q := connect(t, s.URL)
	b := begin(t, q, "b1")
	submit(t, b, 1)
	var runs atomic.Int64
	dies := func() {
		ctx, die := context.WithCancel(t.Context())
		defer die()
		receipt, silent := "", connect(t, s.URL)
		_ = silent.Work(ctx, Worker{Name: "dies", Kinds: []string{kind}, Holds: func(r string) { receipt = cmp.Or(r, receipt) }}, func(context.Context, Job) ([]byte, error) {
			runs.Add(1)
			silent.Close() // no word of it arrives any more
			die()
			return nil, errors.New("dead")
		})
		if err := q.Release(receipt); err != nil { // by whoever sees it die
			t.Error(err)
		}
	}
	dies()
	dies()
	leaves(t, connect(t, s.URL))
	dies()
	work(t, connect(t, s.URL), func(context.Context, Job) ([]byte, error) { runs.Add(1); return []byte("x"), nil })
	if r := collect(t, b, 1, 10*time.Second)["k0"]; r.Failed != "3 workers took it and were not heard of again" || r.Attempts != 3 || runs.Load() != 3 {
		t.Errorf("%+v after %d runs", r, runs.Load())
	}
}

// Whoever sees a worker die need not wait for its lease to end.
func TestTheJobOfADeadWorkerCanBeGivenBack(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	q, err := Connect(t.Context(), Options{Access: Access{URL: s.URL}, Lease: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	b := begin(t, q, "b1")
	submit(t, b, 1)
	receipts := make(chan string, 10)
	ctx, die := context.WithCancel(t.Context())
	defer die()
	hangs := make(chan struct{})
	defer close(hangs)
	go func() {
		_ = q.Work(ctx, Worker{Name: "dies", Kinds: []string{kind}, Holds: func(r string) { receipts <- r }}, func(context.Context, Job) ([]byte, error) {
			<-hangs
			return nil, errors.New("dead")
		})
	}()
	receipt := <-receipts
	if receipt == "" {
		t.Fatal("no receipt")
	}
	work(t, q, func(context.Context, Job) ([]byte, error) { return []byte("x"), nil })
	if err := q.Release(receipt); err != nil {
		t.Fatal(err)
	}
	if r := collect(t, b, 1, 10*time.Second)["k0"]; r.Attempts != 2 || string(r.Data) != "x" {
		t.Errorf("%+v", r)
	}
}

func TestALongJobKeepsItsLease(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := begin(t, connect(t, s.URL), "b1")
	submit(t, b, 1)
	var runs atomic.Int64
	for range 2 {
		work(t, connect(t, s.URL), func(ctx context.Context, _ Job) ([]byte, error) {
			runs.Add(1)
			select { // three leases long
			case <-time.After(3 * lease):
			case <-ctx.Done():
			}
			return []byte("x"), ctx.Err()
		})
	}
	if r := collect(t, b, 1, 20*time.Second)["k0"]; r.Attempts != 1 || runs.Load() != 1 {
		t.Errorf("%d runs, %d attempts", runs.Load(), r.Attempts)
	}
}

func TestAJobOfABatchThatIsOverIsDropped(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	q := connect(t, s.URL)
	over, goes := begin(t, q, "over"), begin(t, q, "goes")
	if err := over.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	submit(t, over, 1)
	submit(t, goes, 1)
	work(t, q, func(_ context.Context, j Job) ([]byte, error) { return []byte(j.Key), nil })
	collect(t, goes, 1, 10*time.Second)
	if info, err := q.work.Info(t.Context()); err != nil || info.State.Msgs > 1 {
		t.Errorf("%+v, %v", info, err)
	}
}

// A worker that cannot do a job must not spend its attempts, and can be named.
func TestJobsGoToWorkersOfTheirKind(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	q := connect(t, s.URL)
	b := begin(t, q, "b1")
	submit(t, b, 3)
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = connect(t, s.URL).Work(ctx, Worker{Name: "old", Kinds: []string{"v0-any", "v0-strict"}, About: "conform 0"}, func(context.Context, Job) ([]byte, error) {
			t.Error("a worker of another kind was given a job")
			return nil, errors.New("it cannot")
		})
	}()
	for until := time.Now().Add(10 * time.Second); ; {
		there, err := q.Workers(t.Context(), 200*time.Millisecond)
		if err == nil && len(there) == 1 {
			if there[0].About != "conform 0" || len(there[0].Kinds) != 2 {
				t.Errorf("%+v", there[0])
			}
			break
		}
		if time.Now().After(until) {
			t.Fatalf("%v, %v", there, err)
		}
	}
	if look, err := b.Look(t.Context(), []string{"k0", "k1", "k2", "k3"}); err != nil || !slices.Equal(look.Lost, []string{"k3"}) || look.Stuck != nil {
		t.Errorf("%+v, %v", look, err)
	}
	leave()
	<-done
	ctx, leave = context.WithCancel(t.Context())
	defer leave()
	go func() {
		_ = q.Work(ctx, Worker{Name: "new", Kinds: []string{"v0-any", kind}}, func(_ context.Context, j Job) ([]byte, error) { return j.Data, nil })
	}()
	for key, r := range collect(t, b, 3, 10*time.Second) {
		if r.Attempts != 1 || r.Failed != "" {
			t.Errorf("%s: %+v", key, r)
		}
	}
}

// The server may lose a word, or all it has: whoever waits finds that out.
func TestJobsThatAreLostOrStuckAreFound(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	q := connect(t, s.URL)
	b := begin(t, q, "b1")
	submit(t, b, 1)
	// Nobody hears that it was handed out too often.
	if err := q.js.DeleteStream(t.Context(), deadStream); err != nil {
		t.Fatal(err)
	}
	c, err := q.consumer(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.Fetch(1, jetstream.FetchMaxWait(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lease + lease/5) // of a worker that was killed
	}
	work(t, q, func(_ context.Context, j Job) ([]byte, error) { return j.Data, nil }) // others come
	for until := time.Now().Add(20 * time.Second); ; {
		look, err := b.Look(t.Context(), []string{"k0"})
		if err == nil && slices.Equal(look.Stuck, []string{"k0"}) {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("%+v, %v", look, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := b.Fail(t.Context(), "k0", "given up", 3); err != nil {
		t.Fatal(err)
	}
	if r := collect(t, b, 1, 10*time.Second)["k0"]; r.Failed != "given up" {
		t.Errorf("%+v", r)
	}
	for _, name := range []string{workStream, resultStream} {
		if err := q.js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if look, err := b.Look(t.Context(), []string{"k0", "k1"}); err != nil || len(look.Lost) != 2 {
		t.Fatalf("%+v, %v", look, err)
	}
	submit(t, b, 2)
	collect(t, b, 2, 10*time.Second)
}

// A queue that somebody else made, or another version, is not used as if it were
// ours.
func TestAQueueOfAnotherKindIsRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	q := connect(t, s.URL)
	for _, name := range []string{workStream, resultStream} {
		info, err := q.js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		ours, other := info.CachedInfo().Config, info.CachedInfo().Config
		other.Retention, other.DiscardNewPerSubject, other.MaxMsgsPerSubject = jetstream.LimitsPolicy, false, 7
		if err := q.js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if _, err := q.js.CreateStream(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if _, err := Connect(t.Context(), Options{Access: Access{URL: s.URL}}); err == nil || !strings.Contains(err.Error(), "nats stream rm "+name) {
			t.Errorf("error %v", err)
		}
		if err := q.js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if _, err := q.js.CreateStream(t.Context(), ours); err != nil {
			t.Fatal(err)
		}
		connect(t, s.URL)
	}
}

func TestOnlyWhoHasTheTokenIsServed(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	if _, err := Connect(t.Context(), Options{Access: Access{URL: strings.Replace(s.URL, "a-token", "another", 1)}}); err == nil || !strings.Contains(err.Error(), "Authorization") {
		t.Errorf("error %v", err)
	}
}

func TestErrorsDoNotRepeatSecrets(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"nats://secret@127.0.0.1:1", "nats://zoe:secret@127.0.0.1:1, nats://bob:secret@127.0.0.1:2", "nats://zoe:secret@127.0.0.1:x", "zoe:secret@[::1", "nats://ann:s%zzecret@127.0.0.1:1"} {
		_, err := Connect(t.Context(), Options{Access: Access{URL: url}})
		if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "zzecret") || strings.Contains(err.Error(), "zoe") {
			t.Errorf("%s: error %v", url, err)
		}
	}
}

func TestMain(m *testing.M) {
	if role := os.Getenv("CONFORM_QUEUE_TEST"); role != "" {
		os.Exit(play(role))
	}
	os.Exit(m.Run())
}
