package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Job is a piece of work that was handed out.
type Job struct {
	Batch   *Batch // whose store holds what the job needs
	Key     string
	Data    []byte // as it was submitted
	Attempt int    // from 1: others may have tried and been lost
}

// BatchID names the batch that a job belongs to.
func (j Job) BatchID() string { return j.Batch.id }

// Worker says who does the work, and which.
type Worker struct {
	Name  string
	Kinds []string // of jobs that it does; all others are left to others
	About string   // what it is, for whoever asks

	// Holds, if there is one, is told the receipt of a job before it is begun,
	// and "" when it is over: whoever sees the worker die can give it back.
	Holds func(receipt string)
}

// Release gives the job back of a worker that has died: it need not be missed
// until its lease is over.
func (q *Queue) Release(receipt string) error {
	if err := q.nc.Publish(receipt, []byte("-NAK")); err != nil {
		return err
	}
	return q.nc.FlushTimeout(request)
}

// turn is how long a worker waits for a job of one kind before it looks for one of
// the next.
const turn = 250 * time.Millisecond

// Work does one job after the other until the context ends. What do returns is the
// result; an error is of the machine, not of the job, and has another worker try
// it, until it was tried too often. A worker that is killed is noticed when its
// lease is over. A process does one job at a time, so that one that kills its
// worker takes no other with it.
func (q *Queue) Work(ctx context.Context, w Worker, do func(context.Context, Job) ([]byte, error)) error {
	here, err := q.nc.Subscribe(whoSubject, func(m *nats.Msg) {
		data, err := json.Marshal(Present{Name: w.Name, About: w.About, Kinds: w.Kinds})
		if err == nil {
			err = m.Respond(data)
		}
		if err != nil {
			q.options.Log.Warn("a question cannot be answered", "error", err)
		}
	})
	if err != nil {
		return err
	}
	defer func() { _ = here.Unsubscribe() }()
	consumers := make([]jetstream.Consumer, len(w.Kinds))
	for i, kind := range w.Kinds {
		if consumers[i], err = q.consumer(ctx, kind); err != nil {
			return fmt.Errorf("the queue has no work to give: %w", err)
		}
	}
	for at := 0; ctx.Err() == nil; {
		got, err := q.workOnce(ctx, consumers[at], w, do)
		if err != nil && ctx.Err() == nil {
			q.options.Log.Warn("the queue gives no work", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(500 * time.Millisecond):
			}
			if again, err := q.consumer(ctx, w.Kinds[at]); err == nil {
				consumers[at] = again
			}
		}
		if !got {
			at = (at + 1) % len(consumers)
		}
	}
	return context.Cause(ctx)
}

// consumer finds what hands out the jobs of a kind, or makes it.
func (q *Queue) consumer(ctx context.Context, kind string) (c jetstream.Consumer, err error) {
	if !valid(kind) {
		return nil, fmt.Errorf("a kind %q: write letters and digits", kind)
	}
	err = q.insist(ctx, request, func(ctx context.Context) (err error) {
		c, err = q.js.CreateOrUpdateConsumer(ctx, workStream, jetstream.ConsumerConfig{
			Durable: kind, FilterSubject: workSubject(kind, "*", "*"), AckPolicy: jetstream.AckExplicitPolicy,
			AckWait: q.options.Lease, MaxDeliver: q.options.Attempts, MaxAckPending: -1, InactiveThreshold: kept,
		})
		return err
	})
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		// The server has lost all that it had. Whoever waits puts it in again.
		if _, _, err := q.prepare(ctx); err != nil {
			return nil, err
		}
		return nil, err
	}
	return c, err
}

// Present is a worker that is there.
type Present struct {
	Name  string   `json:"name"`
	About string   `json:"about"`
	Kinds []string `json:"kinds"`
}

// Workers asks who is there, and waits so long for answers.
func (q *Queue) Workers(ctx context.Context, wait time.Duration) (list []Present, err error) {
	inbox := nats.NewInbox()
	answers, err := q.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := q.nc.PublishRequest(whoSubject, inbox, nil); err != nil {
		return nil, err
	}
	ctx, enough := context.WithTimeout(ctx, wait)
	defer enough()
	for {
		m, err := answers.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, nats.ErrNoResponders), errors.Is(err, context.DeadlineExceeded):
			return list, nil
		case err != nil:
			return nil, err
		}
		var p Present
		if json.Unmarshal(m.Data, &p) == nil {
			list = append(list, p)
		}
	}
}

