package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Dialer says where and how to connect.
type Dialer struct {
	Network string      // tcp, udp, unix or unixgram
	Address string      // host:port, or a path
	TLS     *tls.Config // nil for none
	Timeout time.Duration
	Limit   int // how many unread bytes are held before the peer counts as flooding; 0 follows what it was sent
	// ReceiveBuffer is the size in bytes of the kernel's buffer for what
	// arrives, where the system lets one choose: a small one makes a client
	// that does not read felt at once. 0 leaves it to the system.
	ReceiveBuffer int
	// SegmentSize is how many bytes of TCP a segment may have, where the system
	// lets one choose. Systems hold so many segments back for a client that does
	// not read: with small ones it is felt after a hundred kilobytes, not after
	// megabytes. 0 leaves it to the system.
	SegmentSize int
	// SendBuffer is the size in bytes of the kernel's buffer for what is sent: a
	// small one makes a server that does not read felt soon. 0 leaves it to the
	// system.
	SendBuffer int
	// AnySource hears datagrams from everybody, so that an answer from another
	// address than the one that was asked is seen, see Conn.Strays: otherwise
	// the system drops it. It also drops the system's word that nobody listens.
	AnySource bool
	// Via makes the sockets, for a server in a network of its own; nil is the
	// network that we are in.
	Via Network
}

// Network makes sockets in some network. Of d, the time limits and Control count.
type Network interface {
	DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error)
	ListenPacket(network string) (net.PacketConn, error)
}

// here is the network that we are in.
type here struct{}

func (here) DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	return d.DialContext(ctx, network, address)
}

func (here) ListenPacket(network string) (net.PacketConn, error) {
	return net.ListenPacket(network, ":0")
}

// Datagram says whether what is dialled is datagrams, not a stream.
func (d Dialer) Datagram() bool { return d.Network == "udp" || d.Network == "unixgram" }

const (
	// Unless Dialer.Limit says otherwise, a peer may leave as much unread as
	// smallLimit and twice what it was sent, up to largeLimit: an echo of a
	// mebibyte is no flood, a mebibyte in answer to nothing is.
	smallLimit = 256 << 10
	largeLimit = 64 << 20
	// floodLimit and four times what it was sent end the reading of a peer
	// that sends for ever.
	floodLimit = 32 << 20
)

// Dial connects and starts to record into t. The error is what the operating
// system said; it is in the transcript too.
func (d Dialer) Dial(ctx context.Context, t *Transcript) (*Conn, error) {
	id := t.newConn()
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	nd := net.Dialer{}
	var cleanup func()
	local := ""
	if d.Network == "unixgram" {
		// The server can only answer a socket that has a name.
		dir, err := os.MkdirTemp("", "conform")
		if err != nil {
			return nil, err
		}
		cleanup = func() { os.RemoveAll(dir) }
		local = filepath.Join(dir, "client")
		nd.LocalAddr = &net.UnixAddr{Net: "unixgram", Name: local}
	}
	if d.ReceiveBuffer > 0 || d.SegmentSize > 0 {
		nd.Control = d.narrow
	}
	var nc net.Conn
	var err error
	via := d.Via
	if via == nil {
		via = here{}
	}
	if d.Datagram() && d.AnySource {
		nc, err = dialAnySource(via, d.Network, d.Address, local)
	} else {
		nc, err = via.DialWith(ctx, &nd, d.Network, d.Address)
	}
	if err == nil && d.TLS != nil {
		tc := tls.Client(nc, d.TLS)
		if err = tc.HandshakeContext(ctx); err != nil {
			nc.Close()
		}
		nc = tc
	}
	if err != nil {
		if cleanup != nil {
			cleanup()
		}
		t.record(id, ConnectFailed, nil, err.Error())
		return nil, err
	}
	if b, ok := nc.(interface{ SetWriteBuffer(int) error }); ok && d.SendBuffer > 0 {
		_ = b.SetWriteBuffer(d.SendBuffer)
	}
	t.record(id, Connected, nil, d.Network+" "+d.Address)
	c := &Conn{ID: id, t: t, nc: nc, limit: d.Limit, changed: make(chan struct{}),
		datagram: d.Datagram(), cleanup: cleanup, chunk: 64 << 10}
	if open, ok := nc.(*anySource); ok {
		open.stray = c.stray
	}
	go c.read()
	return c, nil
}

// narrow gives a socket the sizes that are agreed on when it connects, and so
// have to be set before.
func (d Dialer) narrow(_, _ string, c syscall.RawConn) error {
	var err error
	if controlErr := c.Control(func(fd uintptr) {
		if d.ReceiveBuffer > 0 {
			err = receiveBuffer(fd, d.ReceiveBuffer)
		}
		if d.SegmentSize > 0 {
			_ = segmentSize(fd, d.SegmentSize) // without it, more is needed for the same
		}
	}); controlErr != nil {
		return controlErr
	}
	return err
}

