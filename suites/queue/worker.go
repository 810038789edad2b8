package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

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

// ErrAbandoned ends a job whose batch is over: nobody waits for a result.
var ErrAbandoned = errors.New("the batch is over")

// Work does one job after the other until the context ends. What do returns is the
// result; an error is of the machine, not of the job, and has another worker try
// it, until it was tried too often. A worker that is killed is noticed when its
// lease is over. A process does one job at a time, so that one that kills its
// worker takes no other with it.
func (q *Queue) Work(ctx context.Context, worker string, do func(context.Context, Job) ([]byte, error)) error {
	var consumer jetstream.Consumer
	err := q.insist(ctx, request, func(ctx context.Context) (err error) {
		consumer, err = q.work.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
			Durable: workers, AckPolicy: jetstream.AckExplicitPolicy, AckWait: q.options.Lease, MaxDeliver: q.options.Attempts, MaxAckPending: -1,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("the queue has no work to give: %w", err)
	}
	for ctx.Err() == nil {
		if err := q.workOnce(ctx, consumer, worker, do); err != nil && ctx.Err() == nil {
			q.options.Log.Warn("the queue gives no work", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(500 * time.Millisecond):
			}
		}
	}
	return context.Cause(ctx)
}

// workOnce waits a while for a job, and does it.
func (q *Queue) workOnce(ctx context.Context, consumer jetstream.Consumer, worker string, do func(context.Context, Job) ([]byte, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	waiting, enough := context.WithTimeout(ctx, request)
	messages, err := consumer.Fetch(1, jetstream.FetchContext(waiting))
	if err != nil {
		enough()
		return err
	}
	for m := range messages.Messages() {
		enough()
		q.handle(ctx, m, worker, do)
	}
	enough()
	if err := messages.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
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
		return Result{}, err
	}
	return Result{Key: key, Data: o.Data, Failed: o.Failed, Attempts: o.Attempts, Worker: o.Worker}, nil
}

// finish tells the result. The first one stands.
func (q *Queue) finish(ctx context.Context, batch, key string, o outcome) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = q.publish(ctx, resultSubject(batch, key), data)
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
	attempt := int(meta.NumDelivered)
	if attempt > 1 {
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
	batch, err := q.existing(ctx, batchID)
	if err != nil {
		if errors.Is(err, ErrGone) {
			_ = m.Term()
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
	case errors.Is(err, ErrAbandoned), errors.Is(err, ErrGone):
		_ = m.Term()
		return
	case err != nil && ctx.Err() != nil:
		_ = m.Nak() // we are leaving: it is another's at once
		return
	case err != nil && attempt < q.options.Attempts:
		log.Warn("a job is tried again", "attempt", attempt, "error", err)
		_ = m.NakWithDelay(time.Duration(attempt) * time.Second)
		return
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
	_ = b.q.follow(ctx, b.q.dead, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES."+workStream+"."+workers, func(m jetstream.Msg) (bool, error) {
		var advisory struct {
			Sequence   uint64 `json:"stream_seq"`
			Deliveries int    `json:"deliveries"`
		}
		if err := json.Unmarshal(m.Data(), &advisory); err != nil {
			return true, nil
		}
		var job *jetstream.RawStreamMsg
		err := b.q.insist(ctx, request, func(ctx context.Context) (err error) {
			job, err = b.q.work.GetMsg(ctx, advisory.Sequence)
			return err
		})
		if err != nil {
			return true, nil // it was done after all
		}
		batch, key := keyOf(job.Subject)
		if batch != b.id {
			return true, nil
		}
		failed := fmt.Sprintf("%d workers took it and were not heard of again", advisory.Deliveries)
		if err := b.q.finish(ctx, batch, key, outcome{Failed: failed, Attempts: advisory.Deliveries}); err != nil {
			return true, nil
		}
		_ = b.q.insist(ctx, request, func(ctx context.Context) error {
			err := b.q.work.DeleteMsg(ctx, advisory.Sequence)
			if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
				return nil
			}
			return err
		})
		return true, nil
	})
}