// workOnce waits a while for a job, and does it.
func (q *Queue) workOnce(ctx context.Context, consumer jetstream.Consumer, w Worker, do func(context.Context, Job) ([]byte, error)) (got bool, err error) {
	// Not until the context ends: a job that is on its way to us would be
	// nobody's until its lease is over, and have lost an attempt.
	messages, err := consumer.Fetch(1, jetstream.FetchMaxWait(turn))
	if err != nil {
		return false, err
	}
	for m := range messages.Messages() {
		got = true
		if ctx.Err() != nil {
			q.giveBack(ctx, m)
			continue
		}
		if w.Holds != nil {
			w.Holds(m.Reply())
		}
		q.handle(ctx, m, w.Name, do)
		if w.Holds != nil {
			w.Holds("")
		}
	}
	return got, messages.Error()
}

// outcome is a result as it is sent.
type outcome struct {
	Data     []byte `json:"data,omitempty"`
	Failed   string `json:"failed,omitempty"`
	Attempts int    `json:"attempts"`
	Worker   string `json:"worker"`
}

func decode(m jetstream.Msg) (Result, error) {
	_, key := keyOf(m.Subject())
	var o outcome
	if err := json.Unmarshal(m.Data(), &o); err != nil {
		return Result{Key: key}, err
	}
	return Result{Key: key, Data: o.Data, Failed: o.Failed, Attempts: o.Attempts, Worker: o.Worker}, nil
}

// maxReason bounds what is told of a failure, in bytes.
const maxReason = 4 << 10

// finish tells the result. The first one stands.
func (q *Queue) finish(ctx context.Context, batch, key string, o outcome) error {
	if len(o.Failed) > maxReason {
		o.Failed = strings.ToValidUTF8(o.Failed[:maxReason], "") + "…"
	}
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = q.publish(ctx, &nats.Msg{Subject: resultSubject(batch, key), Data: data})
	return err
}

func (q *Queue) handle(ctx context.Context, m jetstream.Msg, worker string, do func(context.Context, Job) ([]byte, error)) {
	log := q.options.Log.With("job", m.Subject())
	meta, err := m.Metadata()
	batchID, key := keyOf(m.Subject())
	if err != nil || !valid(batchID) || !valid(key) {
		log.Warn("a job is not one of conform's", "error", err)
		_ = m.Term()
		return
	}
	attempt := before(m.Headers()) + int(meta.NumDelivered)
	if attempt > 1 || m.Headers().Get(givenBack) != "" {
		// The one before may have been lost between its result and its word.
		err := q.insist(ctx, request, func(ctx context.Context) error {
			_, err := q.results.GetLastMsgForSubject(ctx, resultSubject(batchID, key))
			return err
		})
		if err == nil {
			_ = m.Ack()
			return
		}
	}
	if attempt > q.options.Attempts { // the server counts from when it was given back
		if err := q.finish(ctx, batchID, key, outcome{Failed: lostWorkers(attempt - 1), Attempts: attempt - 1}); err == nil {
			_ = m.DoubleAck(ctx)
		}
		return
	}
	batch, err := q.existing(ctx, batchID)
	if err != nil {
		if errors.Is(err, ErrGone) {
			_ = m.Term()
			return
		}
		if ctx.Err() != nil {
			q.giveBack(ctx, m)
			return
		}
		log.Warn("a batch cannot be opened", "error", err)
		_ = m.NakWithDelay(time.Second)
		return
	}
	stop := q.keepLease(ctx, m)
	data, err := do(ctx, Job{Batch: batch, Key: key, Data: m.Data(), Attempt: attempt})
	stop()
	switch {
	case errors.Is(err, ErrGone):
		_ = m.Term()
		return
	case err != nil && ctx.Err() != nil:
		q.giveBack(ctx, m)
		return
	case err != nil && attempt < q.options.Attempts:
		log.Warn("a job is tried again", "attempt", attempt, "error", err)
		_ = m.NakWithDelay(time.Duration(attempt) * time.Second)
		return
	}
	// What is done is done, even if we are to leave.
	ctx, told := context.WithTimeout(context.WithoutCancel(ctx), patience+2*request)
	defer told()
	switch {
	case err != nil:
		err = q.finish(ctx, batchID, key, outcome{Failed: err.Error(), Attempts: attempt, Worker: worker})
	default:
		err = q.finish(ctx, batchID, key, outcome{Data: data, Attempts: attempt, Worker: worker})
	}
	if err != nil {
		log.Warn("a result cannot be told", "error", err)
		return // the lease ends, and another does it again
	}
	if err := q.insist(ctx, request, func(ctx context.Context) error { return m.DoubleAck(ctx) }); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		log.Warn("a result was told, and the job cannot be taken out", "error", err)
	}
}

