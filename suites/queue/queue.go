// Package queue carries work to workers on any number of machines, and what comes
// of it back, over NATS JetStream.
//
// The queue is disposable: what has been done is known to a ledger elsewhere, and
// whatever the queue loses or does twice is put in again or taken once. Each job
// has a key, and the first result under a key is the one that counts. The package
// does not know what a job is.
package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Access is what it takes to reach the queue.
type Access struct {
	URL       string // nats:// or tls://, several separated by commas; a token or user:password in it
	Creds     string // a file of credentials, as NATS's tools write them
	CA        string // a file of PEM certificates that the server's is verified by
	Cert, Key string // files of our own certificate, if the server wants one
}

// Options say where the queue is, and how patient it is.
type Options struct {
	Access
	Name string // what the server lists this connection as

	Lease    time.Duration // how long a worker may be silent before its job is another's; 0 is DefaultLease
	Attempts int           // how often a job is handed out at most; 0 is DefaultAttempts

	Log *slog.Logger // what goes wrong and mends itself; nil is nowhere

	// Room, if the server is our own, says why it may not take so many bytes: it
	// is silent when its disk is full.
	Room func(bytes int64) error
}

const (
	DefaultLease    = 30 * time.Second
	DefaultAttempts = 5
)

const (
	workStream   = "conform-work"
	resultStream = "conform-results"
	deadStream   = "conform-dead"
	whoSubject   = "conform.who" // answered by every worker that is there
	advisories   = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES." + workStream + ".*"
)

// kept is how long the server keeps what nobody comes back for.
const kept = 30 * 24 * time.Hour

func workSubject(kind, batch, key string) string {
	return "conform.work." + kind + "." + batch + "." + key
}
func resultSubject(batch, key string) string { return "conform.result." + batch + "." + key }

// Queue is a connection to the queue.
type Queue struct {
	options Options
	nc      *nats.Conn
	js      jetstream.JetStream
	work    jetstream.Stream
	results jetstream.Stream
}

// Connect reaches a server and makes what the queue needs there, unless somebody
// has. Once connected, it finds the server, or another of its cluster, again for as
// long as it takes.
func Connect(ctx context.Context, o Options) (*Queue, error) {
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	if o.Attempts == 0 {
		o.Attempts = DefaultAttempts
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	settings := []nats.Option{
		nats.Name(o.Name), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				o.Log.Warn("the queue is away", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { o.Log.Info("the queue is there again") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { o.Log.Warn("the queue", "error", err) }),
	}
	if o.Creds != "" {
		settings = append(settings, nats.UserCredentials(o.Creds))
	}
	if o.CA != "" {
		settings = append(settings, nats.RootCAs(o.CA))
	}
	if o.Cert != "" || o.Key != "" {
		settings = append(settings, nats.ClientCert(o.Cert, o.Key))
	}
	nc, err := nats.Connect(o.URL, settings...)
	if err != nil {
		return nil, fmt.Errorf("the queue at %s cannot be reached: %w", Shown(o.URL), hidden{err, o.URL})
	}
	if has, _ := nc.ConnectedServerJetStream(); !has && nc.ConnectedClusterName() == "" {
		nc.Close()
		return nil, fmt.Errorf("the server at %s keeps no queue: enable JetStream there", Shown(o.URL))
	}
	q := &Queue{options: o, nc: nc}
	if q.js, err = jetstream.New(q.nc); err == nil {
		q.work, q.results, err = q.prepare(ctx)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return q, nil
}

// Shown is a queue's URL as it may be shown: without passwords and tokens.
func Shown(urls string) string {
	var list []string
	for _, u := range strings.Split(urls, ",") {
		scheme, rest, ok := strings.Cut(strings.TrimSpace(u), "://")
		if !ok {
			scheme, rest = "nats", scheme
		}
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = rest[at+1:]
		}
		list = append(list, scheme+"://"+rest)
	}
	return strings.Join(list, ",")
}

// hidden is an error without the secrets in a URL that it may repeat.
type hidden struct {
	error
	urls string
}

func (h hidden) Unwrap() error { return h.error }

func (h hidden) Error() string {
	text := h.error.Error()
	for _, u := range strings.Split(h.urls, ",") {
		u = strings.TrimSpace(u)
		if at := strings.LastIndexByte(u, '@'); at >= 0 {
			_, secret, ok := strings.Cut(u[:at], "://")
			if !ok {
				secret = u[:at]
			}
			text = strings.ReplaceAll(text, secret+"@", "")
		}
	}
	return text
}

// Close ends the connection.
func (q *Queue) Close() { q.nc.Close() }

// prepare makes the streams, unless they are there.
func (q *Queue) prepare(ctx context.Context) (work, results jetstream.Stream, err error) {
	common := jetstream.StreamConfig{Storage: jetstream.FileStorage, Replicas: q.replicas(), MaxAge: kept}
	forWork, forResults, dead := common, common, common
	// A job stays until a worker has done it, and no second one goes in beside it.
	forWork.Name, forWork.Subjects = workStream, []string{"conform.work.*.*.*"}
	forWork.Retention, forWork.Discard = jetstream.WorkQueuePolicy, jetstream.DiscardNew
	forWork.MaxMsgsPerSubject, forWork.DiscardNewPerSubject = 1, true
	// The first result under a key stands.
	forResults.Name, forResults.Subjects = resultStream, []string{"conform.result.*.*"}
	forResults.Discard, forResults.MaxMsgsPerSubject, forResults.DiscardNewPerSubject = jetstream.DiscardNew, 1, true
	// The server says once when a job has been handed out too often: that must
	// not be lost while nobody listens.
	dead.Name, dead.Subjects = deadStream, []string{advisories}
	if work, err = q.stream(ctx, forWork); err == nil {
		if results, err = q.stream(ctx, forResults); err == nil {
			_, err = q.stream(ctx, dead)
		}
	}
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, nats.ErrNoResponders):
		err = fmt.Errorf("the server at %s does not keep a queue: %w: enable JetStream there, for this account", Shown(q.options.URL), err)
	case err != nil:
		err = fmt.Errorf("the server at %s does not keep a queue: %w", Shown(q.options.URL), err)
	}
	return work, results, err
}