// Cause is the system's own words in a network error: the last part. Before
// them comes the address, which whoever dialled knows.
func Cause(err error) string {
	text := err.Error()
	return strings.TrimSpace(text[strings.LastIndex(text, ":")+1:])
}

// Conn is a recorded connection. A goroutine reads it all the time, so that
// what arrives is recorded when it arrives, and a peer that writes while we
// write cannot deadlock with us. Its methods are safe for concurrent use.
type Conn struct {
	ID int

	t        *Transcript
	nc       net.Conn
	limit    int
	datagram bool
	cleanup  func()

	mu         sync.Mutex
	changed    chan struct{} // closed and replaced whenever something below changes
	unread     []byte
	datagrams  [][]byte
	strays     []string // where datagrams came from that are not the peer's
	received   int64
	end        Kind // FIN, RST or Broken once the peer has ended
	flooded    bool
	closed     bool // by us, either way
	halfClosed bool
	lastSent   byte
	sent       int64
	chunk      int           // the largest read in bytes; 0 reads nothing
	pause      time.Duration // before each read
}

// State is what is known of a connection at one moment.
type State struct {
	Unread   []byte // received and not consumed; valid until the next Consume
	Waiting  int    // datagrams, empty ones too, that Unread is made of; 0 for a stream
	End      Kind   // FIN, RST or Broken; empty while the peer's side is open
	Flooded  bool   // the peer sent more than the limit
	TimedOut bool   // the wait ended before what was waited for came
}

// Came says whether anything has come that is not consumed.
func (s State) Came() bool { return len(s.Unread) > 0 || s.Waiting > 0 }

func (c *Conn) read() {
	buf := make([]byte, 32<<10)
	if c.datagram {
		buf = make([]byte, 64<<10)
	}
	for {
		n, err := c.nc.Read(buf[:c.gate(len(buf))])
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return
		}
		if n > 0 || (c.datagram && err == nil) {
			c.t.record(c.ID, Received, buf[:n], "")
			c.received += int64(n)
			if c.datagram {
				c.received += headerSize // an endless row of empty ones is a flood too
				c.flooded = c.flooded || len(c.datagrams) >= smallLimit/headerSize
			}
			if room := c.room(); n > room {
				c.flooded = true
				n = room
			}
			c.unread = append(c.unread, buf[:n]...)
			if c.datagram && !c.flooded {
				c.datagrams = append(c.datagrams, append([]byte(nil), buf[:n]...))
			}
		}
		if err != nil {
			c.end = endOf(err)
			text := ""
			if c.end == Broken {
				text = err.Error()
			}
			c.t.record(c.ID, c.end, nil, text)
		}
		stop := err != nil || c.received > floodLimit+4*c.sent
		c.wake()
		c.mu.Unlock()
		if stop {
			return
		}
	}
}

// gate waits until reading is allowed, and says how much may be read at once.
func (c *Conn) gate(most int) int {
	for {
		c.mu.Lock()
		chunk, pause, changed, closed := c.chunk, c.pause, c.changed, c.closed
		c.mu.Unlock()
		switch {
		case chunk == 0 && !closed:
			<-changed
		default:
			if pause > 0 {
				time.Sleep(pause)
			}
			return min(most, max(chunk, 1))
		}
	}
}

// ReadSlowly makes every later read at most chunk bytes long, after a pause. A
// chunk of 0 stops reading, so that the peer's writes come to a halt; reading
// goes on with the next call. One read that is under way already is not held.
func (c *Conn) ReadSlowly(chunk int, pause time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chunk, c.pause = chunk, pause
	c.wake()
}

// room is how many more bytes may wait unread. c.mu is held.
func (c *Conn) room() int {
	limit := c.limit
	if limit == 0 {
		limit = min(largeLimit, smallLimit+2*int(c.sent))
	}
	return max(0, limit-len(c.unread))
}

// endOf normalises the many ways in which Go and the systems report an end.
func endOf(err error) Kind {
	switch {
	// A TLS peer that closes without close_notify is a FIN as well: the
	// line protocols say nothing of TLS.
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return FIN
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED), errors.Is(err, syscall.ECONNREFUSED):
		return RST
	default:
		return Broken
	}
}

// headerSize is what a datagram counts for beside its bytes.
const headerSize = 64

// wake tells everyone who waits that something changed. c.mu is held.
func (c *Conn) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Await waits until enough says so of what is unread, the peer ends or floods,
// d has passed, or ctx ends; whichever is first. It consumes nothing.
func (c *Conn) Await(ctx context.Context, d time.Duration, enough func(unread []byte) bool) State {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		c.mu.Lock()
		s := c.state()
		changed := c.changed
		c.mu.Unlock()
		if s.End != "" || s.Flooded || enough(s.Unread) {
			return s
		}
		select {
		case <-changed:
		case <-timer.C:
			s.TimedOut = true
			return s
		case <-ctx.Done():
			s.TimedOut = true
			return s
		}
	}
}