// Headers of a job that was given back.
const (
	givenBack = "Conform-Given-Back" // how often
	used      = "Conform-Attempts"   // how many attempts it has used up all the same
)

// before is how many attempts a job used up before it was given back.
func before(h nats.Header) int {
	n, err := strconv.Atoi(h.Get(used))
	if err != nil {
		return 0
	}
	return max(0, n)
}

// giveBack makes a job another's at once, since we leave. That is not the job's
// doing and costs it no attempt, which the server counts with each time that it
// hands it out: it goes in anew. Should we die in between, the coordinator misses
// it.
func (q *Queue) giveBack(ctx context.Context, m jetstream.Msg) {
	ctx, enough := context.WithTimeout(context.WithoutCancel(ctx), 2*request)
	defer enough()
	meta, err := m.Metadata()
	if err == nil {
		err = m.DoubleAck(ctx)
	}
	if err != nil {
		_ = m.Nak()
		return
	}
	times, _ := strconv.Atoi(m.Headers().Get(givenBack))
	again := nats.NewMsg(m.Subject())
	again.Data = m.Data()
	again.Header.Set(givenBack, strconv.Itoa(times+1))
	again.Header.Set(used, strconv.Itoa(before(m.Headers())+int(meta.NumDelivered)-1))
	if _, err := q.publish(ctx, again); err != nil {
		q.options.Log.Warn("a job that is given back is missed in a while only", "job", m.Subject(), "error", err)
	}
}

// keepLease says time and again that the job is being done, until stop is called.
func (q *Queue) keepLease(ctx context.Context, m jetstream.Msg) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		beat := time.NewTicker(q.options.Lease / 3)
		defer beat.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
				_ = m.InProgress() // when it is lost, the next one is not
			}
		}
	}()
	return func() { cancel(); <-done }
}

// existing opens a batch that a coordinator has begun.
func (q *Queue) existing(ctx context.Context, id string) (*Batch, error) {
	b := &Batch{q: q, id: id}
	err := q.insist(ctx, request, func(ctx context.Context) (err error) {
		b.store, err = q.js.ObjectStore(ctx, "conform-"+id)
		return err
	})
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		err = ErrGone
	}
	return b, err
}

// bury looks after jobs that were handed out too often without a word from any of
// their workers: what does that to workers is not handed out again.
func (b *Batch) bury(ctx context.Context) {
	for ctx.Err() == nil {
		err := b.q.follow(ctx, deadStream, advisories, func(m jetstream.Msg) (bool, error) { return true, b.buryOne(ctx, m) })
		if ctx.Err() != nil {
			return
		}
		b.q.options.Log.Warn("a job that nobody could do cannot be given up yet", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func lostWorkers(n int) string {
	return fmt.Sprintf("%d workers took it and were not heard of again", n)
}

func (b *Batch) buryOne(ctx context.Context, m jetstream.Msg) error {
	var advisory struct {
		Sequence   uint64 `json:"stream_seq"`
		Deliveries int    `json:"deliveries"`
	}
	if json.Unmarshal(m.Data(), &advisory) != nil {
		return nil
	}
	var job *jetstream.RawStreamMsg
	err := b.q.insist(ctx, request, func(ctx context.Context) (err error) {
		job, err = b.q.work.GetMsg(ctx, advisory.Sequence)
		return err
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil // it was done after all
	} else if err != nil {
		return err
	}
	if batch, key := keyOf(job.Subject); batch == b.id {
		attempts := before(job.Header) + advisory.Deliveries
		return b.Fail(ctx, key, lostWorkers(attempts), attempts)
	}
	return nil
}