// replicas is on how many servers what is queued is kept.
func (q *Queue) replicas() int {
	if q.nc.ConnectedClusterName() == "" || len(q.nc.Servers()) < 3 {
		return 1
	}
	return 3
}

// stream finds a stream, or makes it. One that was made when fewer servers were
// known is spread over more of them; none is ever taken off a server, which may be
// away for a while only.
func (q *Queue) stream(ctx context.Context, config jetstream.StreamConfig) (s jetstream.Stream, err error) {
	find := func(ctx context.Context) error {
		if s, err = q.js.Stream(ctx, config.Name); !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
		if s, err = q.js.CreateStream(ctx, config); errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			s, err = q.js.Stream(ctx, config.Name)
		}
		return err
	}
	if err = q.insist(ctx, request, find); crowded(err) && config.Replicas > 1 {
		config.Replicas = 1 // not so many servers are there: better than nothing
		err = q.insist(ctx, request, find)
	}
	if err != nil {
		return nil, err
	}
	if have := s.CachedInfo().Config; !slices.Equal(have.Subjects, config.Subjects) || have.Retention != config.Retention || have.Discard != config.Discard ||
		max(0, have.MaxMsgsPerSubject) != config.MaxMsgsPerSubject || have.DiscardNewPerSubject != config.DiscardNewPerSubject {
		// It would hand out twice, or keep nothing.
		return nil, fmt.Errorf("its stream %s is none of this conform: end what uses it and take it away, as by nats stream rm %s, or use another account", config.Name, config.Name)
	} else if have.Replicas < config.Replicas {
		have.Replicas = config.Replicas
		asking, answered := context.WithTimeout(ctx, request)
		defer answered()
		if _, err := q.js.UpdateStream(asking, have); err != nil {
			q.options.Log.Warn("the queue stays on fewer servers than there are", "stream", config.Name, "error", err)
		}
	}
	return s, nil
}

// crowded says whether a cluster has not enough servers for what is asked.
func crowded(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == noPeers
}

// Codes of errors of the server that its client has no names for.
const (
	noPeers   = 10005 // too few servers in the cluster, or not all are there yet
	noRoom    = 10023 // of memory or disk
	noStorage = 10047 // as above
)

// patience is how long a cluster may take to agree on a new leader.
const patience = time.Minute

// A request may be lost with the server that it was for: nobody says so, and it
// has to be made again. What carries files takes longer.
const (
	request  = 5 * time.Second
	transfer = 5 * time.Minute
)