// State returns what is known now.
func (c *Conn) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state()
}

func (c *Conn) state() State {
	return State{Unread: c.unread, Waiting: len(c.datagrams), End: c.end, Flooded: c.flooded}
}

// Consume takes the first n unread bytes away.
func (c *Conn) Consume(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = min(n, len(c.unread))
	c.unread = c.unread[n:]
	if len(c.unread) == 0 {
		c.unread, c.datagrams = nil, nil
	}
	for n > 0 && len(c.datagrams) > 0 {
		k := min(n, len(c.datagrams[0]))
		n -= k
		if c.datagrams[0] = c.datagrams[0][k:]; len(c.datagrams[0]) == 0 {
			c.datagrams = c.datagrams[1:]
		}
	}
}

// Datagram waits up to d for one whole datagram and consumes it; ok is false
// when none came.
func (c *Conn) Datagram(ctx context.Context, d time.Duration) (p []byte, ok bool) {
	c.Await(ctx, d, func([]byte) bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.datagrams) > 0 })
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.datagrams) == 0 {
		return nil, false
	}
	p, c.datagrams = c.datagrams[0], c.datagrams[1:]
	c.unread = c.unread[min(len(p), len(c.unread)):]
	return p, true
}

// Send writes p as one segment, as far as TCP lets one choose, within d. An
// error is not the end: what the peer sent before is still to be read.
func (c *Conn) Send(p []byte, d time.Duration) error {
	c.nc.SetWriteDeadline(time.Now().Add(d))
	// Recorded first: on a busy machine the answer could otherwise come
	// before the question in the transcript.
	c.t.record(c.ID, Sent, p, "")
	c.mu.Lock()
	c.sent += int64(len(p))
	if len(p) > 0 {
		c.lastSent = p[len(p)-1]
	}
	c.mu.Unlock()
	_, err := c.nc.Write(p)
	if err != nil {
		c.t.record(c.ID, SendFailed, nil, err.Error())
		if c.datagram && endOf(err) == RST {
			// The system says so once, to whoever asks first.
			c.mu.Lock()
			c.end = RST
			c.t.record(c.ID, RST, nil, "")
			c.wake()
			c.mu.Unlock()
		}
	}
	return err
}

// Datagrams says whether this is a socket for datagrams: each Send is one.
func (c *Conn) Datagrams() bool { return c.datagram }

// Strays lists where datagrams came from that are not the peer's, if the Dialer
// said AnySource.
func (c *Conn) Strays() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.strays...)
}

// stray records a datagram from somebody else.
func (c *Conn) stray(from string, p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.record(c.ID, Stray, p, from)
	if len(c.strays) < maxStrays {
		c.strays = append(c.strays, from)
	}
}

// maxStrays is how many sources are told of.
const maxStrays = 16

// MidMessage says whether bytes were sent since the last one equal to end:
// whether the peer may be in the middle of a message.
func (c *Conn) MidMessage(end byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent > 0 && c.lastSent != end
}

// Open says whether neither side has ended the connection, half-closing
// included.
func (c *Conn) Open() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed && !c.halfClosed && c.end == ""
}

// HalfClose ends our side (FIN) and goes on reading.
func (c *Conn) HalfClose() error {
	c.t.record(c.ID, HalfClosed, nil, "")
	c.mu.Lock()
	c.halfClosed = true
	c.mu.Unlock()
	if h, ok := c.nc.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SendAndEnd is Send and HalfClose in one segment, where the system can do that:
// the peer finds both when it looks.
func (c *Conn) SendAndEnd(p []byte, d time.Duration) error {
	if tc, ok := c.nc.(*net.TCPConn); ok {
		cork(tc)
	}
	if err := c.Send(p, d); err != nil {
		return err
	}
	return c.HalfClose()
}

// Close closes the connection. What is unread in the kernel makes it send a
// reset instead of a FIN: read first.
func (c *Conn) Close() { c.shut(Closed) }

// Reset closes the connection with a reset (RST), where the transport has one.
func (c *Conn) Reset() {
	raw := c.nc
	if tc, ok := raw.(*tls.Conn); ok {
		raw = tc.NetConn()
	}
	if tc, ok := raw.(*net.TCPConn); ok {
		tc.SetLinger(0)
	}
	c.shut(WasReset)
}

func (c *Conn) shut(how Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	c.t.record(c.ID, how, nil, "")
	if how == WasReset {
		if tc, ok := c.nc.(*tls.Conn); ok {
			tc.NetConn().Close() // no close_notify before the reset
		}
	}
	c.nc.Close()
	if c.cleanup != nil {
		c.cleanup()
	}
	c.wake()
}

// Gone says whether we have closed the connection or the peer has ended it.
func (c *Conn) Gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed || c.end != ""
}
