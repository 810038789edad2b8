/* A client for line echo and WebSocket echo over epoll, to compare others with:
 *
 *     client echo|websocket PORT CONNECTIONS COUNTERS
 *
 * It does for each round trip what conform does: writes a message that names
 * the client and the turn, compares the answer byte by byte, and counts how
 * long it took. It runs until it is killed. */
#include "common.h"

struct conn {
	int fd;
	uint32_t turn; /* 0: the opening handshake */
	uint32_t have; /* bytes of an answer that is not complete */
	uint64_t asked;
	char in[256];
};

static struct conn *conns;
static int ws, started, inflight, total, port, ep;
static volatile struct counters *count;
static uint32_t histogram[64 * 32];
static char filler[] = ", and-the-rest-is-filled-up-with:0123456789abcdefghijklmnopqrstuvwxyz";

static uint64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void record(uint64_t ns) {
	uint64_t us = ns / 1000 + 1;
	int log = 63 - __builtin_clzll(us);
	histogram[log * 32 + (log >= 5 ? us >> (log - 5) & 31 : us & 31)]++;
}

static char *number(char *p, uint32_t n) {
	char digits[10];
	int i = 0;
	do digits[i++] = '0' + n % 10;
	while (n /= 10);
	while (i) *p++ = digits[--i];
	return p;
}

static void who(char *p, int client, uint32_t turn, int size) {
	char *end = p + size;
	memcpy(p, "client ", 7);
	p = number(p + 7, client);
	memcpy(p, ", turn ", 7);
	p = number(p + 7, turn);
	memcpy(p, filler, end - p);
}

static uint64_t mix(uint64_t x) {
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static int say(char *out, int client, uint32_t turn) {
	if (!ws) {
		who(out, client, turn, LINE);
		memcpy(out + LINE, "\r\n", 2);
		return LINE + 2;
	}
	if (turn == 0)
		return sprintf(out, "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
				    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", port);
	uint32_t key = mix((uint64_t)client << 32 ^ turn);
	out[0] = (char)0x81;
	out[1] = (char)(0x80 | PAYLOAD);
	memcpy(out + 2, &key, 4);
	who(out + 6, client, turn, PAYLOAD);
	mask_bytes((unsigned char *)out + 6, PAYLOAD, key);
	return 6 + PAYLOAD;
}

static int expected(char *p, int client, uint32_t turn) {
	if (!ws) {
		memcpy(p, "Echoed: '", 9);
		who(p + 9, client, turn, LINE);
		memcpy(p + 9 + LINE, "'\r\n", 3);
		return 9 + LINE + 3;
	}
	p[0] = (char)0x81;
	p[1] = PAYLOAD;
	who(p + 2, client, turn, PAYLOAD);
	return 2 + PAYLOAD;
}

static void ask(int i, uint32_t turn) {
	char out[256];
	struct conn *c = &conns[i];
	c->turn = turn;
	int n = say(out, i, turn);
	if (send(c->fd, out, n, MSG_NOSIGNAL) != n) die("send");
}

static void start_one(void) {
	int i = started++;
	struct conn *c = &conns[i];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0) die("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(c->fd, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS) die("connect");
	c->asked = 0;
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.u32 = i};
	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e)) die("epoll_ctl");
	inflight++;
}

int main(int argc, char **argv) {
	if (argc != 5) return fprintf(stderr, "client echo|websocket PORT CONNECTIONS COUNTERS\n"), 2;
	ws = !strcmp(argv[1], "websocket");
	port = atoi(argv[2]);
	total = atoi(argv[3]);
	count = counters_at(argv[4]);
	raise_limit();
	conns = calloc(total, sizeof *conns);
	ep = epoll_create1(0);
	struct epoll_event events[EVENTS];
	static char in[65536];
	char want[256];
	for (;;) {
		while (started < total && inflight < 128) start_one();
		int n = epoll_wait(ep, events, EVENTS, -1);
		for (int k = 0; k < n; k++) {
			int i = events[k].data.u32;
			struct conn *c = &conns[i];
			if (c->asked == 0) { /* connected */
				struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
				epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
				c->asked = now();
				ask(i, ws ? 0 : 1);
				continue;
			}
			ssize_t got = recv(c->fd, in, sizeof in, 0);
			if (got <= 0) {
				if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
				die("recv");
			}
			char *p = in;
			if (c->have) {
				if (c->have + got > (ssize_t)sizeof c->in) return fprintf(stderr, "too long an answer\n"), 1;
				memcpy(c->in + c->have, in, got);
				got += c->have;
				p = c->in;
			}
			int due = 0;
			if (ws && c->turn == 0) {
				char *end = memmem(p, got, "\r\n\r\n", 4);
				if (end && !strncmp(p, "HTTP/1.1 101 ", 13)) due = end + 4 - p;
			} else {
				due = expected(want, i, c->turn);
				if (got < due) due = 0;
				else if (got > due || memcmp(p, want, due)) return fprintf(stderr, "wrong answer\n"), 1;
			}
			if (!due) {
				if (got > (ssize_t)sizeof c->in) return fprintf(stderr, "too long an answer\n"), 1;
				memmove(c->in, p, got);
				c->have = got;
				continue;
			}
			c->have = 0;
			uint64_t t = now();
			if (c->turn > 0) {
				record(t - c->asked);
				count->messages++;
				if (c->turn == 1) count->connections++, inflight--;
			}
			c->asked = t;
			ask(i, c->turn + 1);
		}
	}
}