// insist does something again while the cluster cannot say whether it is done,
// each time for so long at most. What it does must come to the same when done
// twice.
func (q *Queue) insist(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	until := time.Now().Add(patience)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		try, enough := context.WithTimeout(ctx, limit)
		err := do(try)
		enough()
		if err == nil || !passing(err) || ctx.Err() != nil || time.Now().After(until) {
			return err
		}
		if err := q.Room(0); err != nil {
			return err
		}
		q.options.Log.Info("the queue is asked again", "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// Room says why the queue may not take so many bytes, if that is known. Nothing is
// known of a server elsewhere, which has limits of its own to say so.
func (q *Queue) Room(bytes int64) error {
	if q.options.Room == nil {
		return nil
	}
	return q.options.Room(bytes)
}

// passing says whether an error is of a server that is away, or of a cluster that
// has no leader for the moment.
func passing(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		// A refusal and a full disk have the code of a server that is not ready.
		if refused(err) || api.ErrorCode == noRoom || api.ErrorCode == noStorage || errors.Is(err, jetstream.ErrJetStreamNotEnabled) {
			return false
		}
		return crowded(err) || api.Code == 503 || api.Code == 500 || api.Code == 408
	}
	for _, is := range []error{context.DeadlineExceeded, os.ErrDeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders, jetstream.ErrNoStreamResponse, nats.ErrConnectionReconnecting,
		nats.ErrDisconnected, nats.ErrReconnectBufExceeded, nats.ErrStaleConnection, jetstream.ErrNoHeartbeat, jetstream.ErrConsumerLeadershipChanged, jetstream.ErrServerShutdown} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// refused says whether a message was not taken because there is one under its
// subject already.
func refused(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && strings.Contains(api.Description, "maximum messages per subject exceeded")
}

// publish puts a message in. It says false if there is one under the subject.
func (q *Queue) publish(ctx context.Context, m *nats.Msg) (bool, error) {
	err := q.insist(ctx, request, func(ctx context.Context) error {
		_, err := q.js.PublishMsg(ctx, m)
		return err
	})
	if refused(err) {
		return false, nil
	}
	return err == nil, err
}

// Batch is what one coordinator has to be done.
type Batch struct {
	q        *Queue
	id, kind string
	store    jetstream.ObjectStore
}

// Batch opens a batch, or begins it. Its jobs are of a kind, which only workers
// that say so take: whoever cannot do them must not spend their attempts. ID and
// kind hold letters, digits, hyphens and underscores.
func (q *Queue) Batch(ctx context.Context, id, kind string) (*Batch, error) {
	if !valid(id) || !valid(kind) {
		return nil, fmt.Errorf("a batch %q of the kind %q: write letters and digits", id, kind)
	}
	b := &Batch{q: q, id: id, kind: kind}
	if err := b.open(ctx); err != nil {
		return nil, fmt.Errorf("batch %s: %w", id, err)
	}
	return b, nil
}

// open finds the batch's store, or makes it.
func (b *Batch) open(ctx context.Context) error {
	config := jetstream.ObjectStoreConfig{Bucket: "conform-" + b.id, Storage: jetstream.FileStorage, Replicas: b.q.replicas(), TTL: kept}
	find := func(ctx context.Context) error {
		store, err := b.q.js.ObjectStore(ctx, config.Bucket)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			if store, err = b.q.js.CreateObjectStore(ctx, config); errors.Is(err, jetstream.ErrBucketExists) {
				store, err = b.q.js.ObjectStore(ctx, config.Bucket)
			}
		}
		if err == nil && b.store == nil {
			b.store = store
		}
		return err
	}
	err := b.q.insist(ctx, request, find)
	if crowded(err) && config.Replicas > 1 {
		config.Replicas = 1
		err = b.q.insist(ctx, request, find)
	}
	return err
}

// Put stores what open reads under a name, unless it is there.
func (b *Batch) Put(ctx context.Context, name string, open func() (io.ReadCloser, error)) error {
	err := b.q.insist(ctx, request, func(ctx context.Context) error {
		_, err := b.store.GetInfo(ctx, name)
		return err
	})
	if !errors.Is(err, jetstream.ErrObjectNotFound) {
		return err
	}
	until := time.Now().Add(patience)
	for limit := request; ; limit = min(2*limit, transfer) {
		bytes, err := b.put(ctx, limit, name, open)
		if err == nil || !passing(err) || ctx.Err() != nil || limit == transfer && time.Now().After(until) {
			return err
		}
		if err := b.q.Room(bytes); err != nil {
			return err
		}
		b.q.options.Log.Info("it is sent again", "name", name, "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// put stores a thing, and says how many bytes of it were sent.
func (b *Batch) put(ctx context.Context, limit time.Duration, name string, open func() (io.ReadCloser, error)) (sent int64, err error) {
	ctx, enough := context.WithTimeout(ctx, limit)
	defer enough()
	from, err := open()
	if err != nil {
		return 0, err
	}
	defer from.Close()
	c := &counting{Reader: from}
	_, err = b.store.Put(ctx, jetstream.ObjectMeta{Name: name}, c)
	return c.n, err
}

// counting counts what is read.
type counting struct {
	io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// ErrGone says that a thing is not in the store: its batch is over.
var ErrGone = errors.New("it is not in the queue's store any more")

// settling is how long what was stored may be unknown to some servers of a cluster:
// whoever asks may be answered by any of them.
const settling = 5 * time.Second

// Get has what is stored under a name read, once more from the beginning whenever
// the way to it is lost. It is checked by its digest.
func (b *Batch) Get(ctx context.Context, name string, read func(io.Reader) error) error {
	began := time.Now()
	for {
		err := b.get(ctx, name, read)
		gone := errors.Is(err, jetstream.ErrObjectNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound)
		limit := settling
		if passing(err) {
			limit = patience
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case time.Since(began) > limit && gone:
			return fmt.Errorf("%s: %w", name, ErrGone)
		case time.Since(began) > limit:
			return err
		}
		b.q.options.Log.Info("it is asked for again", "name", name, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (b *Batch) get(ctx context.Context, name string, read func(io.Reader) error) error {
	// Without a deadline of its own, each step and each piece has one: a large
	// thing may take its time, a lost answer must not.
	try, enough := context.WithCancel(context.WithoutCancel(ctx))
	defer enough()
	defer context.AfterFunc(ctx, enough)()
	from, err := b.store.Get(try, name)
	if err != nil {
		return err
	}
	defer from.Close()
	return read(from)
}

// Delete takes what is stored under a name away.
func (b *Batch) Delete(ctx context.Context, name string) error {
	err := b.q.insist(ctx, request, func(ctx context.Context) error { return b.store.Delete(ctx, name) })
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil
	}
	return err
}

// Submit puts a job in. If it is there already, or being done, nothing happens.
func (b *Batch) Submit(ctx context.Context, key string, job []byte) error {
	_, err := b.q.publish(ctx, &nats.Msg{Subject: workSubject(b.kind, b.id, key), Data: job})
	return err
}

// Result is what came of a job.
type Result struct {
	Key      string
	Data     []byte // what the worker returned; nil where it Failed
	Failed   string // why no worker could do it, for good
	Attempts int
	Worker   string
}

// Results calls each for every result of the batch, those from before included,
// until each returns false or an error, or the context ends.
func (b *Batch) Results(ctx context.Context, each func(Result) (more bool, err error)) error {
	ctx, cancel := context.WithCancel(ctx)
	burying := make(chan struct{})
	defer func() { cancel(); <-burying }()
	go func() { defer close(burying); b.bury(ctx) }()
	return b.q.follow(ctx, resultStream, resultSubject(b.id, "*"), func(m jetstream.Msg) (bool, error) {
		r, err := decode(m)
		if err != nil {
			// Not of ours, or damaged: no other can be told under its subject.
			r = Result{Key: r.Key, Failed: "what a worker told cannot be read: " + err.Error()}
		}
		return each(r)
	})
}

// follow reads a stream from its beginning, and goes on for as long as it takes.
func (q *Queue) follow(ctx context.Context, stream, subject string, each func(jetstream.Msg) (bool, error)) error {
	var seen uint64
	for ctx.Err() == nil {
		again, err := q.followOnce(ctx, stream, subject, &seen, each)
		if !again {
			return err
		}
		if ctx.Err() != nil {
			break
		}
		q.options.Log.Info("the queue is followed again", "stream", stream, "error", err)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			// The server has lost all that it had.
			seen = 0
			if _, _, err := q.prepare(ctx); err != nil {
				q.options.Log.Warn("the queue cannot be made anew", "error", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
	}
	return context.Cause(ctx)
}

// followOnce reads on after the message that was seen last, until something is
// wrong. A consumer of its own for each try: whatever becomes of one, the next
// begins where it is known to have ended.
func (q *Queue) followOnce(ctx context.Context, stream, subject string, seen *uint64, each func(jetstream.Msg) (bool, error)) (again bool, err error) {
	config := jetstream.ConsumerConfig{FilterSubject: subject, AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute}
	asking, answered := context.WithTimeout(ctx, request)
	defer answered()
	if *seen > 0 {
		s, err := q.js.Stream(asking, stream)
		if err != nil {
			return true, err
		}
		if s.CachedInfo().State.LastSeq < *seen {
			*seen = 0 // it is another than it was
		} else {
			config.DeliverPolicy, config.OptStartSeq = jetstream.DeliverByStartSequencePolicy, *seen+1
		}
	}
	consumer, err := q.js.CreateConsumer(asking, stream, config)
	if err != nil {
		return true, err
	}
	for next := uint64(1); ; {
		waiting, enough := context.WithTimeout(ctx, request)
		messages, err := consumer.Fetch(100, jetstream.FetchContext(waiting), jetstream.FetchHeartbeat(2*time.Second))
		if err != nil {
			enough()
			return true, err
		}
		for m := range messages.Messages() {
			meta, err := m.Metadata()
			if err == nil && meta.Sequence.Consumer != next {
				err = fmt.Errorf("message %d came where %d was due", meta.Sequence.Consumer, next)
			}
			if err != nil {
				enough()
				return true, err
			}
			next++
			more, err := each(m)
			if err != nil || !more {
				enough()
				return false, err
			}
			*seen = meta.Sequence.Stream
		}
		enough()
		if err := messages.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout) || ctx.Err() != nil {
			return true, err
		}
	}
}

// Look is what has become of jobs that no result has come of.
type Look struct {
	Lost  []string // keys of jobs that are neither in the queue nor done: they have to be put in again
	Stuck []string // keys of jobs that nobody is given any more
}

// Look looks after jobs by their keys. What it finds stuck may have been on its way
// for the moment: it is so when it is found twice.
func (b *Batch) Look(ctx context.Context, keys []string) (look Look, err error) {
	// In this order: a result is told before its job is taken out.
	var work, results map[string]uint64
	idle := false
	err = b.q.insist(ctx, request, func(ctx context.Context) (err error) {
		if work, err = b.q.subjects(ctx, workStream, workSubject(b.kind, b.id, "*")); err != nil {
			return err
		}
		if results, err = b.q.subjects(ctx, resultStream, resultSubject(b.id, "*")); err != nil {
			return err
		}
		c, err := b.q.js.Consumer(ctx, workStream, b.kind)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil // no worker has come yet
		} else if err != nil {
			return err
		}
		info := c.CachedInfo()
		idle = info.NumPending == 0 && info.NumAckPending == 0
		return nil
	})
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if _, _, err = b.q.prepare(ctx); err == nil {
			b.q.options.Log.Warn("the queue has lost what it had")
			return Look{Lost: keys}, b.open(ctx)
		}
	}
	if err != nil {
		return Look{}, err
	}
	for _, key := range keys {
		switch _, done := results[resultSubject(b.id, key)]; {
		case done:
		case work[workSubject(b.kind, b.id, key)] == 0:
			look.Lost = append(look.Lost, key)
		case idle:
			look.Stuck = append(look.Stuck, key)
		}
	}
	if len(look.Lost) > 0 {
		err = b.open(ctx)
	}
	return look, err
}

// subjects says how many messages a stream has under each subject.
func (q *Queue) subjects(ctx context.Context, stream, filter string) (map[string]uint64, error) {
	s, err := q.js.Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, err
	}
	return info.State.Subjects, nil
}

// Fail gives a job up after so many attempts.
func (b *Batch) Fail(ctx context.Context, key, why string, attempts int) error {
	if err := b.q.finish(ctx, b.id, key, outcome{Failed: why, Attempts: attempts}); err != nil {
		return err
	}
	return b.q.insist(ctx, request, func(ctx context.Context) error {
		return b.q.work.Purge(ctx, jetstream.WithPurgeSubject(workSubject(b.kind, b.id, key)))
	})
}

// Forget takes all that is left of the batch out of the queue.
func (b *Batch) Forget(ctx context.Context) error {
	purge := func(s jetstream.Stream, subject string) error {
		return b.q.insist(ctx, request, func(ctx context.Context) error { return s.Purge(ctx, jetstream.WithPurgeSubject(subject)) })
	}
	err := b.q.insist(ctx, request, func(ctx context.Context) error { return b.q.js.DeleteObjectStore(ctx, "conform-"+b.id) })
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) {
		err = nil
	}
	return errors.Join(purge(b.q.work, workSubject("*", b.id, "*")), purge(b.q.results, resultSubject(b.id, "*")), err)
}

// keyOf takes batch and key from the subject of a job or of a result.
func keyOf(subject string) (batch, key string) {
	parts := strings.Split(subject, ".")
	if len(parts) < 4 {
		return "", ""
	}
	return parts[len(parts)-2], parts[len(parts)-1]
}

// valid says whether a name can be part of a subject.
func valid(token string) bool {
	return token != "" && !slices.ContainsFunc([]byte(token), func(b byte) bool {
		return b != '-' && b != '_' && (b < '0' || b > '9') && (b < 'a' || b > 'z') && (b < 'A' || b > 'Z')
	})
}
